package projections_test

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
	"github.com/carelog/carelog/projections/fhirsearch"
)

var (
	someDates   = []string{"2019", "2020", "2020-05", "2020-05-04", "2020-05-04T10:00:00", "2020-05-04T10:00:01", "2021-01-01"}
	someNumbers = []string{"0", "5", "5.0", "5.4", "5.35", "5.45", "-1", "-1.5", "100", "99.5", "1000000000000000000000000.1"}
	someCodes   = []string{"a", "b", "c"}
	someSystems = []string{"", "urn:x", "urn:y"}
	someStatus  = []string{"final", "amended"}
)

// drawObservation is a resource with any of what is searched, or nothing.
func drawObservation(t *rapid.T) string {
	var members []string
	add := func(name string, f func() string) {
		if rapid.IntRange(0, 3).Draw(t, "has "+name) > 0 {
			members = append(members, fmt.Sprintf("%q:%s", name, f()))
		}
	}
	date := rapid.SampledFrom(someDates)
	add("status", func() string { return fmt.Sprintf("%q", rapid.SampledFrom(someStatus).Draw(t, "status")) })
	add("code", func() string {
		var codings []string
		for range rapid.IntRange(1, 2).Draw(t, "codings") {
			system := rapid.SampledFrom(someSystems).Draw(t, "system")
			if system != "" {
				system = fmt.Sprintf(`"system":%q,`, system)
			}
			codings = append(codings, fmt.Sprintf(`{%s"code":%q}`, system, rapid.SampledFrom(someCodes).Draw(t, "code")))
		}
		return `{"coding":[` + strings.Join(codings, ",") + `]}`
	})
	switch rapid.IntRange(0, 3).Draw(t, "when") {
	case 0:
		members = append(members, fmt.Sprintf(`"effectiveDateTime":%q`, date.Draw(t, "date")))
	case 1:
		start, end := date.Draw(t, "start"), date.Draw(t, "end")
		if start > end {
			start, end = end, start
		}
		members = append(members, fmt.Sprintf(`"effectivePeriod":{"start":%q,"end":%q}`, start, end))
	case 2:
		members = append(members, fmt.Sprintf(`"effectivePeriod":{%q:%q}`, rapid.SampledFrom([]string{"start", "end"}).Draw(t, "open"), date.Draw(t, "date")))
	}
	add("valueQuantity", func() string {
		return fmt.Sprintf(`{"value":%s,"unit":%q}`, rapid.SampledFrom(someNumbers).Draw(t, "value"), rapid.SampledFrom([]string{"mg", "g"}).Draw(t, "unit"))
	})
	return `{"resourceType":"Observation"` + strings.Join(append([]string{""}, members...), ",") + `}`
}

