package web

import (
	"bytes"
	"encoding/json"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/carelog/carelog/projections"
	"github.com/carelog/carelog/projections/fhirjson"
)

// comparedField is a field that differs in some version: what each has there. A value that a version lacks is nil.
type comparedField struct {
	path     string
	member   string // of the resource, which is chosen as a whole
	name     string // its own
	ancestor any
	values   []any
	Label    string
	Order    bool // the same items, in another order
}

var (
	places     = regexp.MustCompile(`\[[^\]]*\]`)
	firstName  = regexp.MustCompile(`^\w*`)
	lastName   = regexp.MustCompile(`\w*$`)
	everywhere = []string{"resourceType", "id"} // of no interest beside a deletion
)

// fieldOf takes the path of a difference apart: that within the resource without places in lists, the member
// and the last name.
func fieldOf(path string) (plain, member, name string) {
	_, inner, _ := strings.Cut(path, ".")
	plain = places.ReplaceAllString(inner, "")
	return plain, firstName.FindString(inner), lastName.FindString(plain)
}

// readRaw is a value of a body; nil where there is none.
func readRaw(text json.RawMessage) any {
	if text == nil {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	value, err := readValue(d)
	if err != nil {
		return string(text)
	}
	return value
}

// beside are the fields in which the version at a place differs from the first one.
type beside struct {
	at      int
	deleted bool
	fields  []fhirjson.Difference
}

// comparedFields lays the comparisons of each version with the first beside each other: a row for each field
// that differs anywhere, with its value in every version. Two comparisons may cut a list differently, and then neither
// knows what a third version has there: such rows are replaced by the whole member.
func (s *spoken) comparedFields(c *candidates) []comparedField {
	lists := besideFirst(c)
	var rows []comparedField
	for _, list := range lists {
		for _, f := range list.fields {
			i := slices.IndexFunc(rows, func(r comparedField) bool { return r.path == f.Path })
			if i < 0 {
				i = len(rows)
				rows = append(rows, s.newComparedField(f, c))
			}
			rows[i].values[list.at] = readRaw(f.B)
		}
	}
	rows = s.byMember(rows, c, func(member string, _ int) bool { return doseMembers[member] }) // a dose is read as a whole
	if len(lists) < 2 {
		return rows
	}
	var whole []string
	for _, r := range rows {
		if slices.ContainsFunc(rows, func(other comparedField) bool { return within(other.path, r.path) }) {
			whole = add(whole, r.member)
		}
	}
	return s.byMember(rows, c, func(member string, _ int) bool { return slices.Contains(whole, member) })
}

// perMember has one row for each member, since that is what is chosen: its own, or the whole of it.
func (s *spoken) perMember(rows []comparedField, c *candidates) []comparedField {
	return s.byMember(rows, c, func(_ string, rows int) bool { return rows > 1 })
}

// byMember replaces the rows of the members that are shown whole by one.
func (s *spoken) byMember(rows []comparedField, c *candidates, whole func(member string, rows int) bool) (list []comparedField) {
	count := make(map[string]int)
	for _, r := range rows {
		count[r.member]++
	}
	done := make(map[string]bool)
	for _, r := range rows {
		switch {
		case !whole(r.member, count[r.member]):
			list = append(list, r)
		case !done[r.member]:
			done[r.member] = true
			list = append(list, s.wholeMember(r.member, c))
		}
	}
	return list
}

func (s *spoken) wholeMember(member string, c *candidates) comparedField {
	row := comparedField{
		path: c.record.Type + "." + member, member: member, name: member, Label: s.labelIn(c.record.Type, member),
		ancestor: at(c.before, member), values: make([]any, len(c.versions)),
	}
	for i, v := range c.versions {
		row.values[i] = at(v.content, member)
	}
	return row
}

// newComparedField takes what a comparison does not list for the same in both of its versions.
func (s *spoken) newComparedField(f fhirjson.Difference, c *candidates) comparedField {
	plain, member, name := fieldOf(f.Path)
	row := comparedField{
		path: f.Path, member: member, name: name, Order: f.OrderOnly, ancestor: readRaw(f.Ancestor), Label: s.labelIn(c.record.Type, plain),
		values: make([]any, len(c.versions)),
	}
	for i, v := range c.versions {
		if v.content != nil {
			row.values[i] = readRaw(f.A)
		}
	}
	return row
}

// besideFirst are the comparisons whose fields make rows. A deletion lacks every field, so beside it only what the first
// version changed is of interest, and only where no living one differs.
func besideFirst(c *candidates) (lists []beside) {
	versions := make([]projections.Version, len(c.versions))
	for i, v := range c.versions {
		versions[i] = v.Version
	}
	var before []byte
	if c.ancestor != nil {
		before = c.ancestor.Body
	}
	living := false
	for _, d := range compare(before, versions) {
		i := slices.IndexFunc(versions, func(v projections.Version) bool { return v.Event.ID == d.B })
		lists = append(lists, beside{i, versions[i].Deleted(), d.Fields})
		living = living || !versions[i].Deleted()
	}
	if living {
		return slices.DeleteFunc(lists, func(b beside) bool { return b.deleted })
	}
	for i := range lists[:min(1, len(lists))] {
		lists[i].fields = slices.DeleteFunc(slices.Clone(lists[i].fields), func(f fhirjson.Difference) bool {
			plain, _, _ := fieldOf(f.Path)
			return slices.Contains(everywhere, plain) || reflect.DeepEqual(readRaw(f.A), readRaw(f.Ancestor))
		})
	}
	return lists[:min(1, len(lists))]
}

func within(inner, outer string) bool {
	return strings.HasPrefix(inner, outer+".") || strings.HasPrefix(inner, outer+"[")
}
