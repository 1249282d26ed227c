package audit_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/events/eventstest"
	"github.com/carelog/carelog/projections"
	"github.com/carelog/carelog/projections/audit"
)

// replica is a store that took in the whole log, in batches of the given size, as an
// agent would that has these doubts.
func replica(tb eventstest.TB, folder string, p *eventstest.Practice, size int, doubts map[events.ID]projections.Doubt) *projections.Store {
	tb.Helper()
	store, err := projections.Open(context.Background(), filepath.Join(folder, "record.db"), projections.Options{Practice: p.ID, Opener: p.Ring.Open})
	if err != nil {
		tb.Fatalf("%v", err)
	}
	if err := store.PutKeys(context.Background(), p.Keys...); err != nil {
		tb.Fatalf("%v", err)
	}
	b := projections.Batch{Stream: "s1"}
	for i, m := range p.Log {
		entry := projections.Entry{Sequence: m.Sequence, Stored: m.Time}
		if e, err := events.Decode(m.Message); err != nil {
			entry.Message, entry.Reason = m.Message, err.Error()
			b.Position = b.Position.Next(m.Sequence, m.Fingerprint())
		} else {
			entry.Event, entry.Doubt = e, doubts[e.ID]
			if body, err := p.Ring.Open(e); err == nil && entry.Doubt == "" {
				entry.Body = body
			}
			if entry.Doubt != "" {
				entry.Reason = "in words of its own"
			}
			b.Position = b.Position.Next(m.Sequence, e.Fingerprint())
		}
		entry.Hash = b.Position.Hash
		b.Entries = append(b.Entries, entry)
		if len(b.Entries) == size || i == len(p.Log)-1 {
			if _, err := store.Apply(context.Background(), b); err != nil {
				tb.Fatalf("%v", err)
			}
			b.Entries = nil
		}
	}
	return store
}

func closeStore(tb eventstest.TB, s *projections.Store) {
	tb.Helper()
	if err := errors.Join(s.Check(context.Background()), s.Close()); err != nil {
		tb.Fatalf("%v", err)
	}
}

func verifyProjection(tb eventstest.TB, p audit.Projection) []audit.Finding {
	tb.Helper()
	var list []audit.Finding
	if err := audit.VerifyProjection(context.Background(), p, func(f audit.Finding) error { list = append(list, f); return nil }); err != nil {
		tb.Fatalf("%v", err)
	}
	return list
}

// A replica that took the log in right is equal to a replay, doubts, broken messages,
// repeats and what is queued included; whether from its own copy or from the broker's.
func TestProjectionEqual(t *testing.T) {
	p, a, b := twoDesks(t)
	p.History(rand.New(rand.NewPCG(1, 2)), 300, a, b)
	a.SetAside(a.Make(eventstest.Change{Record: "Condition/c2", Patient: "pat-1", Body: "{}"}))
	p.PushMessage(p.Log[5].Message)
	p.PushMessage(events.Message{Subject: events.Subject(p.ID, "pat-1"), Header: map[string][]string{"x": {"y"}}})
	newer := a.Make(eventstest.Change{Type: "carelog.record.folded.v1", Record: "Condition/c2", Patient: "pat-1"})
	p.Push(newer)
	forged := p.Stranger("c").Write("Condition/c1", "pat-1", "forged")
	a.Revoke(b)
	late := b.Write("Condition/c1", "pat-1", "late")
	s := replica(t, t.TempDir(), p, 64, map[events.ID]projections.Doubt{
		newer.ID: projections.DoubtUnknownType, forged.ID: projections.DoubtSignature, late.ID: projections.DoubtRevoked,
	})
	defer closeStore(t, s)
	queued := a.Make(eventstest.Change{Record: "Condition/c3", Patient: "pat-1", Body: `{"resourceType":"Condition","id":"c3"}`})
	if _, err := s.Apply(t.Context(), projections.Batch{Entries: []projections.Entry{{Event: queued, Body: []byte(`{"resourceType":"Condition","id":"c3"}`)}}}); err != nil {
		t.Fatal(err)
	}
	var progress audit.Progress
	for name, log := range map[string]audit.Log{"its own copy": s.Log(t.Context(), 1), "the broker's": p.Messages(1)} {
		list := verifyProjection(t, audit.Projection{
			Replica: s, Log: log, Keys: keysOf(p), Queued: []*events.Event{queued}, Folder: t.TempDir(),
			Progress: func(p audit.Progress) { progress = p },
		})
		if len(list) > 0 {
			t.Errorf("a replay of %s differs: %s", name, text(list))
		}
	}
	if progress.Done == 0 || progress.Total != uint64(len(p.Log)) {
		t.Errorf("progress %+v", progress)
	}
}

