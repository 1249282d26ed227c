package replica_test

import (
	"context"
	"crypto/ed25519"
	"flag"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/carelog/carelog/agent/replica"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/events/eventstest"
	"github.com/carelog/carelog/projections"
	"github.com/carelog/carelog/projections/fhirjson"
)

func deviceBody(device string, public ed25519.PublicKey, certificate []byte, active bool) []byte {
	return fhirjson.DeviceResource(device, fhirjson.DeviceKey{Public: public, Certificate: certificate, Active: active})
}

// roll is a server's log of which a part is given away, in pieces, and then no more.
type roll struct {
	replica.Log
	log  []events.Stored
	keys []events.WrappedKey
}

func (l *roll) Read(ctx context.Context, from uint64) iter.Seq2[events.Stored, error] {
	return func(yield func(events.Stored, error) bool) {
		for _, m := range l.log {
			if m.Sequence >= from && !yield(m, nil) {
				return
			}
		}
		<-ctx.Done()
	}
}

func (l *roll) State(context.Context) (events.LogState, error) {
	return events.LogState{Last: uint64(len(l.log)), Counted: uint64(len(l.log))}, nil
}

func (l *roll) Dossier(_ context.Context, patient string, after uint64) iter.Seq2[events.Stored, error] {
	return func(yield func(events.Stored, error) bool) {
		for _, m := range l.log {
			if _, of, err := events.ParseSubject(m.Subject); err == nil && of == patient && m.Sequence > after && !yield(m, nil) {
				return
			}
		}
	}
}

func (l *roll) Get(_ context.Context, sequence uint64) (events.Stored, error) {
	if sequence > uint64(len(l.log)) {
		return events.Stored{}, events.ErrNoMessage
	}
	return l.log[sequence-1], nil
}

func (l *roll) Key(_ context.Context, patient string, id events.KeyID) (events.WrappedKey, error) {
	for _, k := range l.keys {
		if k.Patient == patient && k.ID == id {
			return k, nil
		}
	}
	return events.WrappedKey{}, events.ErrNoKey
}

func (l *roll) KeysAfter(_ context.Context, _ events.KeyMark, take func([]events.WrappedKey, events.KeyMark) error) error {
	return take(l.keys, events.KeyMark{Sequence: uint64(len(l.keys))})
}

// fataler is a *testing.T or a *rapid.T.
type fataler interface {
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
}

// copyOf is a desk's copy of a log.
type copyOf struct {
	t     fataler
	p     *eventstest.Practice
	path  string
	store *projections.Store
	ring  *events.Keyring
	*replica.Replica
	applied func([]*events.Event) error // nil: nothing
	judged  atomic.Int32                // how often it was told that all is judged
	wait    <-chan struct{}             // nothing is opened before; nil: at once
}

func (c *copyOf) keysCome() error {
	if c.wait != nil {
		<-c.wait
	}
	return nil
}

func openCopy(t fataler, p *eventstest.Practice, path string) *copyOf {
	t.Helper()
	c := &copyOf{t: t, p: p, path: path}
	c.start()
	return c
}

func (c *copyOf) start() {
	c.t.Helper()
	ring := events.NewKeyring(c.p.Key)
	c.ring = ring
	store, err := projections.Open(context.Background(), c.path, projections.Options{Practice: c.p.ID, Opener: ring.Open})
	if err != nil {
		c.t.Fatal(err)
	}
	for k, err := range store.Keys(context.Background()) {
		if err != nil || ring.Add(k) != nil {
			c.t.Fatal("a key is lost", err)
		}
	}
	c.store = store
	c.Replica, err = replica.Open(context.Background(), replica.Config{
		Practice: c.p.ID, Root: c.p.RootKey(), Store: store, Ring: ring,
		Applied: func(_ context.Context, batch []*events.Event, _ []events.Record) error {
			if c.applied == nil {
				return nil
			}
			return c.applied(batch)
		},
		Judged: func() { c.judged.Add(1) },
		Warn:   func(string, string) {},
	})
	if err != nil {
		c.t.Fatal(err)
	}
}

