package agent_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/agenttest"
	"github.com/carelog/carelog/agent/outbox"
	"github.com/carelog/carelog/broker/memlog"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
)

// stalled adds a desk to which the read brings no message until the number is raised.
func (w *world) stalled(name string) (*machine, *atomic.Int64) {
	var left atomic.Int64
	m := w.machine(name)
	m.wrap = func(l *memlog.Log) agent.Log { return trickle{l, &left} }
	return m, &left
}

// register writes a patient.
func (m *machine) register(id string) agent.Written {
	m.world.t.Helper()
	body := fmt.Appendf(nil, `{"resourceType":"Patient","id":%q,"name":[{"family":"Peeters"}]}`, id)
	w, err := m.Write(m.world.t.Context(), agent.Draft{Record: events.Record{Type: "Patient", ID: id}, Patient: id, Body: body})
	if err != nil {
		m.world.t.Fatal(err)
	}
	return w
}

func TestADossierIsHereBeforeTheRest(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		one := w.desk("one")
		w.settled()
		for i := range 20 {
			one.register(fmt.Sprintf("x%d", i))
		}
		one.register("p1")
		note := one.MustNote("c1", "asthma")
		two, left := w.stalled("two")
		two.start()
		read := two.Records()
		state, err := read.Record(t.Context(), events.Record{Type: "Patient", ID: "p1"})
		if err != nil {
			t.Fatalf("the patient is not here: %v", err)
		}
		if state.Shown.Body == nil || state.Shown.Doubt != "" {
			t.Errorf("the patient is %q %s, want it readable and trusted", state.Shown.Body, state.Shown.Doubt)
		}
		if v, err := read.Version(t.Context(), agenttest.Condition("c1"), note.ID); err != nil || v.Doubt != "" {
			t.Errorf("the dossier's condition: %v, doubt %q", err, v.Doubt)
		}
		s := two.Now()
		if s.Position.Sequence != 0 || !s.Incomplete {
			t.Errorf("the desk stands at %d, incomplete %v: the dossier is not ahead of the read", s.Position.Sequence, s.Incomplete)
		}
		// What is found nowhere: for a patient that is certain, for another record not.
		if _, err := read.Record(t.Context(), events.Record{Type: "Patient", ID: "nobody"}); !errors.Is(err, projections.ErrNotFound) || errors.Is(err, agent.ErrIncomplete) {
			t.Errorf("a patient that the practice does not have: %v", err)
		}
		if _, err := read.Record(t.Context(), agenttest.Condition("none")); !errors.Is(err, projections.ErrNotFound) || !errors.Is(err, agent.ErrIncomplete) {
			t.Errorf("a record that may be in any dossier: %v", err)
		}
		left.Store(1 << 30)
		w.settled()
		if two.Now().Incomplete {
			t.Error("the desk has read everything, and says that it has not")
		}
		w.agreed()
	})
}

// What a user types before their desk has read the practice's log builds on what the
// practice knows.
func TestAChangeInTheFirstSecondHasItsParents(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		one := w.desk("one")
		w.settled()
		one.MustNote("c1", "first")
		was := one.MustNote("c1", "second")
		many := one.MustNote("c2", "of many")
		two, left := w.stalled("two")
		two.start()
		mine := two.MustNote("c1", "third")
		if !mine.Queued() {
			t.Error("a change was sent by a desk that has not read the log")
		}
		v, err := two.Store().Version(t.Context(), agenttest.Condition("c1"), mine.ID)
		if err != nil || len(v.Event.Parents) != 1 || v.Event.Parents[0] != was.ID {
			t.Errorf("the change names %v, %v; want %v", v.Event.Parents, err, was.ID)
		}
		outcomes, err := two.WriteMany(t.Context(), []agent.Draft{{Record: agenttest.Condition("c2"), Patient: "p1", Body: agenttest.Body("c2", "more"), Parents: []events.ID{many.ID}}})
		if err != nil || outcomes[0].Err != nil {
			t.Errorf("a change of many: %v, %+v", err, outcomes)
		}
		left.Store(1 << 30)
		w.settled()
		w.texts("c1", "third")
		w.texts("c2", "more")
		w.agreed()
	})
}

// The agenda is fetched in its order, and told as it goes; the next session goes on with it.
func TestTheAgendaComesFirst(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		one := w.desk("one")
		w.settled()
		for _, id := range []string{"p1", "p2", "p3"} {
			one.register(id)
		}
		two, left := w.stalled("two")
		two.start()
		if err := two.Prefetch([]string{"p3", "p1", "p3"}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		s := two.Now()
		if s.Prefetch == nil || *s.Prefetch != (agent.Prefetch{Done: 2, Total: 2}) || s.Position.Sequence != 0 {
			t.Errorf("the agenda is at %+v, the read at %d", s.Prefetch, s.Position.Sequence)
		}
		for id, want := range map[string]error{"p1": nil, "p3": nil, "p2": projections.ErrNotFound} {
			if _, err := two.Store().Record(t.Context(), events.Record{Type: "Patient", ID: id}); !errors.Is(err, want) {
				t.Errorf("patient %s: %v, want %v", id, err, want)
			}
		}
		two.fault((*memlog.Log).Cut)
		if err := two.Prefetch([]string{"p2"}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if s := two.Now(); *s.Prefetch != (agent.Prefetch{Total: 1}) {
			t.Errorf("without a line the agenda is at %+v", s.Prefetch)
		}
		two.mend()
		left.Store(1 << 30)
		w.settled()
		if s := two.Now(); *s.Prefetch != (agent.Prefetch{Done: 1, Total: 1}) {
			t.Errorf("with everything read the agenda is at %+v", s.Prefetch)
		}
		w.agreed()
	})
}

