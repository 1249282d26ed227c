package replica_test

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"testing"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/events/eventstest"
)

// Where the keys of a patient that are here cannot be read, the reading ends before what they seal: that is not in doubt, which
// would stay, and is read when they can be.
func TestKeysThatCannotBeReadEndTheReading(t *testing.T) {
	p := eventstest.New(t, deviceBody)
	one := p.Enrol("one")
	one.Write("Condition/a", "pat-1", "note")
	sealed := one.Write("Condition/b", "pat-2", "note")
	c := openCopy(t, p, filepath.Join(t.TempDir(), "record.db"))
	defer c.stop()
	broken := errors.New("the disk does not read")
	c.ring.Keep(func(patient string) ([]events.WrappedKey, error) {
		if patient == "pat-2" {
			return nil, broken
		}
		return nil, nil
	})
	log := &roll{log: p.Log, keys: p.Keys}
	ctx, cancel := context.WithCancel(t.Context())
	var reading sync.WaitGroup
	defer reading.Wait()
	defer cancel()
	reading.Go(func() {
		_ = c.Reach(ctx, uint64(len(p.Log))) // it must not
		cancel()
	})
	if err := c.Follow(ctx, log, c.keysCome); !errors.Is(err, events.ErrKeysUnread) || !errors.Is(err, broken) {
		t.Errorf("the reading ended with: %v", err)
	}
	if doubt, here := c.verdicts()[sealed.ID]; here {
		t.Errorf("what could not be looked at is in doubt as %q", doubt)
	}
	c.ring.Keep(nil)
	c.follow(log, func() {})
	if doubt, here := c.verdicts()[sealed.ID]; !here || doubt != "" {
		t.Errorf("when they can be read again: %v, in doubt as %q", here, doubt)
	}
}
