package projections

import (
	"context"
	"fmt"
	"strings"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections/fhirjson"
)

// Search finds records that are not deleted. What any live head can be found by finds
// the record, also where another head is shown: an allergy that stands only on the
// losing side of a conflict must not be missed.
func (s *Store) Search(ctx context.Context, q Query) (Page, error) {
	var page Page
	err := s.view(ctx, "search", func(v *view) error {
		f, err := filterOf(q)
		if err != nil {
			return err
		}
		if _, err := v.one("SELECT count(*) FROM record r WHERE "+f.where(), f.args, &page.Total); err != nil {
			return err
		}
		if q.After != "" {
			c, err := parseCursor(q.After)
			if err != nil {
				return err
			}
			f.add("(r.label, r.type, r.id) > (?, ?, ?)", c.label, c.record.Type, c.record.ID)
		}
		limit := bound(q.Limit)
		more, last := 0, cursor{}
		where := "WHERE " + f.where() + " ORDER BY r.label, r.type, r.id LIMIT ?"
		args := append(f.args, limit+1)
		if err := v.each("SELECT r.label, r.type, r.id FROM record r "+where, args, func(scan func(...any) error) error {
			if more++; more > limit {
				return nil
			}
			return scan(&last.label, &last.record.Type, &last.record.ID)
		}); err != nil {
			return err
		}
		if more > limit {
			page.Next = last.String()
		}
		args[len(args)-1] = limit
		page.States, err = v.states(where, args...)
		return err
	})
	return page, err
}

// filter collects the conditions of a search.
type filter struct {
	conditions []string
	args       []any
}

func (f *filter) add(condition string, args ...any) {
	f.conditions = append(f.conditions, condition)
	f.args = append(f.args, args...)
}

func (f *filter) where() string { return strings.Join(f.conditions, " AND ") }

const (
	byName = "r.key IN (SELECT e.record FROM words n JOIN event e ON e.arrival = n.rowid WHERE words MATCH ?)"
	byTerm = "r.key IN (SELECT e.record FROM term t JOIN event e ON e.arrival = t.carrier WHERE %s)"
)

func filterOf(q Query) (*filter, error) {
	f := &filter{}
	f.add("r.heads > 0 AND r.deleted = 0")
	switch {
	case q.Type != "" && q.ID != "":
		f.add(named, nameArgs(events.Record{Type: q.Type, ID: q.ID})...)
	case q.Type == "Patient":
		f.add("r.type = 'Patient'") // has an index of its own
	case q.Type != "":
		f.add("r.type = ?", q.Type)
	case q.ID != "":
		f.add("r.id = ?", q.ID)
	}
	if q.Patient != "" {
		f.add(inDossier, q.Patient, q.Patient)
	}
	if q.Conflict {
		f.add("r.conflict = 1")
	}
	const allNames = "{family given name}"
	for _, part := range []struct {
		text, columns string
		other         bool
	}{{q.Name, allNames, false}, {q.Family, "{family}", false}, {q.Given, "{given}", false}, {q.Text, allNames, true}} {
		if strings.TrimSpace(part.text) == "" {
			continue
		}
		match := matchOf(part.text, part.columns, part.other)
		if match == "" {
			return nil, fmt.Errorf("%w: %q has no letter and no digit", ErrQuery, part.text)
		}
		f.add(byName, match)
	}
	if err := f.addBirthDate(q.BirthDate); err != nil {
		return nil, err
	}
	f.addIdentifier(q.Identifier)
	return f, nil
}

// matchOf writes words as an FTS5 question: every one must begin a word of the names
// or, with other, a birth date or an identifier however it is punctuated. Empty where
// the text has no word.
func matchOf(text, columns string, other bool) string {
	var parts []string
	for field := range strings.FieldsSeq(text) {
		var names []string
		for _, word := range fhirjson.Words(field) {
			names = append(names, columns+` : "`+word+`" *`)
		}
		switch part := strings.Join(names, " AND "); {
		case part == "":
		case other:
			parts = append(parts, "(("+part+`) OR {other} : "`+bare(field)+`" *)`)
		default:
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, " AND ")
}

// addBirthDate takes a year, a month or a day: whoever was born in it.
func (f *filter) addBirthDate(date string) error {
	if date == "" {
		return nil
	}
	switch {
	case len(date) == 4 && digits(date), len(date) == 7 && digits(date[:4]) && date[4] == '-' && digits(date[5:]):
		f.add(fmt.Sprintf(byTerm, "t.kind = 'birthdate' AND (t.value = ? OR t.value >= ? AND t.value < ?)"), date, date+"-", date+".") // '.' follows '-'
	case len(date) == 10 && digits(date[:4]) && date[4] == '-' && digits(date[5:7]) && date[7] == '-' && digits(date[8:]):
		f.add(fmt.Sprintf(byTerm, "t.kind = 'birthdate' AND t.value = ?"), date)
	default:
		return fmt.Errorf("%w: birth date %q: want YYYY, YYYY-MM or YYYY-MM-DD", ErrQuery, date)
	}
	return nil
}

func digits(s string) bool { return strings.Trim(s, "0123456789") == "" }

// addIdentifier takes a FHIR token.
func (f *filter) addIdentifier(token string) {
	if token == "" {
		return
	}
	system, value, both := strings.Cut(token, "|")
	switch {
	case !both:
		f.add(fmt.Sprintf(byTerm, "t.kind = 'identifier' AND t.value = ?"), token)
	case value == "":
		f.add(fmt.Sprintf(byTerm, "t.kind = 'identifier' AND t.system = ?"), system)
	default:
		f.add(fmt.Sprintf(byTerm, "t.kind = 'identifier' AND t.value = ? AND t.system = ?"), value, system)
	}
}
