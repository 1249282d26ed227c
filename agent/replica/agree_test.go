package replica_test

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/events/eventstest"
)

// overtaken is a log that has gone on by the time its state is heard.
type overtaken struct {
	*roll
	meanwhile func()
}

func (l *overtaken) State(ctx context.Context) (events.LogState, error) {
	state, err := l.roll.State(ctx)
	l.meanwhile()
	return state, err
}

// A change comes while the server says where its log ends, and is in the store, but the position has not moved yet: what the
// server had said before it is no loss, and a session that ended for it would leave the next change queued.
func TestAChangeThatComesWhileTheLogIsCompared(t *testing.T) {
	p := eventstest.New(t, deviceBody)
	one := p.Enrol("one")
	one.Write("Condition/a", "pat-1", "before")
	before := &roll{log: p.Log, keys: p.Keys}
	c := openCopy(t, p, filepath.Join(t.TempDir(), "record.db"))
	defer c.stop()
	c.follow(before, func() {})
	one.Write("Condition/b", "pat-1", "meanwhile")

	ctx, enough := context.WithCancel(t.Context())
	came, compared, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	c.applied = func([]*events.Event) error {
		close(came)
		<-compared
		return nil
	}
	_, loss, err := c.Agree(ctx, &overtaken{before, func() {
		go func() { ended <- c.Follow(ctx, &roll{log: p.Log, keys: p.Keys}, c.keysCome) }()
		<-came
	}})
	close(compared)
	enough()
	<-ended
	if err != nil || loss != "" {
		t.Errorf("a loss %q, %v; want none", loss, err)
	}
}
