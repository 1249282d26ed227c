package audit_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/events/eventstest"
	"github.com/carelog/carelog/projections/audit"
	"github.com/carelog/carelog/projections/fhirjson"
)

var c1 = events.Record{Type: "Condition", ID: "c1"}

func show(tb eventstest.TB, p *eventstest.Practice, q audit.Question) audit.View {
	tb.Helper()
	v, err := audit.Show(context.Background(), p.Messages(1), q, keysOf(p))
	if err != nil {
		tb.Fatalf("%v", err)
	}
	return v
}

// A branch, its conflict and its resolution, each as the log had it at the moment.
func TestShowAtEveryMoment(t *testing.T) {
	p, a, b := twoDesks(t) // c1 is written at 3 and again at 4
	mine := a.Write("Condition/c1", "pat-1", "asthma", idsAt(t, p, 4))
	theirs := b.Write("Condition/c1", "pat-1", "pneumonia", idsAt(t, p, 4))
	merged := b.Write("Condition/c1", "pat-1", "both", mine.ID, theirs.ID)
	gone := a.Delete("Condition/c1", "pat-1", merged.ID)

	for _, want := range []struct {
		at       uint64
		shown    events.ID
		heads    int
		conflict bool
		versions int
	}{
		{3, idsAt(t, p, 3), 1, false, 1},
		{4, idsAt(t, p, 4), 1, false, 2},
		{5, mine.ID, 1, false, 3},
		{6, mine.ID, 2, true, 4}, // the first in the log stands until a person decides
		{7, merged.ID, 1, false, 5},
		{8, gone.ID, 1, false, 6},
		{0, gone.ID, 1, false, 6}, // no bound
	} {
		for _, q := range []audit.Question{
			{Record: c1, At: want.at},
			{Patient: "pat-1", At: want.at},
			{Record: c1, Time: p.Log[(want.at+7)%8].Time}, // 0 is the last
		} {
			v := show(t, p, q)
			if len(v.Records) != 1 {
				t.Fatalf("%s: %d records, want 1", q, len(v.Records))
			}
			r := v.Records[0]
			if r.Shown().Event.ID != want.shown || len(r.Heads) != want.heads || r.Conflict != want.conflict || r.Versions != want.versions {
				t.Errorf("%s: got %+v, want %+v", q, r, want)
			}
		}
	}
	if _, err := audit.Show(t.Context(), p.Messages(1), audit.Question{Record: c1, At: 2}, keysOf(p)); !errors.Is(err, audit.ErrNotThere) {
		t.Errorf("before its first version: %v", err)
	}
}

// A deletion never hides a live head, and what opens stands before what does not.
func TestShownHead(t *testing.T) {
	p, a, b := twoDesks(t)
	base := idsAt(t, p, 4)
	a.Delete("Condition/c1", "pat-1", base)
	live := b.Write("Condition/c1", "pat-1", "still there", base)
	r := show(t, p, audit.Question{Record: c1}).Records[0]
	if r.Shown().Event.ID != live.ID || !r.Conflict {
		t.Errorf("a deletion and a live head: %s is shown, conflict %v", r.Shown().Event.ID, r.Conflict)
	}
	closed := a.Make(eventstest.Change{Record: "Condition/c4", Patient: "pat-1", Body: "{}"})
	closed.Sealed[len(closed.Sealed)-1] ^= 1
	closed.Sign(a.Key)
	p.Push(closed)
	open := b.Write("Condition/c4", "pat-1", "readable")
	if r := show(t, p, audit.Question{Record: events.Record{Type: "Condition", ID: "c4"}}).Records[0]; r.Shown().Event.ID != open.ID || !r.Conflict {
		t.Errorf("a closed and a readable head: %s is shown, conflict %v", r.Shown().Event.ID, r.Conflict)
	}
	a.Delete("Condition/c2", "pat-1")
	b.Delete("Condition/c2", "pat-1")
	if r := show(t, p, audit.Question{Record: events.Record{Type: "Condition", ID: "c2"}}).Records[0]; r.Conflict || len(r.Heads) != 2 {
		t.Errorf("two deletions: %d heads, conflict %v; want 2 and none", len(r.Heads), r.Conflict)
	}
	a.Write("Condition/c3", "pat-1", "same")
	b.Write("Condition/c3", "pat-1", "same")
	if r := show(t, p, audit.Question{Record: events.Record{Type: "Condition", ID: "c3"}}).Records[0]; r.Conflict || len(r.Heads) != 2 {
		t.Errorf("two equal heads: %d heads, conflict %v; want 2 and none", len(r.Heads), r.Conflict)
	}
}

