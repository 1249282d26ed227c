package replica_test

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/events/eventstest"
	"github.com/carelog/carelog/projections"
	"github.com/carelog/carelog/projections/audit"
	"github.com/carelog/carelog/projections/fhirjson"
)

// revokes lets a device revoke another one and name ends of its chain.
func revokes(p *eventstest.Practice, by, of *eventstest.Device, ends ...events.Chain) *events.Event {
	public := of.Key.Public().(ed25519.PublicKey)
	body := fhirjson.DeviceResource(of.Name, fhirjson.DeviceKey{
		Public: public, Certificate: events.Certify(p.Root, p.ID, of.Name, public), Ends: ends,
	})
	return by.Make(eventstest.Change{Record: "Device/" + of.Name, Body: string(body), Parents: []events.ID{of.Record.ID}})
}

// note makes an event that is not in the log yet.
func note(d *eventstest.Device, id string) *events.Event {
	return d.Make(eventstest.Change{Record: "Condition/" + id, Patient: "pat-1", Body: eventstest.Resource("Condition/"+id, "pat-1", "note")})
}

// stub stands for an event and claims its link, as its device signs it.
func stub(d *eventstest.Device, at events.Chain, link events.Digest) *events.Event {
	before := d.Next
	d.Next = at
	e := d.Make(eventstest.Change{Type: events.SetAside, Record: "Condition/x", Patient: "pat-1", Replaces: link})
	d.Next = before
	return e
}

// stored gives events places in a log, in their order.
func stored(t fataler, list ...*events.Event) []events.Stored {
	t.Helper()
	log := make([]events.Stored, len(list))
	for i, e := range list {
		m, err := events.Encode(e)
		if err != nil {
			t.Fatal(err)
		}
		log[i] = events.Stored{Time: eventstest.Epoch.AddDate(0, 0, i), Message: m}
	}
	return arrange(log)
}

// readings are the verdicts on a log however it is read: in one batch, as it comes, one by one, in parts with a start of the
// desk between them.
func readings(t *testing.T, p *eventstest.Practice, log []events.Stored) map[string]map[events.ID]projections.Doubt {
	t.Helper()
	all := make(map[string]map[events.ID]projections.Doubt)
	for name, c := range copies(t, p, log) {
		all[name] = c.verdicts()
	}
	return all
}

// copies are copies of a log, each read in another way, as readings has them; each is there until the next.
func copies(t *testing.T, p *eventstest.Practice, log []events.Stored) iter.Seq2[string, *copyOf] {
	return func(yield func(string, *copyOf) bool) {
		for name, part := range map[string]int{"in one batch": len(log), "as it comes": len(log), "one by one": 1, "by threes, with a start": 3} {
			c := openCopy(t, p, filepath.Join(t.TempDir(), "record.db"))
			if name == "in one batch" {
				c.followInOne(&roll{log: log, keys: p.Keys})
			} else {
				c.followParts(&roll{log: log, keys: p.Keys}, part, part == 3)
			}
			more := yield(name, c)
			if err := c.store.Check(t.Context()); err != nil {
				t.Error(err)
			}
			if c.stop(); !more {
				return
			}
		}
	}
}

// followParts reads a log as if it grew by so many messages, with a start of the desk after each where that is wanted.
func (c *copyOf) followParts(log *roll, part int, starts bool) {
	c.t.Helper()
	for n := 0; n < len(log.log); {
		n = min(len(log.log), n+part)
		c.follow(&roll{log: log.log[:n], keys: log.keys}, func() {})
		if starts {
			c.stop()
			c.start()
		}
	}
	c.follow(log, func() {})
}

// doubts checks that just these are in doubt, as sent behind a revocation.
func (c *copyOf) doubts(want ...*events.Event) {
	c.t.Helper()
	if diff := cmp.Diff(doubted(want), inDoubt(c.verdicts())); diff != "" {
		c.t.Fatalf("in doubt (-want +got):\n%s", diff)
	}
}

func doubted(list []*events.Event) map[events.ID]projections.Doubt {
	out := make(map[events.ID]projections.Doubt)
	for _, e := range list {
		out[e.ID] = projections.DoubtRevoked
	}
	return out
}

