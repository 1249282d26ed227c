package agent_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/light"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/internal/largetest"
	"github.com/carelog/carelog/projections"
)

// away stops all desks and takes messages out of the log, which closes up behind them, as
// for a new desk a log does that lost a part of a file.
func (w *world) away(taken func(events.Stored) bool) (out []events.Stored) {
	w.t.Helper()
	for _, m := range w.desks {
		m.stop()
	}
	log := w.server.Stored()
	w.server.RollBack(0)
	for _, m := range log {
		if taken(m) {
			out = append(out, m)
			continue
		}
		w.put(m)
	}
	if len(out) == 0 {
		w.t.Fatal("the log has nothing of what was to be lost")
	}
	return out
}

// put gives the log messages at its end, as a desk does that heals it.
func (w *world) put(list ...events.Stored) {
	w.t.Helper()
	line := w.server.Client("healer")
	defer line.Close()
	for _, m := range list {
		if _, err := line.Append(w.t.Context(), m.Message); err != nil {
			w.t.Fatal(err)
		}
	}
}

// certificateOf tells the messages by which desks came into the practice.
func certificateOf(names ...string) func(events.Stored) bool {
	return func(m events.Stored) bool {
		e, err := events.Decode(m.Message)
		return err == nil && e.Record.Type == "Device" && slices.Contains(names, e.Record.ID) && e.Chain.Counter == 1
	}
}

// trusts checks that a desk has the same as one that knows all desks from the beginning
// would: all notes, and nothing in doubt.
func (m *machine) trusts(notes ...events.ID) {
	m.world.t.Helper()
	if doubts := m.Now().Doubts; len(doubts) > 0 {
		m.world.t.Errorf("desk %s doubts %v", m.Name, doubts)
	}
	here := eventsIn(m.world.t, m.Store())
	for _, id := range notes {
		if !slices.Contains(here, id) {
			m.world.t.Errorf("desk %s has not event %s", m.Name, id)
		}
	}
	log, ring := m.world.server.Stored(), m.world.ring()
	graph, err := newModel(log, ring.Open)
	if err == nil {
		err = graph.compare(m.world.t.Context(), m.Store())
	}
	if err != nil {
		m.world.t.Errorf("desk %s: %v", m.Name, err)
	}
}

// keeps gives the practice's keys back, which go with the log in a roll-back.
func (w *world) keeps() (giveBack func()) {
	w.t.Helper()
	var keys []events.WrappedKey
	line := w.server.Client("keeper")
	for k, err := range line.Keys(w.t.Context()) {
		if err != nil {
			w.t.Fatal(err)
		}
		keys = append(keys, k)
	}
	return func() {
		w.t.Helper()
		defer line.Close()
		for _, k := range keys {
			if err := line.PutKey(w.t.Context(), k); err != nil {
				w.t.Fatal(err)
			}
		}
	}
}

// The certificates of the desks were lost and given back behind all that these have signed. A
// certificate counts wherever it stands.
func TestTheCertificatesStandAtTheEnd(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		one, two := w.two()
		notes := append(one.notes(20), two.notes(20)...)
		w.settled()
		keys := w.keeps()
		w.put(w.away(certificateOf("one", "two"))...)
		keys()
		three := w.desk("three")
		w.settled()
		three.trusts(notes...)
		three.kill()
		three.start()
		w.settled()
		three.trusts(notes...)
		if diff := cmp.Diff(comparable(t, w.fresh("four").Store()), comparable(t, three.Store())); diff != "" {
			t.Errorf("a desk that began anew differs (-want +got):\n%s", diff)
		}
	})
}

// fresh is a desk that has read the whole log from nothing.
func (w *world) fresh(name string) *machine {
	w.t.Helper()
	m := w.desk(name)
	w.settled()
	return m
}

// A desk that nothing vouches for yet is said by name, with how many of its changes are left out,
// and the light is not green; until its certificate comes, however it does.
func TestACertificateComesLater(t *testing.T) {
	const many = 20
	for name, comes := range map[string]func(w *world, three *machine, give func()) *machine{
		"while the desk is online": func(_ *world, three *machine, give func()) *machine { give(); return three },
		"after the desk was killed": func(_ *world, three *machine, give func()) *machine {
			three.kill()
			three.start()
			give()
			return three
		},
		"while the desk is off": func(_ *world, three *machine, give func()) *machine {
			three.stop()
			give()
			three.start()
			return three
		},
		"behind a snapshot": func(w *world, three *machine, give func()) *machine {
			if _, err := three.MakeSnapshot(w.t.Context()); err != nil {
				w.t.Fatal(err)
			}
			give()
			return w.machine("four").snapshots(1)
		},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				one, two := w.two()
				notes := append(one.notes(many), two.notes(many)...)
				w.settled()
				keys := w.keeps()
				lost := w.away(certificateOf("two"))
				keys()
				three := w.desk("three")
				w.await(t, "a session with the server", func() bool { return three.warned(agent.WarnLeftOut) })
				time.Sleep(time.Minute)
				s := three.Now()
				if s.Color != light.Synchronising || s.Position != w.truth() {
					t.Errorf("the light is %s (%s) at %d", s.Color, s.Reason, s.Position.Sequence)
				}
				if text := warned(three, agent.WarnLeftOut); !strings.Contains(text, "two") || !strings.Contains(text, "20") {
					t.Errorf("the warning does not say whose and how many: %q", text)
				}
				three = comes(w, three, func() { w.put(lost...) })
				if !three.running() {
					three.start()
				}
				w.settled()
				three.trusts(notes...)
				if three.warned(agent.WarnLeftOut) {
					t.Error("the warning stays")
				}
				three.MustNote("after", "written when all is well")
				w.settled()
			})
		})
	}
}

// On the broker's disk, as it happens: the noise is in the first file, where the certificates
// stand, and a desk that was enrolled later reads a log in which they come last.
func TestTheBrokersDiskLosesTheCertificatesOfALargeLog(t *testing.T) {
	largetest.Unwatched(t)
	p := newPractice(t)
	p.interval = seldom
	one, two := p.desk("one"), p.desk("two")
	want := p.large(one, two)
	p.broker.DamageLog(0, .05)
	p.whole(want, one, two)
	p.healed(want, one, two, p.desk("three"))
}

// A revocation counts from its place on, also where it was doubted when it was read, since the
// certificate of whoever revoked comes later: what had been taken in after it counts no more.
func TestARevocationWhoseCertificateComesLater(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		one, two := w.two()
		one.notes(4)
		w.settled()
		one.offline()
		one.notes(3) // never accepted
		if _, _, err := two.RevokeDevice(t.Context(), one.Config.Enrolment.Device, "dr-two"); err != nil {
			t.Fatal(err)
		}
		two.AwaitGreen()
		one.stop()
		w.shutOut(one)
		w.desks = w.desks[1:]
		two.notes(1)
		w.settled()
		keys := w.keeps()
		lost := w.away(certificateOf("two"))
		keys()
		three := w.desk("three")
		w.await(t, "what is left out", func() bool { return three.warned(agent.WarnLeftOut) })
		w.put(lost...)
		w.settled()
		want := agent.Doubts{projections.DoubtRevoked: 3}
		if diff := cmp.Diff(want, three.Now().Doubts); diff != "" {
			t.Errorf("what is in doubt (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(comparable(t, w.fresh("four").Store()), comparable(t, three.Store())); diff != "" {
			t.Errorf("a desk that began anew differs (-want +got):\n%s", diff)
		}
	})
}