// What does not count is listed with its reason, and hides nothing.
func TestShowDiscounted(t *testing.T) {
	p, a, b := twoDesks(t)
	base := idsAt(t, p, 4)
	stranger := p.Stranger("c").Write("Condition/c1", "pat-1", "forged", base)
	a.Revoke(b)
	late := b.Write("Condition/c1", "pat-1", "from a stolen PC", base)
	p.PushMessage(events.Message{Subject: events.Subject(p.ID, "pat-1"), Header: map[string][]string{"ce-subject": {"Condition/c1"}}})
	stray := a.Make(eventstest.Change{Record: "Condition/c1", Patient: "pat-1", Body: "{}"})
	stray.Practice = "elsewhere"
	stray.Sign(a.Key)
	p.Push(stray)
	v := show(t, p, audit.Question{Record: c1})
	if v.Records[0].Shown().Event.ID != base || len(v.Records[0].Heads) != 1 {
		t.Errorf("shown %s, want %s alone", v.Records[0].Shown().Event.ID, base)
	}
	got := map[events.ID]audit.Standing{}
	for _, d := range v.Discounted {
		got[d.Event.ID] = d.Standing
	}
	want := map[events.ID]audit.Standing{stranger.ID: audit.NotCertified, late.ID: audit.SignedRevoked, stray.ID: audit.NotCertified}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("discounted (-want +got):\n%s", diff)
	}
	if len(v.Unreadable) != 1 || v.Unreadable[0].Fault == nil {
		t.Errorf("unreadable: %+v", v.Unreadable)
	}
}

// What a revoked device had sent, and was lost and given back behind the revocation, counts where that or what stands before it
// vouches for it; at a moment before it was given back it is not there, and what the device sends later is discounted.
func TestShowGivenBackBehindARevocation(t *testing.T) {
	p, a, b := twoDesks(t)
	base := idsAt(t, p, 4)
	write := func(id, note string, parents ...events.ID) *events.Event {
		return b.Make(eventstest.Change{Record: "Condition/" + id, Patient: "pat-1", Body: eventstest.Resource("Condition/"+id, "pat-1", note), Parents: parents})
	}
	first := write("c1", "lost", base)
	kept := write("c2", "kept")
	last := write("c1", "lost as well", first.ID)
	key := b.Key.Public().(ed25519.PublicKey)
	revocation := a.Make(eventstest.Change{Record: "Device/" + b.Name, Parents: []events.ID{b.Record.ID}, Body: string(fhirjson.DeviceResource(b.Name, fhirjson.DeviceKey{
		Public: key, Certificate: events.Certify(p.Root, p.ID, b.Name, key), Ends: []events.Chain{b.Next},
	}))})
	late := write("c1", "from a stolen PC", last.ID)
	p.Push(kept, revocation, late, last, first) // from 5 on

	for _, want := range []struct {
		at         uint64
		shown      events.ID
		heads      int
		versions   int
		discounted []events.ID
	}{
		{5, base, 1, 2, nil},
		{7, base, 1, 2, []events.ID{late.ID}},
		{8, base, 2, 3, []events.ID{late.ID}}, // what joins the two is not there yet
		{0, last.ID, 1, 4, []events.ID{late.ID}},
	} {
		v := show(t, p, audit.Question{Record: c1, At: want.at})
		r := v.Records[0]
		if r.Shown().Event.ID != want.shown || len(r.Heads) != want.heads || r.Versions != want.versions {
			t.Errorf("at %d: got %+v, want %+v", want.at, r, want)
		}
		var discounted []events.ID
		for _, d := range v.Discounted {
			if discounted = append(discounted, d.Event.ID); d.Standing != audit.SignedRevoked {
				t.Errorf("at %d: %s stands as %s", want.at, d.Event.ID, d.Standing)
			}
		}
		if diff := cmp.Diff(want.discounted, discounted); diff != "" {
			t.Errorf("at %d, discounted (-want +got):\n%s", want.at, diff)
		}
	}
}

