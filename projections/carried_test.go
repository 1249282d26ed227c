package projections_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
	"github.com/carelog/carelog/projections/fhirjson"
	"github.com/carelog/carelog/projections/fhirsearch"
)

// drawNames is a person of R4 with names in every form that these have.
func drawNames(t *rapid.T) string {
	word := rapid.SampledFrom([]string{"Jean", "Jeanne", "Jean-Pierre", "D'Hondt", "Łukasz", "de  Smet", "Zoë", "ＡＢ", "x²", "Dr.", "", "٣", "नमस्ते", "..."})
	words := rapid.SliceOfN(word, 0, 3)
	type name struct {
		Family string   `json:"family,omitempty"`
		Given  []string `json:"given,omitempty"`
		Prefix []string `json:"prefix,omitempty"`
		Suffix []string `json:"suffix,omitempty"`
		Text   string   `json:"text,omitempty"`
	}
	var names []name
	for range rapid.IntRange(0, 2).Draw(t, "names") {
		names = append(names, name{word.Draw(t, "family"), words.Draw(t, "given"), words.Draw(t, "prefix"), words.Draw(t, "suffix"), word.Draw(t, "text")})
	}
	body, err := json.Marshal(map[string]any{"resourceType": "Patient", "name": names})
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// A search by name reads the words and no values. It finds what the values of the heads say,
// in the same order, whatever stands in a name and however many heads there are.
func TestWordsDecideAsValuesDo(t *testing.T) {
	dir := t.TempDir()
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		if n++; n > 30 {
			return // a file for each: that is enough of them
		}
		defer clean(dir)
		s := openAt(t, filepath.Join(dir, fmt.Sprint(n, ".db")))
		defer finish(t, s)
		desks := []*desk{newDesk("a"), newDesk("b")}
		var all []events.Record
		for i := range rapid.IntRange(1, 8).Draw(t, "records") {
			r := events.Record{Type: rapid.SampledFrom([]string{"Patient", "Patient", "Practitioner"}).Draw(t, "type"), ID: fmt.Sprint("p", i)}
			all = append(all, r)
			var entries []projections.Entry
			for j := range rapid.IntRange(1, 3).Draw(t, "versions") {
				var parents []events.ID
				if j > 0 && rapid.Bool().Draw(t, "parent") {
					parents = append(parents, entries[j-1].Event.ID)
				}
				patient, body := "", strings.Replace(drawNames(t), "Patient", r.Type, 1)
				if r.Type == "Patient" {
					patient = r.ID
				}
				e := projections.Entry{Event: desks[j%2].event(events.Written, r, patient, body, parents...), Body: []byte(body)}
				if rapid.IntRange(0, 7).Draw(t, "deleted") == 0 {
					e = projections.Entry{Event: desks[j%2].event(events.Deleted, r, patient, "", parents...)}
				}
				entries = append(entries, e)
			}
			apply(t, s, entries...)
		}
		complete(t, s)
		for _, text := range []string{"jean", "j", "pierre jean", "dhondt", "hondt", "lukasz", "smet de", "zoe,jeanne", "ab", "x2", "dr", "3", "नम"} {
			q := ask(t, "Patient", "name="+text)
			var want []string
			labels := make(map[string]string)
			for _, r := range all {
				standing := state(t, s, r)
				if r.Type != "Patient" || standing.Shown.Deleted() {
					continue
				}
				for _, head := range standing.Heads {
					if !head.Deleted() && q.Conditions[0].Matches(&fhirsearch.Head{ID: r.ID, Values: fhirsearch.ValuesOf(r.Type, r.ID, head.Body)}) {
						x, err := fhirjson.IndexOf(standing.Shown.Body)
						if err != nil {
							t.Fatal(err)
						}
						labels[r.ID] = cmp.Or(fhirjson.Fold(x.Label), "\xff")
						want = append(want, r.ID)
						break
					}
				}
			}
			slices.SortFunc(want, func(a, b string) int { return cmp.Or(cmp.Compare(labels[a], labels[b]), cmp.Compare(a, b)) })
			q.Limit = rapid.IntRange(1, 4).Draw(t, "limit")
			if got, _ := pages(t.Context(), t, s, q); !slices.Equal(got, want) {
				t.Fatalf("%s finds %v: want %v", text, got, want)
			}
			q.CountOnly, q.After = true, ""
			if page, err := s.Search(t.Context(), q); err != nil || page.Total != len(want) {
				t.Fatalf("%s: counted %d of %d, %v", text, page.Total, len(want), err)
			}
		}
	})
}

// More are found by a name than are kept while they are counted, some by a name that is not their
// first and some on a side of a conflict. And what a first read leaves of the index of words in
// parts is one part when the values are made.
func TestMoreOfOneNameThanAreKept(t *testing.T) {
	const batches, each = 12, 100
	s := open(t)
	a, b := newDesk("a"), newDesk("b")
	bodies := []string{
		`{"resourceType":"Patient","name":[{"family":"Maes","given":["Jean"]}]}`,
		`{"resourceType":"Patient","name":[{"family":"Aerts"},{"given":["Jeannine"]}]}`, // not by its label
		`{"resourceType":"Patient","name":[{"family":"Jeanmart"}]}`,
	}
	var want []string
	for i := range batches {
		var batch projections.Batch
		for j := range each {
			id := fmt.Sprintf("p%04d", i*each+j)
			r, body := events.Record{Type: "Patient", ID: id}, bodies[j%len(bodies)]
			batch.Entries = append(batch.Entries, projections.Entry{Event: a.event(events.Written, r, id, body), Body: []byte(body)})
			if j == 0 { // another head, of another name
				other := `{"resourceType":"Patient","name":[{"family":"Claes"}]}`
				batch.Entries = append(batch.Entries, projections.Entry{Event: b.event(events.Written, r, id, other), Body: []byte(other)})
			}
			want = append(want, fmt.Sprint([]string{"maes", "aerts", "jeanmart"}[j%len(bodies)], id))
		}
		batch.Later = true
		if _, err := s.Apply(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
	}
	parts := func() (n int64) {
		if err := s.Ask(t.Context(), "SELECT count(DISTINCT segid) FROM words_idx", func(v int64, _ func(string) (int64, error)) error { n = v; return nil }); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if parts() < 2 {
		t.Fatal("the words are in one part already")
	}
	for at := (projections.Indexed{Total: 1}); !at.Complete(); {
		var err error
		if at, err = s.Index(t.Context(), projections.Few+1); err != nil {
			t.Fatal(err)
		}
	}
	if n := parts(); n != 1 {
		t.Errorf("the words are in %d parts", n)
	}
	slices.Sort(want)
	for i, of := range want {
		want[i] = of[len(of)-len("p0000"):]
	}
	q := ask(t, "Patient", "name=jean")
	q.Limit = 300
	if page, err := s.Search(t.Context(), q); err != nil || page.Total != len(want) {
		t.Errorf("%d are found in all, %v: want %d", page.Total, err, len(want))
	}
	if got, _ := pages(t.Context(), t, s, q); !slices.Equal(got, want) {
		t.Errorf("found %d in this order: %v", len(got), got)
	}
}