func (c *copyOf) stop() {
	c.t.Helper()
	if err := c.store.Close(); err != nil {
		c.t.Fatal(err)
	}
}

// follow reads a log to its end, calls then, and returns when nothing is being judged again.
func (c *copyOf) follow(log *roll, then func()) {
	c.t.Helper()
	c.followAny(log, len(log.log), then)
}

func (c *copyOf) followAny(log replica.Log, end int, then func()) {
	c.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- c.Follow(ctx, log, c.keysCome) }()
	if err := c.Reach(ctx, uint64(end)); err != nil {
		c.t.Fatal(err)
	}
	then()
	for {
		left, err := c.LeftOut(ctx)
		if err != nil {
			c.t.Fatal(err)
		}
		if !left.Judging {
			break
		}
	}
	cancel()
	<-ended
}

// verdicts are the doubts of all events, by id; twin where another one has the id of one that is in no doubt.
func (c *copyOf) verdicts() map[events.ID]projections.Doubt {
	c.t.Helper()
	out := make(map[events.ID]projections.Doubt)
	for m, err := range c.store.Log(context.Background(), 1) {
		if err != nil {
			c.t.Fatal(err)
		}
		e, err := events.Decode(m.Message)
		if err != nil {
			c.t.Fatal(err)
		}
		out[e.ID] = ""
	}
	list, err := c.store.Doubts(context.Background())
	if err != nil {
		c.t.Fatal(err)
	}
	for _, d := range list {
		doubt, is := out[d.Event]
		if is && d.Kind != projections.DoubtFork && (d.Kind != projections.DoubtTwin || doubt == "") {
			out[d.Event] = d.Kind
		}
	}
	return out
}

// arrange gives messages new places.
func arrange(log []events.Stored) []events.Stored {
	for i := range log {
		log[i].Sequence = uint64(i) + 1
	}
	return log
}

// A certificate that did not open when it was read lets its device in when its key comes.
func TestACertificateWhoseKeyComesLater(t *testing.T) {
	for _, restart := range []bool{false, true} {
		t.Run(fmt.Sprint("restart ", restart), func(t *testing.T) {
			p := eventstest.New(t, deviceBody)
			one, two := p.Enrol("one"), p.Enrol("two")
			for i := range 5 {
				one.Write(fmt.Sprint("Condition/a", i), "pat-1", "note")
				two.Write(fmt.Sprint("Condition/b", i), "pat-1", "note")
			}
			log := &roll{log: p.Log}
			for _, k := range p.Keys {
				if k.Patient != "" {
					log.keys = append(log.keys, k)
				}
			}
			c := openCopy(t, p, filepath.Join(t.TempDir(), "record.db"))
			defer func() { c.stop() }()
			c.follow(log, func() {})
			left, err := c.LeftOut(t.Context())
			if diff := cmp.Diff(map[string]int{"one": 6, "two": 6}, left.Unvouched); err != nil || diff != "" {
				t.Errorf("before the key came %v (-want +got):\n%s", err, diff)
			}
			log.keys = p.Keys
			if restart {
				c.stop()
				c.start()
			}
			c.follow(log, func() {
				if err := c.FetchKeys(t.Context(), log); err != nil {
					t.Fatal(err)
				}
			})
			for id, doubt := range c.verdicts() {
				if doubt != "" {
					t.Errorf("event %s is in doubt: %s", id, doubt)
				}
			}
		})
	}
}