// After an erasure the graph still stands; the contents are closed, and who asked for
// it is said.
func TestShowErased(t *testing.T) {
	p, a, _ := twoDesks(t)
	erased := a.Erase("pat-1")
	v := show(t, p, audit.Question{Patient: "pat-1"})
	if len(v.Erasures) != 1 || v.Erasures[0].Event.ID != erased.ID {
		t.Errorf("erasures: %+v", v.Erasures)
	}
	if r := v.Records[0]; r.Shown().Closed == "" || r.Shown().Body != nil || r.Versions != 2 {
		t.Errorf("the record after the erasure: %+v", r)
	}
}

// Without keys the graph is shown, and that nobody judged it.
func TestShowWithoutKeys(t *testing.T) {
	p, _, _ := twoDesks(t)
	v, err := audit.Show(t.Context(), p.Messages(1), audit.Question{Record: c1}, audit.Keys{Practice: p.ID})
	if err != nil {
		t.Fatal(err)
	}
	if shown := v.Records[0].Shown(); shown.Standing != audit.NotJudged || shown.Closed == "" {
		t.Errorf("shown without keys: %+v", shown)
	}
}

// Property: the view at a moment is the view of a log that ends there, and an event's
// place among its siblings does not matter to which heads there are.
func TestViewIsOfThePast(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, a, b := twoDesks(t)
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		p.History(r, 60, a, b)
		shuffle(p, r, 4)
		at := uint64(rapid.IntRange(4, len(p.Log)).Draw(t, "at"))
		patient := []string{"pat-0", "pat-1", "pat-2"}[r.IntN(3)]
		whole, err := audit.Show(t.Context(), p.Messages(1), audit.Question{Patient: patient, At: at}, keysOf(p))
		if errors.Is(err, audit.ErrNotThere) {
			return
		}
		cut := *p
		cut.Log = p.Log[:at]
		past, err2 := audit.Show(t.Context(), cut.Messages(1), audit.Question{Patient: patient}, keysOf(p))
		if err != nil || err2 != nil {
			t.Fatalf("%v, %v", err, err2)
		}
		if diff := cmp.Diff(past, whole); diff != "" {
			t.Fatalf("the past changed with what came after (-past +view):\n%s", diff)
		}
		for _, record := range whole.Records {
			checkHeads(t, p.Log[:at], record)
		}
	})
}

// checkHeads finds the heads of a record in the plainest way.
func checkHeads(t *rapid.T, log []events.Stored, got audit.RecordView) {
	var all, want []events.ID
	named := make(map[events.ID]bool)
	for _, m := range log {
		e, err := events.Decode(m.Message)
		if err != nil {
			t.Fatal(err)
		}
		if e.Record != got.Record {
			continue
		}
		all = append(all, e.ID)
		for _, p := range e.Parents {
			named[p] = true
		}
	}
	for _, id := range all {
		if !named[id] {
			want = append(want, id)
		}
	}
	var heads []events.ID
	for _, v := range got.Heads {
		heads = append(heads, v.Event.ID)
	}
	slices.SortFunc(want, events.ID.Compare)
	slices.SortFunc(heads, events.ID.Compare)
	if diff := cmp.Diff(want, heads); diff != "" {
		t.Fatalf("heads of %s (-want +got):\n%s", got.Record, diff)
	}
}

func idsAt(tb eventstest.TB, p *eventstest.Practice, sequence int) events.ID {
	tb.Helper()
	id, err := events.ParseID(idAt(p, sequence-1))
	if err != nil {
		tb.Fatalf("%v", err)
	}
	return id
}