// A desk that is cut off in its first read says so, also when it was started again.
func TestWithoutALineTheFirstReadIsStillIncomplete(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		one := w.desk("one")
		w.settled()
		one.notes(4)
		one.register("p9")
		two, left := w.stalled("two")
		left.Store(3)
		two.start()
		synctest.Wait()
		two.fault((*memlog.Log).Cut)
		two.stop()
		two.start()
		time.Sleep(time.Minute)
		began := time.Now()
		_, err := two.Records().Record(t.Context(), events.Record{Type: "Patient", ID: "p9"})
		if !errors.Is(err, projections.ErrNotFound) || !errors.Is(err, agent.ErrIncomplete) {
			t.Errorf("what may be missing: %v", err)
		}
		if waited := time.Since(began); waited != 0 {
			t.Errorf("a question waited %v for a server that is not there", waited)
		}
		two.mend()
		left.Store(1 << 30)
		w.settled()
		w.agreed()
	})
}

// A dossier that is being fetched when the read comes to its end is here, by the read.
func TestADossierIsHereWhenTheReadIsFaster(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		one := w.desk("one")
		w.settled()
		note := one.MustNote("c1", "asthma")
		w.settled()
		two := w.machine("two")
		two.wrap = func(l *memlog.Log) agent.Log { return late{l, time.Second, 3 * time.Second} }
		two.start()
		if err := two.Need(t.Context(), "p1"); err != nil {
			t.Errorf("everything is here: %v", err)
		}
		if state, err := two.Store().Record(t.Context(), agenttest.Condition("c1")); err != nil || state.Shown.Event.ID != note.ID {
			t.Errorf("the note is not here: %v", err)
		}
		w.settled()
		w.agreed()
	})
}

// What was read ahead and is then lost by the server is found out like what was read in order.
func TestTheServerLosesWhatWasReadAhead(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		one := w.desk("one")
		w.settled()
		one.register("p2")
		w.settled()
		backup := uint64(len(w.server.Stored()))
		lost := one.MustNote("c1", "before the server's disk broke")
		two, left := w.stalled("two")
		two.start()
		if err := two.Need(t.Context(), "p1"); err != nil {
			t.Fatal(err)
		}
		two.kill()
		one.stop()
		w.server.RollBack(backup)
		left.Store(1 << 30)
		two.start()
		w.settled()
		w.once(lost.ID) // of two, who alone was there
		one.start()
		w.settled()
		w.agreed()
	})
}

// Whom the log lets in and shuts out is the same for what is read ahead, and the read
// comes to the same verdicts as one that began with nothing, wherever it was killed.
func TestReadAheadAndKilledAgainAndAgain(t *testing.T) {
	seed := rand.Uint64()
	chance := rand.New(rand.NewPCG(seed, 0))
	t.Logf("seed %d", seed)
	inWorld(t, func(t *testing.T, w *world) {
		one, two := w.two()
		one.notes(6)
		two.offline()
		two.notes(3) // never accepted
		one.register("p2")
		if _, _, err := one.RevokeDevice(t.Context(), two.Config.Enrolment.Device, "dr-one"); err != nil {
			t.Fatal(err)
		}
		w.settled()
		two.stop()
		one.notes(6)
		w.shutOut(two)
		three := w.machine("three")
		for life := 1; ; life++ {
			var left atomic.Int64
			left.Store(int64(chance.IntN(5)))
			three.wrap = func(l *memlog.Log) agent.Log { return trickle{l, &left} }
			three.start()
			for range chance.IntN(3) {
				if err := three.Need(t.Context(), []string{"", "p1", "p2", "p3"}[chance.IntN(4)]); err != nil {
					t.Fatal(err)
				}
			}
			time.Sleep(time.Second)
			synctest.Wait()
			if err := three.Store().Check(t.Context()); err != nil {
				t.Fatal(err)
			}
			if three.Now().Position.Sequence == uint64(len(w.server.Stored())) {
				break
			}
			three.kill()
		}
		three.kill()
		three.wrap = nil
		three.start()
		four := w.desk("four") // from nothing, in order
		w.settled()
		if diff := cmp.Diff(comparable(w.t, four.Store()), comparable(w.t, three.Store())); diff != "" {
			t.Errorf("what was read ahead ended differently (-want +got):\n%s", diff)
		}
		if got := three.Now().Doubts[projections.DoubtRevoked]; got != 3 {
			t.Errorf("%d events of the revoked desk are in doubt, want 3", got)
		}
	})
}

// shutOut stores what a revoked desk had queued, as a server does that does not know yet.
func (w *world) shutOut(m *machine) {
	w.t.Helper()
	line := w.server.Client(m.Name)
	defer line.Close()
	box, err := outbox.Open(w.t.Context(), filepath.Join(m.Config.Data, agent.OutboxFile), w.sheet.Practice, m.Config.Enrolment.Device)
	if err != nil {
		w.t.Fatal(err)
	}
	defer box.Close()
	queued, err := box.All(w.t.Context())
	if err != nil || len(queued) == 0 {
		w.t.Fatalf("the queue: %d, %v", len(queued), err)
	}
	for _, entry := range queued {
		if _, err := line.Append(w.t.Context(), entry.Message); err != nil {
			w.t.Fatal(err)
		}
	}
}
