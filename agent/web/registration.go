package web

import (
	"slices"
	"strings"
)

const (
	rowsAtOnce   = 50
	othersAtOnce = 5
	mostInPlace  = 3
)

// registration is a record as a list shows it.
type registration struct {
	*page
	Type, ID, Kind, Name string
	Said                 said
	When                 string // FHIR date or dateTime; empty: none is given
	By                   string // who wrote the version shown
	Queued, SetAside     bool
	Versions             int // in conflict; 0: in none
	InPlace              []version
	Beside               int // versions beside those

	known    *names
	content  object // of the version shown; nil: it cannot be read
	versions []version
	over     bool // by every version
	privacy  bool // it is shown there
	wish     bool
	allows   string // the table of which it has a code; see consentTable
	author   string
	event    string
}

// version is one of a record's.
type version struct {
	Deleted bool
	Said    said
	By, At  string
	content object
}

// over tells that a version surely does not hold any more: the lists and the panel of safety ask nothing else.
func (v version) over() bool { return v.Deleted || v.content != nil && v.Said.Past }

// ended tells that by every version it says of itself until when it holds, and that this has passed, though nobody says that it is over.
func (r *registration) ended() bool {
	return !r.over && !slices.ContainsFunc(r.versions, func(v version) bool { return !v.Deleted && !v.Said.Ended })
}

// Readable tells whether it can be read.
func (v version) Readable() bool { return v.content != nil }

// list is the kind by which the list is named that it stands in.
func (r *registration) list() string { return firstOf(standsWith[r.Type], r.Type) }

// Marked tells that it is of another kind than its list, for which the pages have no form.
func (r *registration) Marked() bool { return r.list() != r.Type }

// Readable tells whether the version shown can be read.
func (r *registration) Readable() bool { return r.content != nil }

// Meta is when and by whom.
func (r *registration) Meta() string {
	by := ""
	if r.By != "" {
		by = r.page.said.must("dossier.by", r.By)
	}
	return joined(" ", r.Date(r.When), by)
}

// Fields is all of it, member by member.
func (r *registration) Fields() []field { return r.known.fields(r.content) }

// Editable reports whether the pages have a form for what it holds.
func (r *registration) Editable() bool {
	switch {
	case r.content == nil, r.Marked():
		return false
	case r.Type == "Observation": // one of another form, such as one of three parts, is the EHR's
		return (at(r.content, "valueQuantity") == nil) != (at(r.content, "component") == nil) && len(r.page.said.linesOf(r.content)) > 0
	case r.Type == "DocumentReference":
		_, ok := noteText(r.content)
		return ok
	}
	return true
}

// list is a list of which the first rows stand, and more when asked to, or printed.
type list struct {
	*page
	Name  string
	First []*registration
	Rest  [][]*registration
	Total int
}

func (p *page) newList(name string, rows []*registration, first int) list {
	first = min(first, len(rows))
	return list{page: p, Name: name, First: rows[:first], Rest: portions(rows[first:], rowsAtOnce), Total: len(rows)}
}

// portions cuts a list into pieces of so many.
func portions[T any](rows []T, each int) (pieces [][]T) {
	for len(rows) > 0 {
		n := min(each, len(rows))
		pieces = append(pieces, rows[:n])
		rows = rows[n:]
	}
	return pieces
}

// lowered is what a text is looked for in: all that is said of it, by any version.
func (r *registration) lowered() string {
	all := r.Kind
	for _, v := range r.versions {
		all += "\n" + v.Said.Title + " " + v.Said.Detail
	}
	return strings.ToLower(all)
}
