package projections_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
	"github.com/carelog/carelog/projections/fhirjson"
	"github.com/carelog/carelog/projections/fhirsearch"
)

// ask is a question in FHIR's notation: name=value.
func ask(t tb, typ string, conditions ...string) projections.Query {
	t.Helper()
	q := projections.Query{Type: typ}
	for _, text := range conditions {
		name, value, _ := strings.Cut(text, "=")
		c, known, err := fhirsearch.Parse(typ, name, value, time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC))
		if err != nil || !known {
			t.Fatalf("%s of %s: known %v, %v", text, typ, known, err)
		}
		q.Conditions = append(q.Conditions, c)
	}
	return q
}

// found is the ids of the records that a question finds, in their order.
func found(t *testing.T, s *projections.Store, q projections.Query) []string {
	t.Helper()
	page, err := s.Search(context.Background(), q)
	if err != nil {
		t.Fatalf("search %+v: %v", q, err)
	}
	var list []string
	for _, state := range page.States {
		list = append(list, state.Record.ID)
	}
	if q.After == "" && page.Next == "" && page.Total != len(list) {
		t.Errorf("search %+v: total %d, found %d", q, page.Total, len(list))
	}
	return list
}

func pat(id string) events.Record { return events.Record{Type: "Patient", ID: id} }

