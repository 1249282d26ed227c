package replica_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/events/eventstest"
	"github.com/carelog/carelog/projections"
)

// again starts a desk once more, and returns whether it begins with something to judge and how often it was told that all is judged
// when it has read a log.
func (c *copyOf) again(log *roll) (judging bool, judged int) {
	c.t.Helper()
	c.stop()
	c.start()
	left, err := c.LeftOut(context.Background())
	if err != nil {
		c.t.Fatal(err)
	}
	c.judged.Store(0)
	c.follow(log, func() {})
	return left.Judging, int(c.judged.Load())
}

// A start judges what can be otherwise, and no more: usually nothing, so that the first proof need not wait.
func TestAStartJudgesWhatIsInDoubt(t *testing.T) {
	p := eventstest.New(t, deviceBody)
	one, two := p.Enrol("one"), p.Enrol("two")
	ghost := p.Stranger("ghost")
	for i := range 3 {
		one.Write(fmt.Sprint("Condition/a", i), "pat-1", "note")
	}
	p.Push(revokes(p, two, one, one.Next))
	two.Write("Condition/b", "pat-1", "note")

	c := openCopy(t, p, filepath.Join(t.TempDir(), "record.db"))
	defer func() { c.stop() }()
	look := func(when string, want bool) {
		t.Helper()
		log := &roll{log: p.Log, keys: p.Keys}
		c.follow(log, func() {})
		judging, judged := c.again(log)
		if judging != want || judged > 0 != want {
			t.Errorf("%s: judging at the start %v, judged %d times, want %v", when, judging, judged, want)
		}
	}
	look("one device is revoked, with nothing behind", false)
	ghost.Write("Condition/c", "pat-1", "nobody knows this one, and there is nothing to judge it by")
	look("something that nobody vouches for", false)
	p.Push(note(one, "late"))
	look("something behind the revocation", true)
}

// A forged signature is looked at once more: its device's other key may have come.
func TestAStartJudgesWhatNobodySigned(t *testing.T) {
	p := eventstest.New(t, deviceBody)
	one := p.Enrol("one")
	forged := note(one, "forged")
	forged.Signature[0] ^= 1
	p.Push(forged)
	c := openCopy(t, p, filepath.Join(t.TempDir(), "record.db"))
	defer func() { c.stop() }()
	log := &roll{log: p.Log, keys: p.Keys}
	c.follow(log, func() {})
	if judging, judged := c.again(log); !judging || judged != 1 {
		t.Errorf("judging at the start %v, judged %d times", judging, judged)
	}
}

// The desk is killed when it has the key of a Device record and has not opened that: it names a key that nobody
// certified, and is in doubt after the start as on every other desk.
func TestAStartOpensADeviceRecord(t *testing.T) {
	p := eventstest.New(t, deviceBody)
	one := p.Enrol("one")
	early := p.Keys
	p.Ring.Forget("")
	public := p.Stranger("ghost").Key.Public().(ed25519.PublicKey)
	record := one.Make(eventstest.Change{Record: "Device/ghost", Body: string(deviceBody("ghost", public, make([]byte, 64), true))})
	p.Push(record)
	c := openCopy(t, p, filepath.Join(t.TempDir(), "record.db"))
	defer func() { c.stop() }()
	c.follow(&roll{log: p.Log, keys: early}, func() {})
	if doubt := c.verdicts()[record.ID]; doubt != projections.DoubtUnopened {
		t.Fatalf("without its key the record is in doubt as %q", doubt)
	}
	if err := c.store.PutRead(t.Context(), events.KeyMark{Sequence: uint64(len(p.Keys))}, p.Keys...); err != nil {
		t.Fatal(err)
	}
	if judging, judged := c.again(&roll{log: p.Log, keys: p.Keys}); !judging || judged != 1 {
		t.Errorf("judging at the start %v, judged %d times", judging, judged)
	}
	if doubt := c.verdicts()[record.ID]; doubt != projections.DoubtSignature {
		t.Errorf("the record is in doubt as %q", doubt)
	}
}

// The certificate of who revoked a device comes last, and the desk is killed before what it changes was judged again, or in the middle of that: what
// the revoked device had sent behind the revocation falls out after the start, as on every other desk.
func TestAStartGoesOnWithARevocation(t *testing.T) {
	p := eventstest.New(t, deviceBody)
	one, two := p.Enrol("one"), p.Enrol("maker")
	before := one.Write("Condition/a", "pat-1", "note")
	p.Push(revokes(p, two, one, before.Follows()))
	late := one.Write("Condition/b", "pat-1", "from a stolen PC")
	log := arrange(slices.Concat(p.Log[:1], p.Log[2:], p.Log[1:2]))
	for _, commits := range []int{1, 2} {
		c := openCopy(t, p, filepath.Join(t.TempDir(), "record.db"))
		c.follow(&roll{log: log[:len(log)-1], keys: p.Keys}, func() {})
		killed := errors.New("killed")
		c.applied = func([]*events.Event) error {
			if commits--; commits == 0 {
				return killed
			}
			return nil
		}
		if err := c.Follow(t.Context(), &roll{log: log, keys: p.Keys}, c.keysCome); !errors.Is(err, killed) {
			t.Fatal(err)
		}
		c.applied = nil
		c.again(&roll{log: log, keys: p.Keys})
		c.doubts(late)
		c.stop()
	}
}
