package replica_test

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/events/eventstest"
	"github.com/carelog/carelog/projections"
	"github.com/carelog/carelog/projections/audit"
)

// late is how many events of each revoked device a copy says to have been sent after the revocation was made.
func (c *copyOf) late() map[string]int {
	c.t.Helper()
	left, err := c.LeftOut(context.Background())
	if err != nil {
		c.t.Fatal(err)
	}
	late := make(map[string]int)
	for device, list := range left.Late {
		late[device] = len(list)
	}
	return late
}

// lateInAudit is the same as the audit says it.
func lateInAudit(t fataler, p *eventstest.Practice, log []events.Stored) map[string]int {
	t.Helper()
	late := make(map[string]int)
	for _, f := range findings(t, p, log) {
		if f.Code != audit.RevocationLate {
			continue
		}
		var n int
		var device string
		if _, err := fmt.Sscanf(f.Text, "%d events of device %s ", &n, &device); err != nil {
			t.Fatal(err)
		}
		late[device] = max(late[device], n)
	}
	return late
}

func findings(t fataler, p *eventstest.Practice, log []events.Stored) (list []audit.Finding) {
	t.Helper()
	keys := audit.Keys{Practice: p.ID, Root: p.RootKey(), Open: p.Ring.Open}
	_, err := audit.Verify(context.Background(), func(yield func(events.Stored, error) bool) {
		for _, m := range log {
			if !yield(m, nil) {
				return
			}
		}
	}, audit.Check{Keys: keys}, func(f audit.Finding) error {
		list = append(list, f)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// A revocation is lost and given back behind what the revoked device has sent meanwhile: that counts, and is said, by every
// desk however it reads and by the audit. What the device sends after that is in doubt as ever.
func TestWhatIsSentWhileARevocationIsLost(t *testing.T) {
	p := eventstest.New(t, deviceBody)
	one, two := p.Enrol("one"), p.Enrol("two")
	sent := []*events.Event{note(one, "a0"), note(one, "a1"), note(one, "a2")}
	aside := stub(one, one.Next, events.Digest{1})
	revocation := revokes(p, two, one, one.Next)
	late := []*events.Event{note(one, "l0"), note(one, "l1")}
	again, anew := revokes(p, two, one, one.Next), revokes(p, two, one, sent[2].Follows())
	after := note(one, "after")
	for name, row := range map[string]struct {
		list []*events.Event
		want map[string]int
	}{
		"nothing is lost":                           {slices.Concat(sent, []*events.Event{revocation, late[0], late[1], after}), map[string]int{}},
		"it alone is lost":                          {slices.Concat(sent, late, []*events.Event{revocation, after}), map[string]int{"one": 2}},
		"what it sent before is lost as well":       {slices.Concat(sent[:1], late, sent[1:], []*events.Event{revocation, after}), map[string]int{"one": 2}},
		"and comes behind it":                       {slices.Concat(sent[:1], late, []*events.Event{revocation, after}, sent[1:]), map[string]int{"one": 2}},
		"one stands there twice":                    {slices.Concat(sent, late, late[:1], []*events.Event{revocation, after}), map[string]int{"one": 2}},
		"a stub says nothing":                       {slices.Concat(sent, []*events.Event{aside, revocation, after}), map[string]int{}},
		"a desk that did not know revoked it again": {slices.Concat(sent, late, []*events.Event{again, revocation, after}), map[string]int{"one": 2}},
		"it is revoked again":                       {slices.Concat(sent, []*events.Event{revocation}, late, []*events.Event{anew, after}), map[string]int{}},
		"one of two comes too late":                 {slices.Concat(sent, late[:1], []*events.Event{revocation, after}), map[string]int{"one": 1}},
	} {
		t.Run(name, func(t *testing.T) {
			log := arrange(slices.Concat(p.Log[:2], stored(t, row.list...)))
			first := slices.IndexFunc(row.list, func(e *events.Event) bool { return e.Device == two.Name })
			behind := slices.DeleteFunc(slices.Clone(row.list[first:]), func(e *events.Event) bool { return e.Device == two.Name || slices.Contains(sent, e) })
			for reading, c := range copies(t, p, log) {
				got := inDoubt(c.verdicts())
				maps.DeleteFunc(got, func(_ events.ID, doubt projections.Doubt) bool { return doubt == projections.DoubtRepeat })
				if diff := cmp.Diff(doubted(behind), got); diff != "" {
					t.Errorf("%s, in doubt (-want +got):\n%s", reading, diff)
				}
				if diff := cmp.Diff(row.want, c.late()); diff != "" {
					t.Errorf("%s, late (-want +got):\n%s", reading, diff)
				}
			}
			if diff := cmp.Diff(row.want, lateInAudit(t, p, log)); diff != "" {
				t.Errorf("the audit, late (-want +got):\n%s", diff)
			}
		})
	}
}

// The revocation was read ahead, and the reading comes to what was sent before it later: it is said then.
func TestWhatIsLateIsSaidWhenItIsRead(t *testing.T) {
	p := eventstest.New(t, deviceBody)
	one, two := p.Enrol("one"), p.Enrol("two")
	sent, end := note(two, "b0"), one.Next
	late := note(one, "l0")
	log := &roll{log: arrange(slices.Concat(p.Log[:2], stored(t, sent, late, revokes(p, two, one, end)))), keys: p.Keys}
	c := openCopy(t, p, filepath.Join(t.TempDir(), "record.db"))
	defer c.stop()
	if _, err := c.Ahead(t.Context(), log, ""); err != nil {
		t.Fatal(err)
	}
	more := make(chan struct{})
	c.followAny(&halting{log, 3, more}, 3, func() {
		if got := c.late(); len(got) > 0 {
			t.Errorf("late before it was read: %v", got)
		}
		close(more)
		if err := c.Reach(t.Context(), uint64(len(log.log))); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(map[string]int{"one": 1}, c.late()); diff != "" {
			t.Errorf("late (-want +got):\n%s", diff)
		}
	})
}

// halting is a log that brings so many messages, and the others when it is told to.
type halting struct {
	*roll
	first uint64
	more  chan struct{}
}

func (l *halting) Read(ctx context.Context, from uint64) iter.Seq2[events.Stored, error] {
	return func(yield func(events.Stored, error) bool) {
		for m, err := range l.roll.Read(ctx, from) {
			if err == nil && m.Sequence > l.first {
				<-l.more
			}
			if !yield(m, err) {
				return
			}
		}
	}
}

// A stolen PC that nobody has revoked yet revokes a colleague's and says that its chain ends early, or that it has none: what that one had
// sent stands, and so does the revocation that it had made. From the log alone nobody can tell this from a revocation that was lost, and given
// back behind what a thief had sent meanwhile: were what stands before it to fall out in the one case, it would in the other.
func TestARevocationTakesNothingBack(t *testing.T) {
	p := eventstest.New(t, deviceBody)
	good, stolen, thief := p.Enrol("good"), p.Enrol("stolen"), p.Enrol("thief")
	early := note(good, "g0")
	revoked := revokes(p, good, thief, thief.Next)
	later := note(good, "g1")
	never := note(thief, "t0")
	own := thief.Next
	for name, ends := range map[string][]events.Chain{
		"no end": nil, "its first": {good.Record.Follows()}, "before what it revoked": {early.Follows()}, "another's chain": {own},
	} {
		t.Run(name, func(t *testing.T) {
			log := arrange(slices.Concat(p.Log[:3], stored(t, early, revoked, later, never, revokes(p, stolen, good, ends...))))
			for _, c := range copies(t, p, log) {
				c.doubts(never)
			}
		})
	}
}

// Two devices revoke each other: the place decides, and nothing else, since each of the two says of itself what the other says.
func TestTwoThatRevokeEachOther(t *testing.T) {
	p := eventstest.New(t, deviceBody)
	one, two := p.Enrol("one"), p.Enrol("two")
	a, b := revokes(p, one, two, two.Next), revokes(p, two, one, one.Record.Follows())
	ofOne, ofTwo := note(one, "a"), note(two, "b")
	for _, row := range []struct{ list, doubted []*events.Event }{
		{[]*events.Event{a, b, ofOne, ofTwo}, []*events.Event{b, ofTwo}},
		{[]*events.Event{b, a, ofOne, ofTwo}, []*events.Event{a, ofOne}},
	} {
		log := arrange(slices.Concat(p.Log[:2], stored(t, row.list...)))
		for _, c := range copies(t, p, log) {
			c.doubts(row.doubted...)
		}
	}
}
