package agent_test

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
	"github.com/carelog/carelog/projections/audit"
)

// agreed checks, with every desk green, that all desks came to the same: that no event
// stands in the log twice, that every projection is what an independent model makes of
// the log and equal to the others, and that the audit finds nothing. It returns the
// model.
func (w *world) agreed() model {
	w.t.Helper()
	ctx := w.t.Context()
	log, ring := w.server.Stored(), w.ring()
	graph, err := newModel(log, ring.Open)
	if err != nil {
		w.t.Fatalf("the log: %v", err)
	}
	var first *machine
	for _, m := range w.desks {
		if !m.running() {
			continue
		}
		if first == nil {
			first = m
		}
		if at, _, err := m.Store().Position(ctx); err != nil || at != w.truth() {
			w.t.Errorf("desk %s stands at %v, %v; want %v", m.Name, at, err, w.truth())
		}
		if err := graph.compare(ctx, m.Store()); err != nil {
			w.t.Errorf("desk %s: %v", m.Name, err)
		}
		if err := m.Store().Check(ctx); err != nil {
			w.t.Errorf("desk %s: %v", m.Name, err)
		}
		if diff := cmp.Diff(comparable(w.t, first.Store()), comparable(w.t, m.Store())); diff != "" {
			w.t.Errorf("desk %s differs from %s (-want +got):\n%s", m.Name, first.Name, diff)
		}
	}
	w.audit(log, ring)
	return graph
}

// eventsIn are the events that a projection has, wherever they stand.
func eventsIn(t *testing.T, store *projections.Store) (ids []events.ID) {
	t.Helper()
	for line := range strings.SplitSeq(dump(t, store), "\n") {
		if text, ok := strings.CutPrefix(line, "event "); ok {
			id, err := events.ParseID(text[:26])
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, id)
		}
	}
	return ids
}

func dump(t *testing.T, store *projections.Store) string {
	t.Helper()
	indexAll(t, store)
	var text bytes.Buffer
	if err := store.Dump(context.Background(), &text); err != nil {
		t.Fatal(err)
	}
	return text.String()
}

// indexAll completes the index: how far it is depends on how the events came.
func indexAll(t *testing.T, store *projections.Store) {
	t.Helper()
	for done := false; !done; {
		at, err := store.Index(context.Background(), 1000)
		if err != nil {
			t.Fatal(err)
		}
		done = at.Complete()
	}
}

// comparable is what must be the same on all desks: all of a dump but the keys of the
// patients, of which a desk has those that it needed.
func comparable(t *testing.T, store *projections.Store) []string {
	t.Helper()
	return slices.DeleteFunc(strings.Split(dump(t, store), "\n"), func(line string) bool { return strings.HasPrefix(line, "key ") })
}

// ring opens every body of the practice, with the keys that the server has.
func (w *world) ring() *events.Keyring {
	w.t.Helper()
	key, err := events.KeyFrom(w.sheet.Secret.PracticeKey())
	if err != nil {
		w.t.Fatal(err)
	}
	ring := events.NewKeyring(key)
	for k, err := range w.server.Client("auditor").Keys(w.t.Context()) {
		if err == nil {
			err = ring.Add(k)
		}
		if err != nil {
			w.t.Fatal(err)
		}
	}
	return ring
}

// audit reads the log as the audit tool does.
func (w *world) audit(log []events.Stored, ring *events.Keyring) {
	w.t.Helper()
	clean(w.t, log, audit.Keys{Practice: w.sheet.Practice, Root: w.desks[0].Config.Enrolment.Root, Open: ring.Open})
}

// clean checks that an audit finds nothing in a log but what it may.
func clean(t *testing.T, log []events.Stored, keys audit.Keys, may ...audit.Code) {
	t.Helper()
	_, err := audit.Verify(t.Context(), func(yield func(events.Stored, error) bool) {
		for _, m := range log {
			if !yield(m, nil) {
				return
			}
		}
	}, audit.Check{Keys: keys}, func(f audit.Finding) error {
		if f.Severity != audit.Notice && !slices.Contains(may, f.Code) {
			t.Errorf("audit verify: %+v", f)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
