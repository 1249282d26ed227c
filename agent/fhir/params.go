package fhir

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/carelog/carelog/projections"
	"github.com/carelog/carelog/projections/fhirjson"
)

// parameter is what one search parameter does.
type parameter struct {
	needs traits // of the type; 0: every type has it
	kind  string // FHIR's search-param-type; "" for what does not narrow
	// set puts a value into the query. Values that stand several times must all hold.
	set func(q *projections.Query, value string) error
}

// cursorParameter carries the place in a search from one page to the next.
const cursorParameter = "_cursor"

var parameters = map[string]parameter{
	"_id":           {kind: "token", set: once(func(q *projections.Query) *string { return &q.ID })},
	"identifier":    {kind: "token", set: once(func(q *projections.Query) *string { return &q.Identifier })},
	"_tag":          {kind: "token", set: setTag},
	"patient":       {needs: inDossier, kind: "reference", set: setPatient},
	"subject":       {needs: inDossier, kind: "reference", set: setPatient},
	"name":          {needs: hasName, kind: "string", set: words(func(q *projections.Query) *string { return &q.Name })},
	"family":        {needs: hasParts, kind: "string", set: words(func(q *projections.Query) *string { return &q.Family })},
	"given":         {needs: hasParts, kind: "string", set: words(func(q *projections.Query) *string { return &q.Given })},
	"birthdate":     {needs: hasBirth, kind: "date", set: setBirthDate},
	"_count":        {set: setCount},
	cursorParameter: {set: once(func(q *projections.Query) *string { return &q.After })},
}

// asked is a search as it was understood.
type asked struct {
	query     projections.Query
	used      url.Values // for the self link
	ignored   []string   // parameters that are not supported
	countOnly bool
}

// understand reads search parameters. What cannot be taken as it was meant is an
// error; a parameter that is not known is ignored and named, or, where strict, an
// error as well.
func understand(typ string, values url.Values, strict bool) (asked, error) {
	a := asked{query: projections.Query{Type: typ}, used: url.Values{}}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if name == "_format" || name == "_pretty" {
			continue
		}
		bare := name
		if i := strings.IndexAny(name, ":."); i >= 0 {
			bare = name[:i]
		}
		p, ok := parameters[bare]
		if !ok || resourceTypes[typ]&p.needs != p.needs || strings.Join(values[name], "") == "" {
			a.ignored = append(a.ignored, name)
			continue
		}
		if bare != name && !(p.kind == "reference" && name == bare+":Patient") {
			return asked{}, badRequest("not-supported", "%s: %s cannot be modified or chained like this here", name, bare)
		}
		for _, value := range values[name] {
			if err := set(&a, p, value); err != nil {
				return asked{}, badRequest("value", "%s=%s: %v", name, value, err)
			}
			a.used.Add(name, value)
		}
	}
	if strict && len(a.ignored) > 0 {
		return asked{}, badRequest("not-supported", "not supported for %s: %s; see %s/metadata", typ, strings.Join(a.ignored, ", "), Root)
	}
	a.countOnly = slices.Contains(a.used["_count"], "0")
	return a, nil
}

func set(a *asked, p parameter, value string) error {
	if value == "" {
		return errors.New("the value is missing")
	}
	if p.kind != "" {
		plain, err := unescape(value)
		if err != nil {
			return err
		}
		value = plain
	}
	return p.set(&a.query, value)
}

// unescape takes FHIR's backslashes out of a value. A comma without one asks for
// either of two values, which would need another query. A bar is left escaped where it
// is, since it parts a token.
func unescape(value string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(value); i++ {
		switch {
		case value[i] == ',':
			return "", errors.New(`either-or (with a comma) is not supported: ask twice, or write \, for a comma`)
		case value[i] == '\\' && i+1 < len(value) && strings.IndexByte(`\,$`, value[i+1]) >= 0:
			i++
			b.WriteByte(value[i])
		case value[i] == '\\' && i+1 < len(value) && value[i+1] == '|':
			return "", errors.New("a bar within a value is not supported")
		default:
			b.WriteByte(value[i])
		}
	}
	return b.String(), nil
}

// once sets a field that a query has one of.
func once(field func(*projections.Query) *string) func(*projections.Query, string) error {
	return func(q *projections.Query, value string) error {
		f := field(q)
		if *f != "" && *f != value {
			return fmt.Errorf("two values that must both hold (%s too) are not supported", *f)
		}
		*f = value
		return nil
	}
}

// words adds to words that must all be found.
func words(field func(*projections.Query) *string) func(*projections.Query, string) error {
	return func(q *projections.Query, value string) error {
		if fhirjson.Fold(value) == "" {
			return errors.New("there is no letter or digit to search for")
		}
		f := field(q)
		*f = strings.TrimSpace(*f + " " + value)
		return nil
	}
}

func setPatient(q *projections.Query, value string) error {
	id := strings.TrimPrefix(value, "Patient/")
	if strings.Contains(id, "/") {
		return errors.New("want Patient/<id>")
	}
	return once(func(q *projections.Query) *string { return &q.Patient })(q, id)
}

func setTag(q *projections.Query, value string) error {
	if value != fhirjson.ConflictTag.System+"|"+fhirjson.ConflictTag.Code && value != fhirjson.ConflictTag.Code {
		return fmt.Errorf("only %s|%s can be searched for", fhirjson.ConflictTag.System, fhirjson.ConflictTag.Code)
	}
	q.Conflict = true
	return nil
}

func setBirthDate(q *projections.Query, value string) error {
	date := strings.TrimPrefix(value, "eq")
	if len(date) == 0 || date[0] < '0' || date[0] > '9' {
		return errors.New("want YYYY, YYYY-MM or YYYY-MM-DD; of the prefixes only eq is supported")
	}
	return once(func(q *projections.Query) *string { return &q.BirthDate })(q, date)
}

func setCount(q *projections.Query, value string) error {
	n, err := strconv.Atoi(value)
	if err != nil || n < 0 {
		return errors.New("want a number of entries")
	}
	q.Limit = min(max(n, 1), projections.MaxLimit) // of 0 only the total is shown
	return nil
}