// A replica that took in an event wrong is found out, with the event named.
func TestProjectionDiffers(t *testing.T) {
	p, a, b := twoDesks(t)
	p.History(rand.New(rand.NewPCG(1, 2)), 100, a, b)
	victim := idsAt(t, p, 50)
	s := replica(t, t.TempDir(), p, 64, map[events.ID]projections.Doubt{victim: projections.DoubtSignature})
	defer closeStore(t, s)
	list := verifyProjection(t, audit.Projection{Replica: s, Log: p.Messages(1), Keys: keysOf(p), Folder: t.TempDir()})
	if len(list) != 1 || list[0].Code != audit.Projected || !strings.Contains(list[0].Text, victim.String()) {
		t.Errorf("want the difference at %s, got %s", victim, text(list))
	}
}

// Property: on a log in any order of arrival, Show and the store agree on heads, what is
// shown, conflicts and contents of every record.
func TestShowAgreesWithStore(t *testing.T) {
	for seed := range uint64(10) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			p, a, b := twoDesks(t)
			r := rand.New(rand.NewPCG(seed, 0))
			p.History(r, 1+r.IntN(60), a, b)
			shuffle(p, r, 2)
			s := replica(t, t.TempDir(), p, 1+r.IntN(40), nil)
			defer closeStore(t, s)
			for _, patient := range []string{"pat-0", "pat-1", "pat-2"} {
				view, err := audit.Show(t.Context(), p.Messages(1), audit.Question{Patient: patient}, keysOf(p))
				if err != nil && !errors.Is(err, audit.ErrNotThere) {
					t.Fatal(err)
				}
				for _, got := range view.Records {
					want, err := s.Record(t.Context(), got.Record)
					if err != nil {
						t.Fatal(err)
					}
					if diff := cmp.Diff(plainState(want), plainView(got)); diff != "" {
						t.Errorf("%s (-store +audit):\n%s", got.Record, diff)
					}
				}
			}
		})
	}
}

type plain struct {
	Shown    events.ID
	Heads    []string
	Conflict bool
}

func plainState(s projections.State) plain {
	p := plain{Shown: s.Shown.Event.ID, Conflict: s.Conflict}
	for _, v := range s.Heads {
		p.Heads = append(p.Heads, fmt.Sprintf("%s %d %s", v.Event.ID, v.Sequence, v.Body))
	}
	slices.Sort(p.Heads)
	return p
}

func plainView(r audit.RecordView) plain {
	p := plain{Shown: r.Shown().Event.ID, Conflict: r.Conflict}
	for _, v := range r.Heads {
		p.Heads = append(p.Heads, fmt.Sprintf("%s %d %s", v.Event.ID, v.Sequence, v.Body))
	}
	slices.Sort(p.Heads)
	return p
}

// The first difference of two texts, also where one is longer, where the lines are
// long, and where a writer fails.
func TestFirstDifference(t *testing.T) {
	writer := func(s string, err error) func(context.Context, io.Writer) error {
		return func(_ context.Context, w io.Writer) error {
			if _, werr := io.WriteString(w, s); werr != nil {
				return werr
			}
			return err
		}
	}
	long := strings.Repeat("x", 1000)
	boom := errors.New("boom")
	for name, tc := range map[string]struct {
		want, got string
		err       error
		diff      audit.Difference
	}{
		"equal":       {want: "a\nb\n", got: "a\nb\n"},
		"both empty":  {},
		"another":     {want: "a\nb\nc\n", got: "a\nB\nc\n", diff: audit.Difference{2, "b\n", "B\n"}},
		"longer":      {want: "a\n", got: "a\nb\n", diff: audit.Difference{2, "", "b\n"}},
		"shorter":     {want: "a\nb\n", got: "a\n", diff: audit.Difference{2, "b\n", ""}},
		"no last end": {want: "a\n", got: "a", diff: audit.Difference{1, "a\n", "a"}},
		"long": {want: "event " + long + "1" + long + "\n", got: "event " + long + "2" + long + "\n",
			diff: audit.Difference{1, "event " + long[:94] + "…" + long[:20] + "1" + long[:99] + "…", "event " + long[:94] + "…" + long[:20] + "2" + long[:99] + "…"}},
		"a failing writer": {want: "a\n", got: "a\n", err: boom},
		"much to throw away": {want: "a\n" + strings.Repeat(long+"\n", 2000), got: "b\n" + strings.Repeat(long+"\n", 2000),
			diff: audit.Difference{1, "a\n", "b\n"}},
	} {
		t.Run(name, func(t *testing.T) {
			d, differ, err := audit.FirstDifference(t.Context(), writer(tc.want, nil), writer(tc.got, tc.err))
			if d != tc.diff || differ != (tc.diff != audit.Difference{}) || !errors.Is(err, tc.err) {
				t.Errorf("got %+v, %v, %v; want %+v, %v", d, differ, err, tc.diff, tc.err)
			}
		})
	}
}

// Without keys nothing can be replayed, and that is said before anything is read.
func TestProjectionNeedsKeys(t *testing.T) {
	p, _, _ := twoDesks(t)
	err := audit.VerifyProjection(t.Context(), audit.Projection{Log: p.Messages(1), Keys: audit.Keys{Practice: p.ID}}, nil)
	if err == nil || !strings.Contains(err.Error(), "keys") {
		t.Errorf("got %v, want that keys are needed", err)
	}
}