// A revocation by a device that was itself revoked before does nothing, also where that becomes
// known only later.
func TestARevocationThatIsDoubtedLater(t *testing.T) {
	p := eventstest.New(t, deviceBody)
	one, two, three := p.Enrol("one"), p.Enrol("two"), p.Enrol("three")
	two.Revoke(one)
	one.Revoke(three)
	for i := range 5 {
		three.Write(fmt.Sprint("Condition/c", i), "pat-1", "note")
	}
	log := slices.Clone(p.Log)
	log = arrange(append(slices.Concat(log[:1], log[2:]), log[1])) // two's certificate comes last
	want := openCopy(t, p, filepath.Join(t.TempDir(), "record.db"))
	defer want.stop()
	want.follow(&roll{log: log, keys: p.Keys}, func() {})
	got := openCopy(t, p, filepath.Join(t.TempDir(), "record.db"))
	defer got.stop()
	got.follow(&roll{log: log[:len(log)-1], keys: p.Keys}, func() {})
	got.follow(&roll{log: log, keys: p.Keys}, func() {})
	counts := make(map[projections.Doubt]int)
	for _, doubt := range got.verdicts() {
		counts[doubt]++
	}
	if diff := cmp.Diff(map[projections.Doubt]int{"": len(log) - 1, projections.DoubtRevoked: 1}, counts); diff != "" {
		t.Errorf("verdicts (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want.verdicts(), got.verdicts()); diff != "" {
		t.Errorf("verdicts (-read at once +read in two):\n%s", diff)
	}
}

// The same log gives the same verdicts however it is read: certificates stand anywhere, desks revoke
// each other, keys come late, the reading is cut off and the desk is started again.
func TestVerdictsDoNotHangOnTheReading(t *testing.T) {
	fewChecks(t)
	dir := t.TempDir()
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		p := eventstest.New(t, deviceBody)
		names := []string{"one", "two", "three", "four"}
		var desks []*eventstest.Device
		for _, name := range names {
			desks = append(desks, p.Enrol(name))
		}
		for i := range rapid.IntRange(1, 25).Draw(t, "events") {
			d := rapid.SampledFrom(desks).Draw(t, "device")
			switch rapid.IntRange(0, 4).Draw(t, "what") {
			case 0:
				if other := rapid.SampledFrom(desks).Draw(t, "other"); other != d {
					d.Revoke(other)
				}
			case 1:
				forged := d.Make(eventstest.Change{Record: fmt.Sprint("Condition/f", i), Patient: "pat-1", Body: eventstest.Resource(fmt.Sprint("Condition/f", i), "pat-1", "forged")})
				forged.Signature[0] ^= 1
				p.Push(forged)
			default:
				d.Write(fmt.Sprint("Condition/c", i), "pat-1", "note")
			}
		}
		log := slices.Clone(p.Log)
		for range rapid.IntRange(0, 4).Draw(t, "lost") { // and given back at the end
			i := rapid.IntRange(0, len(log)-1).Draw(t, "message")
			log = append(slices.Delete(slices.Clone(log), i, i+1), log[i])
		}
		log = arrange(log)

		want := openCopy(t, p, filepath.Join(dir, fmt.Sprint(n, "a.db")))
		want.follow(&roll{log: log, keys: p.Keys}, func() {})

		got := openCopy(t, p, filepath.Join(dir, fmt.Sprint(n, "b.db")))
		part := &roll{}
		if rapid.Bool().Draw(t, "keys at once") {
			part.keys = p.Keys
		}
		for len(part.log) < len(log) {
			part.log = log[:min(len(log), len(part.log)+rapid.IntRange(1, 8).Draw(t, "batch"))]
			if rapid.IntRange(0, 3).Draw(t, "keys come") == 0 {
				part.keys = p.Keys
			}
			got.follow(part, func() {
				if err := got.FetchKeys(context.Background(), part); err != nil {
					t.Fatal(err)
				}
			})
			if rapid.IntRange(0, 3).Draw(t, "restart") == 0 {
				got.stop()
				got.start()
			}
		}
		part.keys = p.Keys
		got.follow(part, func() {
			if err := got.FetchKeys(context.Background(), part); err != nil {
				t.Fatal(err)
			}
		})
		if diff := cmp.Diff(want.verdicts(), got.verdicts()); diff != "" {
			t.Fatalf("verdicts (-read at once +in parts):\n%s", diff)
		}
		want.stop()
		got.stop()
		_ = os.Remove(want.path)
		_ = os.Remove(got.path)
	})
}

// fewChecks draws fewer cases where nobody says how many: every reading opens a file, and many commit to it.
func fewChecks(t *testing.T) {
	t.Helper()
	checks := flag.Lookup("rapid.checks")
	if all := checks.Value.String(); all == checks.DefValue {
		t.Cleanup(func() { _ = checks.Value.Set(all) })
		_ = checks.Value.Set("12")
	}
}