func TestSearchPatients(t *testing.T) {
	s, a := open(t), newDesk("a")
	for i, body := range []string{
		patientBody("D'Hondt", "Zoë", "1970-01-02", "70.01.02-123.45"),
		patientBody("Müller-Łukasz", "Jean-Pierre", "1970-11", "85073003328"),
		patientBody("Van den Berg", "Anna", "1985-07-30", "x|y"),
	} {
		apply(t, s, at(uint64(i+1), a.write(pat(fmt.Sprint("p", i)), body)))
	}
	apply(t, s, at(9, a.write(note, `{"resourceType":"Condition","identifier":[{"value":"85073003328"}]}`)))
	for _, c := range []struct {
		name string
		q    projections.Query
		want []string
	}{
		{"accents and apostrophes do not count", ask(t, "Patient", "name=dhondt zoe"), []string{"p0"}},
		{"any order, from the beginning of a word", ask(t, "Patient", "name=pier luk mul"), []string{"p1"}},
		{"not from the middle", ask(t, "Patient", "name=ukasz"), nil},
		{"family only", ask(t, "Patient", "family=anna"), nil},
		{"given only", ask(t, "Patient", "given=ANNA"), []string{"p2"}},
		{"all must hold", ask(t, "Patient", "name=berg", "birthdate=1970"), nil},
		{"a year", ask(t, "Patient", "birthdate=1970"), []string{"p0", "p1"}},
		{"a month", ask(t, "Patient", "birthdate=1970-11"), []string{"p1"}},
		{"a day", ask(t, "Patient", "birthdate=1985-07-30"), []string{"p2"}},
		{"a value", ask(t, "Patient", "identifier=85073003328"), []string{"p1"}},
		{"system and value", ask(t, "Patient", "identifier=urn:niss|85073003328"), []string{"p1"}},
		{"no system", ask(t, "Condition", "identifier=|85073003328"), []string{"con-1"}},
		{"a bar in the value", ask(t, "Patient", "identifier=urn:niss|x|y"), []string{"p2"}},
		{"any value of a system, by name", ask(t, "Patient", "identifier=urn:niss|"), []string{"p0", "p1", "p2"}},
		{"text: a number without its dots", projections.Query{Text: "700102123"}, []string{"p0"}},
		{"text: a number with others", projections.Query{Text: "85.07.30-033"}, []string{"p1", "con-1"}},
		{"text: name and date", projections.Query{Text: "berg 1985-07"}, []string{"p2"}},
		{"quotes are words", ask(t, "Patient", `name="anna" OR`), nil},
		{"type", projections.Query{Type: "Condition"}, []string{"con-1"}},
		{"id", ask(t, "Patient", "_id=p2"), []string{"p2"}},
		{"dossier", ask(t, "Condition", "patient=pat-1"), []string{"con-1"}},
		{"all patients by name", projections.Query{Type: "Patient"}, []string{"p0", "p1", "p2"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, found(t, s, c.q)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	for _, q := range []projections.Query{{Text: "!!"}, {Conditions: ask(t, "Patient", "name=x").Conditions}} {
		if _, err := s.Search(context.Background(), q); !errors.Is(err, projections.ErrQuery) {
			t.Errorf("search %+v: %v: want ErrQuery", q, err)
		}
	}
}

// Every live head of a patient finds it, and nothing else that it was once called.
func TestSearchFindsEveryHead(t *testing.T) {
	s, a, b := open(t), newDesk("a"), newDesk("b")
	p := pat("p1")
	first := at(1, a.write(p, patientBody("Oud", "An", "1970-01-02", "1")))
	left := at(2, a.write(p, patientBody("Links", "An", "1970-01-02", "1"), first.Event.ID))
	right := at(3, b.write(p, patientBody("Rechts", "An", "1971-01-02", "2"), first.Event.ID))
	apply(t, s, first)
	apply(t, s, left, right)
	for name, want := range map[string][]string{"oud": nil, "links": {"p1"}, "rechts": {"p1"}} {
		if diff := cmp.Diff(want, found(t, s, ask(t, "Patient", "name="+name))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if got := found(t, s, ask(t, "Patient", "_tag=conflict", "identifier=2", "birthdate=1971")); len(got) != 1 {
		t.Errorf("the other head's number finds %v", got)
	}
	gone := at(4, a.erase(p, left.Event.ID, right.Event.ID))
	apply(t, s, gone)
	if got := found(t, s, ask(t, "Patient", "name=an")); got != nil {
		t.Errorf("a deleted patient is found: %v", got)
	}
	apply(t, s, at(5, a.write(p, patientBody("Weer", "An", "1970-01-02", "1"), gone.Event.ID)))
	if got := found(t, s, ask(t, "Patient", "name=an weer")); len(got) != 1 {
		t.Errorf("a patient made again is not found")
	}
}

// Pages hold every record once, also when records come in between.
func TestSearchPages(t *testing.T) {
	ctx := context.Background()
	s, a := open(t), newDesk("a")
	var want []string
	for i := range 25 {
		id := fmt.Sprintf("p%02d", i)
		want = append(want, id)
		apply(t, s, at(uint64(i+1), a.write(pat(id), patientBody(fmt.Sprint("Naam", i/10), "An", "1970", id))))
	}
	var got []string
	for q := (projections.Query{Type: "Patient", Limit: 4}); ; {
		page, err := s.Search(ctx, q)
		if err != nil {
			t.Fatal(err)
		}
		for _, state := range page.States {
			got = append(got, state.Record.ID)
		}
		if q.After = page.Next; q.After == "" {
			break
		}
		apply(t, s, at(uint64(100+len(got)), a.write(pat(fmt.Sprint("a", len(got))), patientBody("Aa", "An", "1970", "z"))))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("pages (-want +got):\n%s", diff)
	}
	if _, err := s.Search(ctx, projections.Query{After: "x"}); !errors.Is(err, projections.ErrCursor) {
		t.Fatalf("search after nonsense: %v: want ErrCursor", err)
	}
}

// What a date finds stands by it where no order is asked for, page after page, and is
// counted where it is few or somebody asks.
func TestSearchByADateIsInItsOrder(t *testing.T) {
	s, a := open(t), newDesk("a")
	for i := range 12 {
		r := events.Record{Type: "Encounter", ID: fmt.Sprintf("e%02d", i)}
		day := 1 + i*5%12 // in another order than the ids
		apply(t, s, at(uint64(i+1), a.write(r, fmt.Sprintf(`{"resourceType":"Encounter","period":{"start":"2026-03-%02dT10:00:00","end":"2026-03-%02dT10:30:00"}}`, day, day))))
	}
	want := []string{"e00", "e05", "e10", "e03", "e08", "e01", "e06", "e11", "e04", "e09", "e02", "e07"}
	for _, few := range []bool{true, false} {
		if !few {
			s.SetBounds(3, 20, 2)
		}
		q := ask(t, "Encounter", "date=2026-03")
		q.Limit = 5
		page, err := s.Search(t.Context(), q)
		if err != nil || page.Total != map[bool]int{true: 12, false: -1}[few] {
			t.Errorf("few %v: the first page has the total %d, %v", few, page.Total, err)
		}
		if got, _ := pages(t.Context(), t, s, q); !slices.Equal(got, want) {
			t.Errorf("few %v: got %v, want %v", few, got, want)
		}
		s.SetBounds(100, 20, 2)
		q.Counted = true
		if page, err = s.Search(t.Context(), q); err != nil || page.Total != 12 || len(page.States) != 5 {
			t.Errorf("counted: %d of %d, %v", len(page.States), page.Total, err)
		}
	}
}

// A page of a day looks at what is on it and little more, though each visit stands at its
// beginning and at its end.
func TestAPageOfADayLooksAtLittleMore(t *testing.T) {
	s, a := open(t), newDesk("a")
	begin := time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)
	var entries []projections.Entry
	for i := range 300 {
		r := events.Record{Type: "Encounter", ID: fmt.Sprintf("e%03d", i)}
		from := begin.Add(time.Duration(i) * 2 * time.Minute)
		entries = append(entries, at(uint64(i+1), a.write(r, fmt.Sprintf(`{"resourceType":"Encounter","period":{"start":%q,"end":%q}}`,
			from.Format(time.RFC3339), from.Add(time.Minute).Format(time.RFC3339)))))
	}
	apply(t, s, entries...)
	complete(t, s)
	page, looked, err := s.Looked(t.Context(), ask(t, "Encounter", "date=2026-03-02"))
	if err != nil || len(page.States) != projections.DefaultLimit || looked > 2*projections.DefaultLimit+15 {
		t.Errorf("a page of %d looks at %d, %v", len(page.States), looked, err)
	}
}

// While few records wait to be indexed a search looks at them too, and so misses nothing
// however many others there are; while many wait, it says that it may.
func TestSearchOfWhatWaitsToBeIndexed(t *testing.T) {
	s := openAt(t, filepath.Join(t.TempDir(), "record.db"))
	defer finish(t, s)
	desk := newDesk("a")
	write := func(from, to int) {
		for i := from; i < to; i++ {
			r := note
			r.ID = fmt.Sprint("c", i)
			apply(t, s, at(uint64(i+1), desk.write(r, fmt.Sprintf(`{"resourceType":"Condition","code":{"coding":[{"system":"urn:x","code":"%d"}]}}`, i))))
		}
	}
	s.SetBounds(6, 100, 10)
	write(0, 10)
	complete(t, s)
	s.SetMany(1)
	written := 10
	for _, c := range []struct {
		upTo    int
		partial bool
	}{{12, false}, {13, false}, {15, true}} {
		write(written, c.upTo)
		written = c.upTo
		for code, want := range map[string]int{"3": 1, "11": 1, "none": 0} {
			page, err := s.Search(t.Context(), ask(t, "Condition", "code=urn:x|"+code))
			if err != nil || page.Partial != c.partial || !c.partial && len(page.States) != want {
				t.Errorf("%d records, code %s: found %d, partial %v, %v; want %d, %v", c.upTo, code, len(page.States), page.Partial, err, want, c.partial)
			}
		}
	}
}

// While records wait to be indexed no way to the candidates is counted further than the best one
// reaches, any more than when none does.
func TestCountedNoFurtherThanTheBest(t *testing.T) {
	s, a := open(t), newDesk("a")
	for i := range 30 {
		name := "Peeters"
		if i < 2 {
			name = "Rarely"
		}
		r := events.Record{Type: "Patient", ID: fmt.Sprint("p", i)}
		apply(t, s, at(uint64(i+1), a.write(r, fmt.Sprintf(`{"resourceType":"Patient","id":%q,"gender":"male","name":[{"family":%q}]}`, r.ID, name))))
	}
	complete(t, s)
	q := ask(t, "Patient", "family=Rarely", "gender=male")
	for _, waits := range []bool{false, true} {
		if waits {
			s.SetMany(1)
			apply(t, s, at(31, a.write(events.Record{Type: "Patient", ID: "p31"}, `{"resourceType":"Patient","id":"p31","gender":"male","name":[{"family":"Peeters"}]}`)))
			if s.Waiting() == 0 {
				t.Fatal("nothing waits to be indexed")
			}
		}
		counts, err := s.Counted(t.Context(), q)
		if err != nil || len(counts) < 2 || counts[0] != 2 || counts[1] > 3 {
			t.Errorf("something waits %t: counted %v, %v; want 2 by name, and no way further than 3", waits, counts, err)
		}
	}
}

// A body that opens later is found and shown, and the feed tells of it.
func TestReopen(t *testing.T) {
	ctx := context.Background()
	s, a := open(t), newDesk("a")
	e := at(1, a.write(patient, patientBody("Peeters", "Jan", "1970", "1")))
	e.Body, e.Doubt, e.Reason = nil, projections.DoubtUnopened, "its key is not here"
	apply(t, s, e)
	if got := state(t, s, patient); got.Shown.Doubt != projections.DoubtUnopened || got.Shown.Body != nil {
		t.Fatalf("shown: %+v", got.Shown)
	}
	changed, err := s.Reopen(ctx, "pat-1")
	if err != nil || !slices.Equal(changed, []events.Record{patient}) {
		t.Fatalf("reopen: %v, %v", changed, err)
	}
	if got := found(t, s, ask(t, "Patient", "name=peeters")); len(got) != 1 {
		t.Fatalf("found: %v", got)
	}
	end, err := s.End(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if changes, err := s.Changes(ctx, projections.Mark{Feed: end.Feed, Arrival: 1}, 0); err != nil || len(changes) != 1 || changes[0].Event != e.Event.ID {
		t.Fatalf("changes: %+v, %v", changes, err)
	}
}

func TestKeys(t *testing.T) {
	ctx := context.Background()
	s := open(t)
	keys := []events.WrappedKey{{Patient: "a", ID: events.KeyID{1}, Wrapped: []byte{1}}, {Patient: "a", ID: events.KeyID{2}, Wrapped: []byte{2}}, {Patient: "", ID: events.KeyID{3}, Wrapped: []byte{3}}}
	for range 2 {
		if err := s.PutKeys(ctx, keys...); err != nil {
			t.Fatal(err)
		}
	}
	var got []events.WrappedKey
	for k, err := range s.Keys(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, k)
	}
	if diff := cmp.Diff([]events.WrappedKey{keys[2], keys[0], keys[1]}, got); diff != "" {
		t.Fatalf("keys (-want +got):\n%s", diff)
	}
}

// A device may sign until the first word in the log that it may not, whatever is
// written on its record afterwards.
func TestDevices(t *testing.T) {
	ctx := context.Background()
	s, a, b := open(t), newDesk("a"), newDesk("b")
	desk := events.Record{Type: "Device", ID: "desk-1"}
	body := func(name string, active bool) string {
		return string(fhirjson.DeviceResource("desk-1", fhirjson.DeviceKey{Public: make([]byte, 32), Certificate: []byte{7}, Name: name, Active: active}))
	}
	one := func() projections.Device {
		t.Helper()
		list, err := s.Devices(ctx)
		if err != nil || len(list) != 1 {
			t.Fatalf("devices: %+v, %v", list, err)
		}
		return list[0]
	}
	made := at(1, a.write(desk, body("Desk 1", true)))
	apply(t, s, made)
	if got := one(); !got.Active || got.RevokedAt != 0 || got.Name != "Desk 1" || len(got.PublicKey) != 32 {
		t.Fatalf("made: %+v", got)
	}
	revoked := at(5, a.write(desk, body("Desk 1", false), made.Event.ID))
	renamed := at(8, a.write(desk, body("Old desk", false), revoked.Event.ID))
	branch := at(9, b.write(desk, body("Desk one", true), made.Event.ID))
	apply(t, s, renamed, branch)
	apply(t, s, revoked)
	if got := one(); got.Active || got.RevokedAt != 5 {
		t.Fatalf("revoked: %+v", got)
	}
	back := at(11, a.write(desk, body("Desk 1", true), renamed.Event.ID, branch.Event.ID))
	apply(t, s, back)
	if got := one(); got.Active || got.RevokedAt != 5 { // for ever
		t.Fatalf("said to be active again: %+v", got)
	}
	apply(t, s, at(12, a.erase(desk, back.Event.ID)))
	if got := one(); got.Active || got.RevokedAt != 5 || len(got.PublicKey) != 32 {
		t.Fatalf("deleted: %+v", got)
	}
}

// What was left for later is found at once all the same: the search indexes it, waits for a
// change that was promised, and where somebody else changes the store for a long time it
// misses nothing.
func TestSearchIndexesTheLastChanges(t *testing.T) {
	s := openAt(t, filepath.Join(t.TempDir(), "record.db"))
	defer finish(t, s)
	complete(t, s)
	desk := newDesk("a")
	write := func(id, code string) projections.Batch {
		r := note
		r.ID = id
		return projections.Batch{Later: true, Entries: []projections.Entry{
			desk.write(r, `{"resourceType":"Condition","code":{"coding":[{"system":"urn:x","code":"`+code+`"}]}}`),
		}}
	}
	must := func(b projections.Batch) {
		t.Helper()
		if _, err := s.Apply(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	finds := func(code string, want int64, ids ...string) {
		t.Helper()
		if got := found(t, s, ask(t, "Condition", "code=urn:x|"+code)); !slices.Equal(got, ids) {
			t.Errorf("code %s: found %q, want %q", code, got, ids)
		}
		if n := s.Waiting(); n != want {
			t.Errorf("after code %s %d records wait, want %d", code, n, want)
		}
	}
	must(write("c1", "old"))
	must(write("c2", "old"))
	if n := s.Waiting(); n != 2 {
		t.Fatalf("%d records wait, want 2", n)
	}
	finds("old", 0, "c1", "c2")
	must(write("c1", "new")) // beside the other: both are heads
	finds("old", 0, "c1", "c2")

	must(write("c3", "new"))
	during, end := make(chan struct{}), make(chan struct{})
	var long sync.WaitGroup
	long.Go(func() {
		b := write("c4", "new")
		b.Before = func() error { close(during); <-end; return nil }
		must(b)
	})
	<-during
	finds("new", 1, "c1", "c3")
	promised := make(chan struct{})
	s.Promise(promised, nil)
	go func() {
		defer close(promised)
		close(end)
		long.Wait()
	}()
	finds("new", 0, "c1", "c3", "c4")
}