func inDoubt(verdicts map[events.ID]projections.Doubt) map[events.ID]projections.Doubt {
	out := make(map[events.ID]projections.Doubt)
	for id, doubt := range verdicts {
		if doubt != "" {
			out[id] = doubt
		}
	}
	return out
}

// What a device had sent, and the broker lost and was given back behind the revocation, in whatever
// order, counts: the revocation names the end of its chain, and each event the one before it.
func TestWhatWasGivenBackBehindARevocationCounts(t *testing.T) {
	p := eventstest.New(t, deviceBody)
	one, two := p.Enrol("one"), p.Enrol("two")
	var sent []*events.Event
	for i := range 6 {
		sent = append(sent, note(one, fmt.Sprint("a", i)))
	}
	revocation := revokes(p, two, one, one.Next)
	for name, list := range map[string][]*events.Event{
		"the end of the chain":             slices.Concat(sent[:3], []*events.Event{revocation}, sent[3:]),
		"its middle":                       slices.Concat(sent[:2], sent[4:], []*events.Event{revocation}, sent[2:4]),
		"all of it":                        slices.Concat([]*events.Event{revocation}, sent),
		"all of it, the last first":        slices.Concat([]*events.Event{revocation}, reversed(sent)),
		"every other one":                  {sent[1], sent[3], revocation, sent[0], sent[2], sent[4], sent[5]},
		"a part of it, the revocation too": slices.Concat(sent[:1], sent[3:], []*events.Event{sent[1], revocation, sent[2]}),
	} {
		t.Run(name, func(t *testing.T) {
			log := arrange(slices.Concat(p.Log[:2], stored(t, list...)))
			for reading, verdicts := range readings(t, p, log) {
				if diff := cmp.Diff(doubted(nil), inDoubt(verdicts)); diff != "" {
					t.Errorf("%s, in doubt (-want +got):\n%s", reading, diff)
				}
			}
		})
	}
}

// A device that was set up from a copy of its disk forked its chain, and of one branch something is lost already when it is
// revoked: the end of the other branch is named all the same, though something has the number behind it.
func TestAnEndBesideAGap(t *testing.T) {
	p := eventstest.New(t, deviceBody)
	one, two := p.Enrol("one"), p.Enrol("two")
	copied := one.Next
	first, second := note(one, "a0"), note(one, "a1")
	one.Next = copied
	third, _, fifth := note(one, "b0"), note(one, "gone"), note(one, "b2")
	c := openCopy(t, p, filepath.Join(t.TempDir(), "record.db"))
	c.follow(&roll{log: arrange(slices.Concat(p.Log[:2], stored(t, first, second, third, fifth))), keys: p.Keys}, func() {})
	ends, err := c.store.ChainEnds(t.Context(), "one", fhirjson.MaxDeviceEnds)
	c.stop()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]events.Chain{fifth.Follows(), second.Follows(), third.Follows()}, ends); diff != "" {
		t.Errorf("ends (-want +got):\n%s", diff)
	}
	log := arrange(slices.Concat(p.Log[:2], stored(t, first, third, fifth, revokes(p, two, one, ends...), second)))
	for reading, verdicts := range readings(t, p, log) {
		if diff := cmp.Diff(doubted(nil), inDoubt(verdicts)); diff != "" {
			t.Errorf("%s, in doubt (-want +got):\n%s", reading, diff)
		}
	}
}

// A revocation that a revoked device had made counts as well where it was lost and given back: what the other
// device sends behind that is in doubt, and what it had sent before is not.
func TestARevocationThatARevokedDeviceHadMade(t *testing.T) {
	p := eventstest.New(t, deviceBody)
	one, two, three := p.Enrol("one"), p.Enrol("two"), p.Enrol("three")
	before, between := note(three, "c0"), note(three, "c1")
	third := revokes(p, one, three, between.Chain)
	last := note(one, "a0")
	first := revokes(p, two, one, one.Next)
	after := note(three, "c2")
	log := arrange(slices.Concat(p.Log[:3], stored(t, before, first, between, third, last, after)))
	for reading, verdicts := range readings(t, p, log) {
		if diff := cmp.Diff(doubted([]*events.Event{after}), inDoubt(verdicts)); diff != "" {
			t.Errorf("%s, in doubt (-want +got):\n%s", reading, diff)
		}
	}
}

