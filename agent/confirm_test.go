package agent_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/carelog/carelog/agent"
)

// A desk that is killed after it has read its own event in the log, and before the
// event has left the outbox: it is no desk whose disk came back from an older copy.
func TestKilledBetweenReadingAndConfirming(t *testing.T) {
	ctx := context.Background()
	p := newPractice(t)
	one := p.desk("one")
	one.AwaitGreen()
	if err := one.WorkOffline(ctx); err != nil {
		t.Fatal(err)
	}
	one.MustNote("c1", "asthma")
	one.MustNote("c2", "gout")
	one.Stop()
	queued := copyOf(t, filepath.Join(one.Config.Data, agent.OutboxFile))
	one.Start()
	if err := one.WorkOnline(ctx); err != nil {
		t.Fatal(err)
	}
	one.AwaitGreen()
	one.Stop()
	if err := os.WriteFile(filepath.Join(one.Config.Data, agent.OutboxFile), queued, 0o600); err != nil {
		t.Fatal(err)
	}

	one.Start()
	if err := one.WorkOnline(ctx); err != nil {
		t.Fatal(err)
	}
	one.AwaitGreen()
	if s := one.Now(); s.Outbox != 0 || len(s.Warnings) > 0 || len(s.Doubts) > 0 {
		t.Errorf("%d queued, warnings %v, doubts %v; want none", s.Outbox, s.Warnings, s.Doubts)
	}
	seen := make(map[string]int)
	for _, m := range p.broker.Stored() {
		id, _ := m.Peek()
		seen[id]++
	}
	if len(seen) != 3 {
		t.Errorf("the log has %d events, want the device and two notes", len(seen))
	}
	for id, n := range seen {
		if n != 1 {
			t.Errorf("event %s stands %d times in the log, want 1", id, n)
		}
	}
	one.MustNote("c1", "severe asthma")
	one.AwaitGreen()
}

func copyOf(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
