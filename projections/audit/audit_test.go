package audit_test

import (
	"context"
	"crypto/ed25519"
	"math/rand/v2"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/events/eventstest"
	"github.com/carelog/carelog/projections/audit"
	"github.com/carelog/carelog/projections/fhirjson"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func deviceBody(device string, public ed25519.PublicKey, certificate []byte, active bool) []byte {
	return fhirjson.DeviceResource(device, fhirjson.DeviceKey{Public: public, Certificate: certificate, Name: "PC " + device, Active: active})
}

// twoDesks is a practice with two enrolled devices and a little in its log.
func twoDesks(tb eventstest.TB) (p *eventstest.Practice, a, b *eventstest.Device) {
	tb.Helper()
	p = eventstest.New(tb, deviceBody)
	a, b = p.Enrol("a"), p.Enrol("b")
	first := a.Write("Condition/c1", "pat-1", "cough")
	b.Write("Condition/c1", "pat-1", "cough, better", first.ID)
	return p, a, b
}

func keysOf(p *eventstest.Practice) audit.Keys {
	return audit.Keys{Practice: p.ID, Root: p.RootKey(), Open: p.Ring.Open}
}

// verify collects all that Verify finds.
func verify(tb eventstest.TB, log audit.Log, c audit.Check) ([]audit.Finding, audit.Summary) {
	tb.Helper()
	var list []audit.Finding
	summary, err := audit.Verify(context.Background(), log, c, func(f audit.Finding) error {
		list = append(list, f)
		return nil
	})
	if err != nil {
		tb.Fatalf("verify: %v", err)
	}
	return list, summary
}

// text writes findings one a line, for messages of failed tests.
func text(list []audit.Finding) string {
	var b strings.Builder
	for _, f := range list {
		audit.NewTable(&b).Finding(f)
	}
	return b.String()
}

// hashOf is the position at the end of a log, reckoned on its own.
func hashOf(tb eventstest.TB, p *eventstest.Practice) events.Position {
	tb.Helper()
	var at events.Position
	for _, m := range p.Log {
		fingerprint := m.Fingerprint()
		if e, err := events.Decode(m.Message); err == nil {
			fingerprint = e.Fingerprint()
		}
		at = at.Next(m.Sequence, fingerprint)
	}
	return at
}

// shuffle gives all messages but the first few another place in the log: in whatever
// order they come, the graph must be the same.
func shuffle(p *eventstest.Practice, r *rand.Rand, keep int) {
	tail := p.Log[keep:]
	r.Shuffle(len(tail), func(i, j int) { tail[i].Message, tail[j].Message = tail[j].Message, tail[i].Message })
}