func reversed(list []*events.Event) []*events.Event {
	list = slices.Clone(list)
	slices.Reverse(list)
	return list
}

// Whoever has the key of a revoked device gets nothing in behind the revocation, whatever he signs with it, also where
// something of the device is lost at that time.
func TestAForgerBehindARevocation(t *testing.T) {
	p := eventstest.New(t, deviceBody)
	one, two, three := p.Enrol("one"), p.Enrol("two"), p.Enrol("three")
	var sent []*events.Event
	for i := range 6 {
		sent = append(sent, note(one, fmt.Sprint("a", i)))
	}
	end := one.Next
	revocation := revokes(p, two, one, end)
	forge := func(at events.Chain, id string) *events.Event {
		one.Next = at
		return note(one, id)
	}
	beyond := forge(end, "beyond") // it goes on
	beyond2 := note(one, "beyond2")
	fork := forge(sent[2].Chain, "fork") // beside what was sent
	fork2 := note(one, "fork2")
	// A stub claims to have the link that the revocation names, or the next event, and goes on in what is made up.
	unseen := forge(sent[4].Chain, "unseen")
	atEnd := stub(one, unseen.Follows(), end.Previous)
	within := stub(one, forge(sent[1].Chain, "unseen2").Follows(), sent[3].Chain.Previous)
	unseen2 := forge(sent[1].Chain, "unseen3")
	// The id of an event that is lost at that time, and is given back later.
	twin := *sent[4]
	twin.Record.ID = "other"
	twin.Sign(one.Key)
	// A Device record behind the place: it names what was made up, lets the device in again, or shuts out another.
	one.Next = beyond2.Follows()
	again := revokes(p, one, one, one.Next, beyond.Follows(), fork2.Follows())
	third := revokes(p, one, three)
	of3 := note(three, "c0")

	forged := []*events.Event{beyond, beyond2, fork, fork2, unseen, atEnd, within, unseen2, again, third}
	lost := []*events.Event{sent[1], sent[4], sent[5]}
	before := []*events.Event{sent[0], sent[2], sent[3], revocation}
	for name, list := range map[string][]*events.Event{
		"before it is given back": slices.Concat(before, []*events.Event{&twin}, forged, lost, []*events.Event{beyond, of3}),
		"after it":                slices.Concat(before, lost, reversed(forged), []*events.Event{&twin, of3, beyond}),
		"in between":              slices.Concat(before, forged[:5], lost[:1], []*events.Event{&twin}, lost[1:], forged[5:], []*events.Event{of3}),
	} {
		t.Run(name, func(t *testing.T) {
			log := arrange(slices.Concat(p.Log[:3], stored(t, list...)))
			want := doubted(forged)
			want[twin.ID] = projections.DoubtTwin // the one that was lost stands under its id
			for reading, verdicts := range readings(t, p, log) {
				if diff := cmp.Diff(want, inDoubtTwin(verdicts)); diff != "" {
					t.Errorf("%s, in doubt (-want +got):\n%s", reading, diff)
				}
			}
		})
	}
}

// inDoubtTwin leaves out the doubt of a repeat, which is none of the event.
func inDoubtTwin(verdicts map[events.ID]projections.Doubt) map[events.ID]projections.Doubt {
	out := inDoubt(verdicts)
	for id, doubt := range out {
		if doubt == projections.DoubtRepeat {
			out[id] = projections.DoubtRevoked // only what was made up stands twice
		}
	}
	return out
}

// hadAll is a copy of a log in which one of two devices wrote four notes and was shut out by a
// revocation that names no end.
func hadAll(t *testing.T) (p *eventstest.Practice, one *eventstest.Device, sent []*events.Event, c *copyOf) {
	t.Helper()
	p = eventstest.New(t, deviceBody)
	one = p.Enrol("one")
	two := p.Enrol("two")
	for i := range 4 {
		sent = append(sent, one.Write(fmt.Sprint("Condition/a", i), "pat-1", "note"))
	}
	two.Revoke(one)
	c = openCopy(t, p, filepath.Join(t.TempDir(), "record.db"))
	c.follow(&roll{log: p.Log, keys: p.Keys}, func() {})
	return p, one, sent, c
}

