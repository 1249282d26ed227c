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
