package agent_test

import (
	"crypto/ed25519"
	"strings"
	"testing"
	"time"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/light"
	"github.com/carelog/carelog/events"
)

// ofDevice tells the messages of a device with numbers between two of its chain.
func ofDevice(device string, from, to uint64) func(events.Stored) bool {
	return func(m events.Stored) bool {
		e, err := events.Decode(m.Message)
		return err == nil && e.Device == device && from <= e.Chain.Counter && e.Chain.Counter <= to
	}
}

// The server has lost what stood in the middle of its log, and those that have it are off. Who reads the
// log for the first time says that something is missing, and whose, until it is given back.
func TestANewDeskReadsALogWithAHole(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		one, two := w.two()
		notes := append(one.notes(6), two.notes(6)...)
		w.settled()
		keys := w.keeps()
		lost := w.away(ofDevice("one", 3, 5))
		keys()
		three := w.desk("three")
		w.await(t, "the warning", func() bool { return three.warned(agent.WarnMissing) })
		three.kill()
		three.start()
		w.await(t, "the warning after a start", func() bool { return three.warned(agent.WarnMissing) })
		time.Sleep(time.Minute)
		if s := three.Now(); s.Color != light.Online {
			t.Errorf("the light is %s (%s)", s.Color, s.Reason)
		}
		if text := warned(three, agent.WarnMissing); !strings.Contains(text, "3 of device one") {
			t.Errorf("the warning does not say whose and how many: %q", text)
		}
		two.start()
		w.settled()
		w.await(t, "the end of the warning", func() bool { return !three.warned(agent.WarnMissing) })
		three.trusts(notes...)
		for _, m := range lost {
			e, err := events.Decode(m.Message)
			if err != nil {
				t.Fatal(err)
			}
			w.once(e.ID)
		}
	})
}

// Those that are off had said how far they had read, which is no more what the log has: the light is not green, and
// what is missing or left out is said all the same, whether their word is beyond the end of the log or within it.
func TestALossIsSaidBesideADoubt(t *testing.T) {
	for warning, taken := range map[string]func(events.Stored) bool{
		agent.WarnMissing: ofDevice("one", 3, 5),
		agent.WarnLeftOut: certificateOf("one"),
	} {
		t.Run(warning, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				one, two := w.two()
				one.notes(6)
				w.settled()
				time.Sleep(time.Minute) // and both have said so
				listener := w.server.Client("listener")
				defer listener.Close()
				words, err := listener.Positions(t.Context())
				if err != nil || len(words) != 2 {
					t.Fatalf("%v, %v: want the words of two desks", words, err)
				}
				keys := w.keeps()
				lost := w.away(taken)
				keys()
				for _, word := range words { // which are kept in another place than the log
					if err := w.server.Client(word.Device).PutPosition(t.Context(), word); err != nil {
						t.Fatal(err)
					}
				}
				three := w.desk("three")
				said := func() bool { return three.warned("positions-differ") && three.warned(warning) }
				w.await(t, "the warning, where the others have read beyond the end", said)
				three.notes(len(lost) + 3)
				three.kill()
				three.start()
				w.await(t, "the warning, where the others have read something else", said)
				one.start()
				two.start()
				w.settled()
				w.await(t, "the end of the warnings", func() bool { return !three.warned("positions-differ") && !three.warned(warning) })
			})
		})
	}
}

// Of a revoked PC is missing what the revocation lets stand. What a thief who has its key makes up
// later, with numbers far ahead, leaves no hole.
func TestANewDeskReadsAHoleOfARevokedDesk(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		one, two := w.two()
		one.notes(6)
		w.settled()
		w.revoked(one, two)
		w.put(w.forged("one", func(e *events.Event) {
			e.ID[14]++
			e.Chain.Counter = 1 << 40
			e.Sign(ed25519.NewKeyFromSeed(one.Config.Enrolment.SigningSeed))
		}))
		three := w.desk("three")
		w.settled()
		time.Sleep(time.Minute)
		if three.warned(agent.WarnMissing) {
			t.Errorf("nothing is missing: %q", warned(three, agent.WarnMissing))
		}
		keys := w.keeps()
		w.away(ofDevice("one", 3, 4))
		keys()
		four := w.desk("four")
		w.await(t, "the warning", func() bool { return four.warned(agent.WarnMissing) })
		if text := warned(four, agent.WarnMissing); !strings.Contains(text, "2 of device one") {
			t.Errorf("the warning does not say whose and how many: %q", text)
		}
	})
}