// An old revocation names no end, and the end of a chain was lost and given back behind it: a desk that
// had it all shows it after a start as before, and one that comes later doubts it.
func TestWhatCountedStaysAfterAStart(t *testing.T) {
	p, _, sent, c := hadAll(t)
	defer func() { c.stop() }()

	log := stored(t, sent[2], sent[3])
	log = arrange(slices.Concat(p.Log[:4], p.Log[6:], log))
	if err := c.store.Distrust(t.Context()); err != nil { // it finds the loss
		t.Fatal(err)
	}
	c.stop()
	c.start()
	for _, n := range []int{5, 6, 7} { // and then what is given back
		c.follow(&roll{log: log[:n], keys: p.Keys}, func() {})
	}
	c.doubts()
	for range 2 {
		c.stop()
		c.start()
		c.follow(&roll{log: log, keys: p.Keys}, func() {})
		c.doubts()
	}
	later := openCopy(t, p, filepath.Join(t.TempDir(), "record.db"))
	defer later.stop()
	later.follow(&roll{log: log, keys: p.Keys}, func() {})
	later.doubts(sent[2:]...)
}

// The same where the whole log is read again in one batch, with what others had given back already: whether a
// desk goes on showing what it had shown must not hang on that.
func TestWhatCountedStaysInOneBatch(t *testing.T) {
	p, one, sent, c := hadAll(t)
	defer func() { c.stop() }()
	if err := c.store.Distrust(t.Context()); err != nil { // it finds the loss
		t.Fatal(err)
	}
	c.stop()
	c.start()
	late := note(one, "late")
	log := &roll{log: arrange(slices.Concat(p.Log[:4], p.Log[6:], stored(t, sent[2], late, sent[3]))), keys: p.Keys}
	c.followInOne(log)
	c.doubts(late)
	c.again(log)
	c.doubts(late)
}

// followInOne reads a log as follow does, all of it in one batch.
func (c *copyOf) followInOne(log *roll) {
	c.t.Helper()
	all := make(chan struct{})
	c.wait = all
	c.followAny(&delivered{log, all}, len(log.log), func() {})
	c.wait = nil
}

// delivered is a log that tells when all of it was read.
type delivered struct {
	*roll
	all chan struct{}
}

func (l *delivered) Read(ctx context.Context, from uint64) iter.Seq2[events.Stored, error] {
	return func(yield func(events.Stored, error) bool) {
		for _, m := range l.log {
			if m.Sequence >= from && !yield(m, nil) {
				return
			}
		}
		close(l.all)
		<-ctx.Done()
	}
}

