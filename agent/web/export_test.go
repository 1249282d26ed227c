package web

import (
	"context"
	"maps"
	"time"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
)

// Pick is the code of the language for a cookie and a header Accept-Language.
func Pick(chosen, accept string) string { return pick(builtSite().languages, chosen, accept).code }

// Date writes a FHIR date in a language.
func Date(code, value string) string { return builtSite().languages[code].date(value) }

// Say is a sentence of a language.
func Say(code, at string, args ...any) (string, error) {
	return builtSite().languages[code].say(at, args...)
}

// JoinModules joins modules of these texts.
func JoinModules(texts map[string]string) (first, others string, err error) {
	files := make(map[string]asset)
	for name, text := range texts {
		files["js/"+name+".js"] = newAsset(name, []byte(text))
	}
	return joinModules(files)
}

// Versions are the name of all files together, and the one that they would have if a file were another.
func Versions(file string) (all, other string) {
	files := maps.Clone(builtSite().assets)
	all = versionOf(files)
	files[file] = newAsset(file, []byte(files[file].content+" "))
	return all, versionOf(files)
}

// Reason is the light's reason in a language.
func Reason(code, text string, cause *agent.Problem) string {
	return builtSite().languages[code].reason(text, cause)
}

// Age is how old somebody is, in a language.
func Age(code, birth string, now time.Time) (string, error) {
	return builtSite().languages[code].age(birth, now)
}

// Lasts and Size are a length of time and a number of bytes in a language.
func Lasts(code string, d time.Duration) string { return builtSite().languages[code].duration(d) }
func Size(code string, n uint64) string         { return builtSite().languages[code].bytes(n) }

// Described is what a resource is about, and its members, in a language.
func Described(code string, body []byte) (about [4]string, past, high bool, fields [][2]string) {
	s := builtSite().languages[code]
	r := readResource(body)
	d := s.describe(r)
	for _, f := range nobody(s).fields(r) {
		fields = append(fields, [2]string{f.Label, f.Value})
	}
	return [4]string{d.Title, d.Detail, d.State, d.When}, d.Past, d.High, fields
}

// HasLabel reports whether a language has a word for a member, wherever it stands.
func HasLabel(code, name string) bool { return builtSite().languages[code].ownLabel(name) != "" }

// Dosage says a FHIR Dosage in a language.
func Dosage(code string, body []byte) string {
	return builtSite().languages[code].dosage(readResource(body))
}

// Candidates are versions between which somebody chooses; an empty body deletes, and no ancestor is nil.
type Candidates struct{ c candidates }

// NewCandidates are versions of a Condition.
func NewCandidates(ancestor *string, bodies ...string) Candidates {
	c := candidates{record: events.Record{Type: "Condition", ID: "c"}}
	var versions []projections.Version
	for i, body := range bodies {
		v := projections.Version{Event: &events.Event{ID: events.ID{byte(i + 1)}, Type: events.Written}, Body: []byte(body)}
		if body == "" {
			v.Event.Type, v.Body = events.Deleted, nil
		}
		versions = append(versions, v)
	}
	shared := projections.Version{Event: &events.Event{Type: events.Written}}
	if ancestor != nil {
		shared.Body = []byte(*ancestor)
	}
	c.take(versions, shared, ancestor != nil)
	return Candidates{c}
}

// Of has them be versions of a record of another type.
func (c Candidates) Of(kind string) Candidates {
	c.c.record.Type = kind
	return c
}

// Union, Proposal and Merge are the choices that they offer; -1 stands for a union.
func (c Candidates) Union(member string) string                 { return string(c.c.items(member)) }
func (c Candidates) Proposal(member string) (int, bool)         { return c.c.proposal(member) }
func (c Candidates) Merge(taken map[string]int) ([]byte, error) { return c.c.merge(taken) }

// Rows are the fields that differ, or the members that they are of, each with what every version has.
func (c Candidates) Rows(members bool) (rows []string) {
	s := builtSite().languages["en"]
	list := s.comparedFields(&c.c)
	if members {
		list = s.perMember(list, &c.c)
	}
	for _, f := range list {
		row := f.path
		for _, v := range f.values {
			row += "|" + nobody(s).value(v, f.name)
		}
		rows = append(rows, row)
	}
	return rows
}

// nobody are the names of a practice of which no record is here.
func nobody(s *spoken) *names {
	return &names{ctx: context.Background(), said: s, known: map[string]string{}, records: nothingHere{}}
}

type nothingHere struct{ Records }

func (nothingHere) Record(context.Context, events.Record) (projections.State, error) {
	return projections.State{}, projections.ErrNotFound
}
