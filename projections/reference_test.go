package projections_test

import (
	"encoding/json"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/carelog/carelog/projections"
)

// criterion is one parameter of a question as the reference understands it: it reads plain
// JSON and shares nothing with the index.
type criterion struct {
	name, modifier string
	prefix         string
	values         []string // of which one must hold
}

// String is the criterion in FHIR's notation.
func (c criterion) String() string {
	name := c.name
	if c.modifier != "" {
		name += ":" + c.modifier
	}
	var values []string
	for _, v := range c.values {
		values = append(values, c.prefix+v)
	}
	return name + "=" + strings.Join(values, ",")
}

// plainly reports whether one live head of a record is all that is asked for.
func plainly(state projections.State, criteria []criterion) bool {
	return slices.ContainsFunc(state.Heads, func(v projections.Version) bool {
		if v.Deleted() {
			return false
		}
		var body map[string]any
		d := json.NewDecoder(strings.NewReader(string(v.Body)))
		d.UseNumber()
		if err := d.Decode(&body); err != nil {
			body = nil
		}
		return !slices.ContainsFunc(criteria, func(c criterion) bool { return !c.holds(state, v.Event.Patient, body) })
	})
}

func (c criterion) holds(state projections.State, patient string, body map[string]any) bool {
	found := c.found(state, patient, body)
	switch c.modifier {
	case "missing":
		return (len(found) == 0) == (c.values[0] == "true")
	case "not":
		return !slices.ContainsFunc(found, c.is)
	}
	return slices.ContainsFunc(found, c.is)
}

// found are the values that a head has for the parameter.
func (c criterion) found(state projections.State, patient string, body map[string]any) (list []any) {
	object := func(m map[string]any, name string) map[string]any { o, _ := m[name].(map[string]any); return o }
	switch c.name {
	case "_id":
		return []any{state.Record.ID}
	case "patient":
		if patient != "" {
			return []any{patient}
		}
	case "code":
		codings, _ := object(body, "code")["coding"].([]any)
		for _, x := range codings {
			coding := x.(map[string]any)
			system, _ := coding["system"].(string)
			list = append(list, system+"|"+coding["code"].(string))
		}
	case "status":
		if s, ok := body["status"].(string); ok {
			list = append(list, "http://hl7.org/fhir/observation-status|"+s)
		}
	case "date":
		if s, ok := body["effectiveDateTime"].(string); ok {
			list = append(list, spanOf(s, s))
		}
		if p := object(body, "effectivePeriod"); p != nil {
			start, _ := p["start"].(string)
			end, _ := p["end"].(string)
			list = append(list, spanOf(start, end))
		}
	case "value-quantity":
		if q := object(body, "valueQuantity"); q != nil {
			n, _ := new(big.Rat).SetString(q["value"].(json.Number).String())
			list = append(list, measured{n, q["unit"].(string)})
		}
	}
	return list
}

type measured struct {
	value *big.Rat
	unit  string
}

// moments are the first and the last millisecond of a span.
type moments struct{ low, high int64 }

const forever = 1 << 60

func spanOf(start, end string) moments {
	m := moments{-forever, forever}
	if start != "" {
		m.low, _ = ends(start)
	}
	if end != "" {
		_, m.high = ends(end)
	}
	return m
}

func ends(s string) (low, high int64) {
	for _, f := range []struct {
		layout              string
		years, months, days int
	}{{"2006", 1, 0, 0}, {"2006-01", 0, 1, 0}, {"2006-01-02", 0, 0, 1}} {
		if t, err := time.Parse(f.layout, s); err == nil {
			return t.UnixMilli(), t.AddDate(f.years, f.months, f.days).UnixMilli() - 1
		}
	}
	t, err := time.Parse("2006-01-02T15:04:05", s)
	if err != nil {
		panic(err)
	}
	return t.UnixMilli(), t.UnixMilli() + 999
}

// is reports whether a value is one of those that are asked for.
func (c criterion) is(found any) bool {
	return slices.ContainsFunc(c.values, func(want string) bool {
		switch x := found.(type) {
		case moments:
			s := spanOf(want, want)
			within := s.low <= x.low && x.high <= s.high
			return map[string]bool{
				"": within, "eq": within, "ne": !within, "gt": x.high > s.high, "lt": x.low < s.low, "sa": x.low > s.high, "eb": x.high < s.low,
				"ge": x.high > s.high || within, "le": x.low < s.low || within,
			}[c.prefix]
		case measured:
			number, unit, hasUnit := strings.Cut(want, "||")
			if hasUnit && unit != x.unit {
				return false
			}
			n, _ := new(big.Rat).SetString(number)
			_, fraction, _ := strings.Cut(number, ".")
			half := new(big.Rat).SetFrac(big.NewInt(1), new(big.Int).Mul(big.NewInt(2), new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(len(fraction))), nil)))
			near := x.value.Cmp(new(big.Rat).Sub(n, half)) >= 0 && x.value.Cmp(new(big.Rat).Add(n, half)) < 0
			order := x.value.Cmp(n)
			return map[string]bool{"": near, "eq": near, "ne": !near, "gt": order > 0, "lt": order < 0, "sa": order > 0, "eb": order < 0, "ge": order >= 0, "le": order <= 0}[c.prefix]
		}
		text := found.(string)
		if c.name != "code" && c.name != "status" {
			return text == want
		}
		system, code, _ := strings.Cut(text, "|")
		wantSystem, wantCode, both := strings.Cut(want, "|")
		switch {
		case !both:
			return code == want
		case wantCode == "":
			return system == wantSystem
		}
		return system == wantSystem && code == wantCode
	})
}
