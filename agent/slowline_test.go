package agent_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/agenttest"
	"github.com/carelog/carelog/broker/brokertest"
)

// The first read over a line of 1 Mbit/s, and over one that loses a segment in twenty,
// ends as over a good one, and a dossier is opened before it does. The log takes longer
// than a line may be silent.
func TestTheFirstReadOverABadLine(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*brokertest.Device){
		"1 Mbit/s": func(d *brokertest.Device) { d.Bandwidth(1_000_000) },
		"5 % lost": func(d *brokertest.Device) { d.Loss(0.05, 200*time.Millisecond, 1) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			chance := rand.New(rand.NewPCG(1, 1))
			p := newPractice(t)
			p.interval = seldom
			one := p.desk("one")
			one.AwaitGreen()
			drafts := make([]agent.Draft, 0, 1000)
			for i := range cap(drafts) {
				patient := fmt.Sprintf("p%d", i/5)
				record := agenttest.Condition(fmt.Sprintf("c%d", i))
				body := fmt.Appendf(nil, `{"resourceType":"Condition","id":%q,"subject":{"reference":"Patient/%s"},"note":[{"text":%q}]}`,
					record.ID, patient, noise(chance, 1000))
				drafts = append(drafts, agent.Draft{Record: record, Patient: patient, Body: body})
			}
			if _, err := one.WriteMany(t.Context(), drafts); err != nil {
				t.Fatal(err)
			}
			one.AwaitGreen()

			two := p.slowDesk("two", spoil)
			last := drafts[len(drafts)-1]
			for ahead := false; !ahead; {
				changed := two.Changed()
				s := two.Now()
				err := two.Need(t.Context(), last.Patient)
				if err == nil {
					t.Logf("the dossier was here with the read at %d of %d", two.Now().Position.Sequence, s.Server.Sequence)
					ahead = true
				} else if !errors.Is(err, context.DeadlineExceeded) { // no line to ask yet
					<-changed
				}
			}
			if _, err := two.Store().Record(t.Context(), last.Record); err != nil {
				t.Error(err)
			}
			two.AwaitGreen()
			if err := one.Prove(t.Context()); err != nil { // it has read what two wrote as well
				t.Fatal(err)
			}
			if diff := cmp.Diff(withoutKeys(dump(t, one.Store())), withoutKeys(dump(t, two.Store()))); diff != "" {
				t.Errorf("over the bad line the desk came to something else (-want +got):\n%s", diff)
			}
		})
	}
}

func withoutKeys(dump string) (lines []string) {
	for line := range strings.Lines(dump) {
		if !strings.HasPrefix(line, "key ") {
			lines = append(lines, line)
		}
	}
	return lines
}

// noise is text that cannot be made shorter.
func noise(chance *rand.Rand, n int) string {
	var b strings.Builder
	for range n {
		b.WriteByte("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"[chance.IntN(64)])
	}
	return b.String()
}