func drawCriterion(t *rapid.T) criterion {
	c := criterion{name: rapid.SampledFrom([]string{"_id", "patient", "code", "code", "status", "date", "date", "value-quantity"}).Draw(t, "parameter")}
	if c.name != "_id" && rapid.IntRange(0, 7).Draw(t, "missing") == 0 {
		c.modifier, c.values = "missing", []string{rapid.SampledFrom([]string{"true", "false"}).Draw(t, "is missing")}
		return c
	}
	value := map[string]*rapid.Generator[string]{
		"_id": rapid.SampledFrom([]string{"o1", "o2", "o3", "none"}), "patient": rapid.SampledFrom([]string{"pat-1", "pat-2", "none"}),
		"status": rapid.SampledFrom(append(someStatus, "http://hl7.org/fhir/observation-status|final", "urn:x|final")),
		"code":   rapid.SampledFrom([]string{"a", "b", "d", "urn:x|a", "|a", "urn:y|", "urn:z|a"}),
		"date":   rapid.SampledFrom(someDates), "value-quantity": rapid.SampledFrom(append(someNumbers, "5||mg", "5.4||g")),
	}[c.name]
	c.values = rapid.SliceOfN(value, 1, 3).Draw(t, "values")
	switch c.name {
	case "date", "value-quantity":
		c.prefix = rapid.SampledFrom([]string{"", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb"}).Draw(t, "prefix")
	case "code", "status":
		c.modifier = rapid.SampledFrom([]string{"", "", "not"}).Draw(t, "modifier")
	}
	return c
}

// drawObservations fills a store with observations of which some have several heads, and
// some are deleted.
func drawObservations(t *rapid.T, s *projections.Store) (all []events.Record) {
	desks := []*desk{newDesk("a"), newDesk("b")}
	for i := range rapid.IntRange(1, 12).Draw(t, "records") {
		r := events.Record{Type: "Observation", ID: fmt.Sprint("o", i)}
		all = append(all, r)
		var entries []projections.Entry
		for j := range rapid.IntRange(1, 3).Draw(t, "versions") {
			d := desks[j%2]
			var parents []events.ID
			for _, e := range entries {
				if rapid.Bool().Draw(t, "parent") {
					parents = append(parents, e.Event.ID)
				}
			}
			patient := rapid.SampledFrom([]string{"pat-1", "pat-2", ""}).Draw(t, "dossier")
			body := drawObservation(t)
			e := projections.Entry{Event: d.event(events.Written, r, patient, body, parents...), Body: []byte(body)}
			if rapid.IntRange(0, 9).Draw(t, "deleted") == 0 {
				e = projections.Entry{Event: d.event(events.Deleted, r, patient, "", parents...)}
			}
			entries = append(entries, e)
		}
		apply(t, s, entries...)
	}
	return all
}

// An indexed search finds what a plain look at every record finds, in any order, on pages
// of any size, however few candidates it looks at; and what it does not find while the index is
// incomplete, it does not call missing.
func TestSearchFindsWhatAPlainLookFinds(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		defer clean(dir)
		s := openAt(t, filepath.Join(dir, fmt.Sprint(n, ".db")))
		defer finish(t, s)
		s.SetMany(rapid.SampledFrom([]int{1, 2, 100}).Draw(t, "many"))
		all := drawObservations(t, s)
		if rapid.Bool().Draw(t, "complete") {
			complete(t, s)
		}
		var states []projections.State // what a plain look sees
		for _, r := range all {
			states = append(states, state(t, s, r))
		}
		for range 6 {
			criteria := rapid.SliceOfN(rapid.Custom(drawCriterion), 0, 3).Draw(t, "criteria")
			var want []string
			for _, state := range states {
				if !state.Shown.Deleted() && plainly(state, criteria) {
					want = append(want, state.Record.ID)
				}
			}
			slices.Sort(want)
			var texts []string
			for _, c := range criteria {
				texts = append(texts, c.String())
			}
			q := ask(t, "Observation", texts...)
			q.Limit = rapid.IntRange(1, 5).Draw(t, "limit")
			order := rapid.SampledFrom([]string{"", "_id", "-_id", "date", "-date", "_lastUpdated", "-_lastUpdated"}).Draw(t, "order")
			if order != "" {
				var err error
				if q.Order, err = fhirsearch.ParseOrder("Observation", order); err != nil {
					t.Fatal(err)
				}
			}
			s.SetBounds(rapid.SampledFrom([]int{0, 3, 100}).Draw(t, "counted"), rapid.IntRange(1, 9).Draw(t, "examined"), rapid.IntRange(1, 4).Draw(t, "step"))
			got, partial := pages(ctx, t, s, q)
			ids := slices.Sorted(slices.Values(got))
			if partial {
				ids = slices.DeleteFunc(want, func(id string) bool { return !slices.Contains(ids, id) })
				if len(ids) != len(got) {
					t.Fatalf("%v finds %v, of which some are none", texts, got)
				}
				continue
			}
			if diff := cmp.Diff(want, ids); diff != "" {
				t.Fatalf("%v by %q (-plain +index):\n%s", texts, order, diff)
			}
			if at, err := s.Search(ctx, projections.Query{Type: q.Type, Conditions: q.Conditions, CountOnly: true}); err != nil || !at.Partial && at.Total != len(want) {
				t.Fatalf("%v: counted %d of %d, %v", texts, at.Total, len(want), err)
			}
			if order == "_id" && !slices.IsSorted(got) {
				t.Fatalf("%v are not by id", got)
			}
			s.SetBounds(100, 100, 10)
			if whole, _ := pages(ctx, t, s, q); !slices.Equal(whole, got) {
				t.Fatalf("%v by %q: %v where little is looked at, %v where all is", texts, order, got, whole)
			}
		}
	})
}

// pages is what all pages of a search hold.
func pages(ctx context.Context, t tb, s *projections.Store, q projections.Query) (ids []string, partial bool) {
	t.Helper()
	for range 1000 {
		page, err := s.Search(ctx, q)
		if err != nil {
			t.Fatalf("search: %v", err)
		}
		for _, state := range page.States {
			ids = append(ids, state.Record.ID)
		}
		partial = partial || page.Partial
		if q.After = page.Next; q.After == "" {
			return ids, partial
		}
	}
	t.Fatalf("the pages do not end")
	return nil, false
}