// Where something is missing between what was given back and what would vouch for it, nobody can tell
// whether it was sent before: it is counted, until the missing one comes. What was made up is not counted where the chain is whole.
func TestWhatNothingVouchesForIsCounted(t *testing.T) {
	p := eventstest.New(t, deviceBody)
	one, two := p.Enrol("one"), p.Enrol("two")
	var sent []*events.Event
	for i := range 5 {
		sent = append(sent, note(one, fmt.Sprint("a", i)))
	}
	end := one.Next
	one.Next = sent[3].Chain
	fork := note(one, "fork")
	one.Next = end
	beyond := note(one, "beyond")
	log := arrange(slices.Concat(p.Log[:2], stored(t, sent[3], revokes(p, two, one, end), sent[0], sent[1], fork, beyond, sent[4], sent[2])))
	c := openCopy(t, p, filepath.Join(t.TempDir(), "record.db"))
	defer c.stop()
	for _, row := range []struct {
		n       int
		want    map[string][]events.ID
		doubted []*events.Event
	}{
		{len(log) - 1, map[string][]events.ID{"one": {sent[0].ID, sent[1].ID}}, []*events.Event{sent[0], sent[1], fork, beyond}},
		{len(log), map[string][]events.ID{}, []*events.Event{fork, beyond}},
	} {
		c.follow(&roll{log: log[:row.n], keys: p.Keys}, func() {})
		left, err := c.LeftOut(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(row.want, left.Unreached); diff != "" {
			t.Errorf("with %d of %d (-want +got):\n%s", row.n, len(log), diff)
		}
		c.doubts(row.doubted...)
	}
}

// The same messages at the same places give the same verdicts in whatever batches they are read, and the
// audit comes to them as well: a device writes, forks, sets aside, shuts out a colleague and is shut out, its key is used by a thief, and
// what the broker lost is given back in any order, the revocation too.
func TestVerdictsBehindARevocation(t *testing.T) {
	fewChecks(t)
	dir := t.TempDir()
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		d := drawDamaged(t, filepath.Join(dir, fmt.Sprint(n, "c.db")))
		full := &roll{log: d.log, keys: d.Keys}
		want := openCopy(t, d.Practice, filepath.Join(dir, fmt.Sprint(n, "a.db")))
		want.follow(full, func() {})
		d.check(t, want.verdicts())

		got := openCopy(t, d.Practice, filepath.Join(dir, fmt.Sprint(n, "b.db")))
		part := &roll{keys: d.Keys}
		for len(part.log) < len(d.log) {
			if rapid.IntRange(0, 3).Draw(t, "a dossier is read ahead") == 0 {
				if _, err := got.Ahead(context.Background(), full, "pat-1"); err != nil {
					t.Fatal(err)
				}
			}
			part.log = d.log[:min(len(d.log), len(part.log)+rapid.IntRange(1, 8).Draw(t, "batch"))]
			got.follow(part, func() {})
			if rapid.IntRange(0, 3).Draw(t, "restart") == 0 {
				got.stop()
				got.start()
			}
		}
		if diff := cmp.Diff(want.verdicts(), got.verdicts()); diff != "" {
			t.Fatalf("verdicts (-read at once +in parts):\n%s", diff)
		}
		if diff := cmp.Diff(want.late(), got.late()); diff != "" {
			t.Fatalf("late (-read at once +in parts):\n%s", diff)
		}
		if diff := cmp.Diff(want.late(), lateInAudit(t, d.Practice, d.log)); diff != "" {
			t.Fatalf("late (-the replica +the audit):\n%s", diff)
		}
		for _, c := range []*copyOf{want, got} {
			if err := c.store.Check(context.Background()); err != nil {
				t.Fatal(err)
			}
			c.stop()
			_ = os.Remove(c.path)
		}
	})
}

// damaged is a log that lost something and was given it back.
type damaged struct {
	*eventstest.Practice
	log    []events.Stored
	honest map[events.ID]bool // what the revoked device had sent before, but for stubs
	forged map[events.ID]bool // what was made with its key after
	known  bool               // that it is revoked was never lost
	own    bool               // what was made after has a revocation of the device itself, which may come first then
}

func drawDamaged(t *rapid.T, path string) *damaged {
	p := eventstest.New(t, deviceBody)
	d := &damaged{Practice: p, honest: make(map[events.ID]bool), forged: make(map[events.ID]bool)}
	one, two, three := p.Enrol("one"), p.Enrol("two"), p.Enrol("three")
	made := []*events.Event{one.Record}
	d.honest[one.Record.ID] = true
	write := func(stage string, mark map[events.ID]bool, most int) {
		for i := range rapid.IntRange(1, most).Draw(t, stage) {
			var e *events.Event
			switch rapid.IntRange(0, 9).Draw(t, "what") {
			case 0, 1: // a disk that came back from a copy
				one.Next = rapid.SampledFrom(made).Draw(t, "copy").Follows()
				e = note(one, fmt.Sprint(stage, i))
			case 2: // a stub claims any link, also where something else has it
				refused := note(one, "refused")
				link := refused.Link()
				if stage == "forged" {
					link = rapid.SampledFrom(made).Draw(t, "link").Link()
				}
				one.Next = refused.Chain
				e = one.Make(eventstest.Change{Type: events.SetAside, Record: "Condition/x", Patient: "pat-1", Replaces: link})
			case 3:
				whom := rapid.SampledFrom([]*eventstest.Device{one, three}).Draw(t, "whom")
				if stage != "forged" {
					whom = three
				}
				d.own = d.own || whom == one
				e = revokes(p, one, whom, whom.Next)
			case 4:
				three.Write(fmt.Sprint("Condition/c", stage, i), "pat-1", "note")
				continue
			default:
				e = note(one, fmt.Sprint(stage, i))
			}
			p.Push(e)
			made = append(made, e)
			mark[e.ID] = e.Replaces.IsZero() || stage == "forged"
		}
	}
	write("honest", d.honest, 12)
	c := openCopy(t, p, path)
	c.follow(&roll{log: p.Log, keys: p.Keys}, func() {})
	ends, err := c.store.ChainEnds(context.Background(), "one", fhirjson.MaxDeviceEnds)
	if err != nil {
		t.Fatal(err)
	}
	c.stop()
	_ = os.Remove(path)
	revocation := revokes(p, two, one, ends...)
	p.Push(revocation)
	at := len(p.Log) - 1
	write("forged", d.forged, 8)

	lost := rapid.SliceOfNDistinct(rapid.IntRange(0, len(p.Log)-1), 0, 12, rapid.ID[int]).Draw(t, "lost")
	d.known = !slices.Contains(lost, at)
	for i, m := range p.Log {
		if !slices.Contains(lost, i) {
			d.log = append(d.log, m)
		}
	}
	for _, i := range lost {
		d.log = append(d.log, p.Log[i])
	}
	arrange(d.log)
	return d
}

// check holds verdicts against who made what, and against the audit.
func (d *damaged) check(t *rapid.T, verdicts map[events.ID]projections.Doubt) {
	late := make(map[string]bool)
	for id, doubt := range verdicts {
		if d.honest[id] && doubt != "" && (d.known || !d.own) {
			t.Fatalf("event %s was sent before the revocation, and is in doubt: %s", id, doubt)
		}
		if d.forged[id] && doubt != projections.DoubtRevoked && d.known {
			t.Fatalf("event %s was made up after the revocation, and is in doubt as %q", id, doubt)
		}
		if doubt == projections.DoubtRevoked {
			late[id.String()] = true
		}
	}
	found := make(map[string]bool)
	for _, f := range findings(t, d.Practice, d.log) {
		if f.Code == audit.AfterRevoked {
			found[f.Event] = true
		}
	}
	if diff := cmp.Diff(late, found); diff != "" {
		t.Fatalf("sent after a revocation (-the replica +the audit):\n%s", diff)
	}
}

// A thief floods the log with one number and one id, and lets as many events before the revocation name what he sends behind it: what the
// chain vouches for is found all the same, and the reading ends. With each of them looked for on its own it did not in any time.
func TestAFloodOfOneNumber(t *testing.T) {
	const many = 500
	for name, sameID := range map[string]bool{"one number": false, "one id as well": true} {
		t.Run(name, func(t *testing.T) {
			p := eventstest.New(t, deviceBody)
			one, two := p.Enrol("one"), p.Enrol("two")
			number := one.Next
			var before, behind []*events.Event
			for i := range many {
				one.Next = number
				e := note(one, fmt.Sprint("behind", i))
				if sameID && i > 0 {
					e.ID = behind[0].ID
					e.Sign(one.Key)
				}
				one.Next = e.Follows()
				behind, before = append(behind, e), append(before, note(one, fmt.Sprint("before", i)))
			}
			one.Next = number
			last := note(one, "last") // nobody names it
			log := arrange(slices.Concat(p.Log[:2], stored(t, slices.Concat(before, []*events.Event{revokes(p, two, one)}, behind, []*events.Event{last})...)))
			c := openCopy(t, p, filepath.Join(t.TempDir(), "record.db"))
			defer c.stop()
			c.follow(&roll{log: log, keys: p.Keys}, func() {})
			want := doubted([]*events.Event{last})
			if sameID {
				want[behind[0].ID] = projections.DoubtTwin
			}
			if diff := cmp.Diff(want, inDoubt(c.verdicts())); diff != "" {
				t.Errorf("in doubt (-want +got):\n%s", diff)
			}
		})
	}
}
