package audit_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/events/eventstest"
	"github.com/carelog/carelog/projections/audit"
	"github.com/carelog/carelog/projections/fhirjson"
)

// fault is a fault that is planted in a sound log. plant returns the id of the event
// that the finding must name, or nothing where it names none.
type fault struct {
	code  audit.Code
	also  []audit.Code // what follows from it
	plant func(p *eventstest.Practice, a, b *eventstest.Device, c *audit.Check) string
}

var faults = map[string]fault{
	"a message is missing": {code: audit.SequenceGap, also: []audit.Code{audit.ChainGap, audit.ParentMissing},
		plant: func(p *eventstest.Practice, _, _ *eventstest.Device, _ *audit.Check) string {
			p.Log = slices.Delete(p.Log, 2, 3)
			return idAt(p, 2)
		}},
	"what was lost was given back behind the end": {code: audit.GapWhole, also: []audit.Code{audit.SequenceGap, audit.ChainOrder, audit.ParentLate},
		plant: func(p *eventstest.Practice, _, _ *eventstest.Device, c *audit.Check) string {
			c.Expect = nil // the hash is another one
			back := p.Log[2]
			back.Sequence = p.Log[len(p.Log)-1].Sequence + 1
			p.Log = append(slices.Delete(p.Log, 2, 3), back)
			return ""
		}},
	"the last message was removed": {code: audit.SequenceGap,
		plant: func(p *eventstest.Practice, _, _ *eventstest.Device, c *audit.Check) string {
			c.Last = uint64(len(p.Log))
			p.Log = p.Log[:len(p.Log)-1]
			return ""
		}},
	"the log goes back": {code: audit.SequenceGap,
		plant: func(p *eventstest.Practice, _, _ *eventstest.Device, _ *audit.Check) string {
			p.Log[3].Sequence = 2
			return idAt(p, 3)
		}},
	"a message is no event": {code: audit.Undecodable,
		plant: func(p *eventstest.Practice, a, _ *eventstest.Device, _ *audit.Check) string {
			a.Write("Condition/c2", "pat-1", "x")
			m := eventstest.Clone(p.Log[len(p.Log)-1].Message)
			m.Header["ce-time"] = []string{"yesterday"}
			p.Log[len(p.Log)-1].Message = m
			return m.Header["ce-id"][0]
		}},
	"a parent is not older than its child": {code: audit.Undecodable,
		plant: func(p *eventstest.Practice, a, _ *eventstest.Device, _ *audit.Check) string {
			child := a.Write("Condition/c2", "pat-1", "x")
			later := a.Make(eventstest.Change{Record: "Condition/c2", Patient: "pat-1", Body: "{}"})
			m := eventstest.Clone(p.Log[len(p.Log)-1].Message)
			m.Header["ce-parents"] = []string{later.ID.String()}
			p.Log[len(p.Log)-1].Message = m
			return child.ID.String()
		}},
	"a newer type": {code: audit.UnknownType,
		plant: func(p *eventstest.Practice, a, _ *eventstest.Device, _ *audit.Check) string {
			return push(p, a.Make(eventstest.Change{Type: "carelog.record.folded.v1", Record: "Condition/c2", Patient: "pat-1"}))
		}},
	"an event of another practice": {code: audit.OtherPractice,
		plant: func(p *eventstest.Practice, _, b *eventstest.Device, _ *audit.Check) string {
			stray := p.Stranger("c").Make(eventstest.Change{Record: "Condition/c2", Patient: "pat-1", Body: "{}"})
			stray.Practice = "elsewhere"
			stray.Sign(b.Key)
			return push(p, stray)
		}},
	"the same event again": {code: audit.Repeated,
		plant: func(p *eventstest.Practice, _, _ *eventstest.Device, _ *audit.Check) string {
			p.PushMessage(p.Log[2].Message)
			return idAt(p, 2)
		}},
	"another event with the same id": {code: audit.ReusedID,
		plant: func(p *eventstest.Practice, a, _ *eventstest.Device, _ *audit.Check) string {
			e := a.Write("Condition/c2", "pat-1", "x")
			twin := *e
			twin.Author = "dr-2"
			twin.Sign(a.Key)
			return push(p, &twin)
		}},
	"a chain that begins without a Device record": {code: audit.ChainStart, also: []audit.Code{audit.DeviceUnknown},
		plant: func(p *eventstest.Practice, _, _ *eventstest.Device, _ *audit.Check) string {
			return p.Stranger("c").Write("Condition/c2", "pat-1", "x").ID.String()
		}},
	"a gap in a chain": {code: audit.ChainGap,
		plant: func(p *eventstest.Practice, a, _ *eventstest.Device, _ *audit.Check) string {
			a.Make(eventstest.Change{Record: "Condition/c2", Patient: "pat-1", Body: "{}"})
			return a.Write("Condition/c2", "pat-1", "x").ID.String()
		}},
	"a disk that came back from a backup": {code: audit.ChainFork,
		plant: func(p *eventstest.Practice, a, _ *eventstest.Device, _ *audit.Check) string {
			backup := a.Next
			a.Write("Condition/c2", "pat-1", "x")
			a.Next = backup
			return a.Write("Condition/c3", "pat-1", "y").ID.String()
		}},
	"a chain that names another event": {code: audit.ChainBroken,
		plant: func(p *eventstest.Practice, a, _ *eventstest.Device, _ *audit.Check) string {
			a.Next.Previous[0] ^= 1
			return a.Write("Condition/c2", "pat-1", "x").ID.String()
		}},
	"a stub that stands for another event": {code: audit.ChainBroken, also: []audit.Code{audit.WasSetAside},
		plant: func(p *eventstest.Practice, a, _ *eventstest.Device, _ *audit.Check) string {
			refused := a.Make(eventstest.Change{Record: "Condition/c2", Patient: "pat-1", Body: "{}"})
			refused.Author = "dr-2" // the stub names this, the chain what was made
			a.SetAside(refused)
			return a.Write("Condition/c3", "pat-1", "x").ID.String()
		}},
	"an event that came late": {code: audit.ChainOrder,
		plant: func(p *eventstest.Practice, a, _ *eventstest.Device, _ *audit.Check) string {
			late := a.Make(eventstest.Change{Record: "Condition/c2", Patient: "pat-1", Body: "{}"})
			a.Write("Condition/c3", "pat-1", "x")
			return push(p, late)
		}},
	"an event that came late and is not the one named": {code: audit.ChainBroken, also: []audit.Code{audit.ChainOrder},
		plant: func(p *eventstest.Practice, a, _ *eventstest.Device, _ *audit.Check) string {
			late := a.Make(eventstest.Change{Record: "Condition/c2", Patient: "pat-1", Body: "{}"})
			named := a.Write("Condition/c3", "pat-1", "x")
			late.Author = "dr-2"
			late.Sign(a.Key)
			push(p, late)
			return named.ID.String()
		}},
	"a stub": {code: audit.WasSetAside,
		plant: func(p *eventstest.Practice, a, _ *eventstest.Device, _ *audit.Check) string {
			return a.SetAside(a.Make(eventstest.Change{Record: "Condition/c2", Patient: "pat-1", Body: "{}"})).ID.String()
		}},
	"an event that was set aside and is here": {code: audit.SetAsideHere, also: []audit.Code{audit.WasSetAside},
		plant: func(p *eventstest.Practice, a, _ *eventstest.Device, _ *audit.Check) string {
			refused := a.Make(eventstest.Change{Record: "Condition/c2", Patient: "pat-1", Body: "{}"})
			a.SetAside(refused)
			return push(p, refused)
		}},
	"a wrong signature": {code: audit.BadSignature,
		plant: func(p *eventstest.Practice, a, b *eventstest.Device, _ *audit.Check) string {
			kept := a.Next
			e := a.Make(eventstest.Change{Record: "Condition/c2", Patient: "pat-1", Body: "{}"})
			a.Next = kept
			e.Sign(b.Key)
			return push(p, e)
		}},
	"a key that nobody certified": {code: audit.BadCertificate, also: []audit.Code{audit.DeviceUnknown},
		plant: func(p *eventstest.Practice, a, _ *eventstest.Device, _ *audit.Check) string {
			c := p.Stranger("c")
			body := deviceBody("c", p.RootKey(), make([]byte, 64), true)
			return push(p, c.Make(eventstest.Change{Record: "Device/c", Body: string(body)}))
		}},
	"a device that nobody knows": {code: audit.DeviceUnknown, also: []audit.Code{audit.ChainStart},
		plant: func(p *eventstest.Practice, _, _ *eventstest.Device, _ *audit.Check) string {
			return p.Stranger("c").Write("Condition/c2", "pat-1", "x").ID.String()
		}},
	"another key for a known device": {code: audit.OtherKey,
		plant: func(p *eventstest.Practice, a, b *eventstest.Device, _ *audit.Check) string {
			body := deviceBody("b", p.RootKey(), make([]byte, 64), true)
			return push(p, a.Make(eventstest.Change{Record: "Device/b", Body: string(body), Parents: []events.ID{b.Record.ID}}))
		}},
	"an event after its device was revoked": {code: audit.AfterRevoked, also: []audit.Code{audit.DeviceRevoked},
		plant: func(p *eventstest.Practice, a, b *eventstest.Device, _ *audit.Check) string {
			a.Revoke(b)
			return b.Write("Condition/c2", "pat-1", "x").ID.String()
		}},
	"a device that revokes the revocation": {code: audit.AfterRevoked, also: []audit.Code{audit.DeviceRevoked},
		plant: func(p *eventstest.Practice, a, b *eventstest.Device, _ *audit.Check) string {
			a.Revoke(b)
			body := deviceBody("b", b.Key.Public().(ed25519.PublicKey), nil, true)
			return push(p, b.Make(eventstest.Change{Record: "Device/b", Body: string(body)}))
		}},
	"a revocation that was lost": {code: audit.RevocationLate, also: []audit.Code{audit.DeviceRevoked},
		plant: func(p *eventstest.Practice, a, b *eventstest.Device, _ *audit.Check) string {
			key := fhirjson.DeviceKey{Public: b.Key.Public().(ed25519.PublicKey), Ends: []events.Chain{b.Next}}
			b.Write("Condition/c2", "pat-1", "x")
			return push(p, a.Make(eventstest.Change{Record: "Device/b", Body: string(fhirjson.DeviceResource("b", key)), Parents: []events.ID{b.Record.ID}}))
		}},
	"a device whose record is deleted": {code: audit.DeviceRevoked,
		plant: func(p *eventstest.Practice, a, b *eventstest.Device, _ *audit.Check) string {
			return a.Delete("Device/b", "", b.Record.ID).ID.String()
		}},
	"a parent that is nowhere": {code: audit.ParentMissing,
		plant: func(p *eventstest.Practice, a, b *eventstest.Device, _ *audit.Check) string {
			nowhere, err := events.NewClock(nil, nil).Next()
			if err != nil {
				panic(err)
			}
			return a.Write("Condition/c2", "pat-1", "x", nowhere).ID.String()
		}},
	"a parent that came late": {code: audit.ParentLate,
		plant: func(p *eventstest.Practice, a, b *eventstest.Device, _ *audit.Check) string {
			parent := a.Make(eventstest.Change{Record: "Condition/c2", Patient: "pat-1", Body: "{}"})
			child := b.Write("Condition/c2", "pat-1", "x", parent.ID)
			push(p, parent)
			return child.ID.String()
		}},
	"a parent of another record": {code: audit.ParentOther,
		plant: func(p *eventstest.Practice, a, b *eventstest.Device, _ *audit.Check) string {
			other := a.Write("Condition/c2", "pat-1", "x")
			return b.Write("Condition/c3", "pat-1", "y", other.ID).ID.String()
		}},
	"a parent in another dossier": {code: audit.ParentOther,
		plant: func(p *eventstest.Practice, a, b *eventstest.Device, _ *audit.Check) string {
			other := a.Write("Condition/c2", "pat-1", "x")
			return b.Write("Condition/c2", "pat-2", "y", other.ID).ID.String()
		}},
	"a late parent of another record": {code: audit.ParentOther, also: []audit.Code{audit.ParentLate},
		plant: func(p *eventstest.Practice, a, b *eventstest.Device, _ *audit.Check) string {
			parent := a.Make(eventstest.Change{Record: "Condition/c2", Patient: "pat-1", Body: "{}"})
			child := b.Write("Condition/c3", "pat-1", "x", parent.ID)
			push(p, parent)
			return child.ID.String()
		}},
	"a body that was changed before it was signed": {code: audit.BodyBroken,
		plant: func(p *eventstest.Practice, a, _ *eventstest.Device, _ *audit.Check) string {
			kept := a.Next
			e := a.Make(eventstest.Change{Record: "Condition/c2", Patient: "pat-1", Body: "{}"})
			a.Next = kept
			e.Sealed[len(e.Sealed)-1] ^= 1
			e.Sign(a.Key)
			return push(p, e)
		}},
	"a key that is gone": {code: audit.BodyNoKey,
		plant: func(p *eventstest.Practice, a, _ *eventstest.Device, _ *audit.Check) string {
			e := a.Write("Condition/c2", "pat-2", "x")
			a.Write("Condition/c2", "pat-2", "y", e.ID)
			p.Ring.Forget("pat-2")
			return e.ID.String()
		}},
	"an erased patient": {code: audit.Erasure,
		plant: func(p *eventstest.Practice, a, _ *eventstest.Device, _ *audit.Check) string {
			a.Write("Condition/c2", "pat-2", "x")
			return a.Erase("pat-2").ID.String()
		}},
	"no keys at all": {code: audit.NotChecked,
		plant: func(_ *eventstest.Practice, _, _ *eventstest.Device, c *audit.Check) string {
			c.Keys.Open = nil
			return ""
		}},
	"a content that is not on the broker": {code: audit.AttachmentMissing,
		plant: func(p *eventstest.Practice, a, _ *eventstest.Device, c *audit.Check) string {
			body, _ := binary("b", 1)
			c.Pieces = func(context.Context, string) (map[int]bool, error) { return nil, nil }
			return push(p, a.Make(eventstest.Change{Record: "Binary/b", Patient: "pat-1", Body: body}))
		}},
	"no root key": {code: audit.NotChecked,
		plant: func(_ *eventstest.Practice, _, _ *eventstest.Device, c *audit.Check) string {
			c.Keys.Root = nil
			return ""
		}},
	"another hash": {code: audit.OtherHash,
		plant: func(p *eventstest.Practice, _, _ *eventstest.Device, c *audit.Check) string {
			c.Expect[0] = events.Position{Sequence: 3, Hash: events.Digest{1}}
			return idAt(p, 2)
		}},
	"another hash after one that agrees": {code: audit.OtherHash,
		plant: func(p *eventstest.Practice, a, _ *eventstest.Device, c *audit.Check) string {
			e := a.Write("Condition/c2", "pat-1", "x")
			c.Expect = append(c.Expect, events.Position{Sequence: 5, Hash: events.Digest{1}})
			return e.ID.String()
		}},
	"a log that is too short": {code: audit.NotReached,
		plant: func(p *eventstest.Practice, a, _ *eventstest.Device, c *audit.Check) string {
			a.Write("Condition/c2", "pat-1", "x")
			c.Expect[0] = events.Position{}
			c.Expect = append(c.Expect, events.Position{Sequence: 100, Hash: events.Digest{1}})
			return ""
		}},
}

// Every fault is found under its code, with the event named, and nothing else is but
// what follows from it; and every code has a fault that shows it.
func TestPlantedFaults(t *testing.T) {
	shown := make(map[audit.Code]bool)
	for name, f := range faults {
		shown[f.code] = true
		t.Run(name, func(t *testing.T) {
			p, a, b := twoDesks(t)
			c := audit.Check{Keys: keysOf(p), Expect: []events.Position{hashOf(t, p)}}
			if f.code == audit.SequenceGap {
				c.Expect = nil // the hash would tell as well
			}
			want := f.plant(p, a, b, &c)
			list, summary := verify(t, p.Messages(0), c)
			found := false
			for _, got := range list {
				found = found || got.Code == f.code && got.Event == want
				if got.Code != f.code && !slices.Contains(f.also, got.Code) {
					t.Errorf("found beside it: %s", text([]audit.Finding{got}))
				}
			}
			if !found {
				t.Errorf("want %s at event %q, got:\n%s", f.code, want, text(list))
			}
			if bad := slices.ContainsFunc(list, func(f audit.Finding) bool { return f.Severity != audit.Notice }); summary.Clean() == bad {
				t.Errorf("clean: %v with findings\n%s", summary.Clean(), text(list))
			}
		})
	}
	for _, code := range audit.Codes() {
		if !shown[code] && code != audit.Projected { // it has tests of its own
			t.Errorf("no planted fault shows %s", code)
		}
	}
}

// A sound log, with all that is allowed in one, has no finding, and is counted right.
func TestCleanLog(t *testing.T) {
	p, a, b := twoDesks(t)
	p.History(rand.New(rand.NewPCG(3, 4)), 2000, a, b)
	list, s := verify(t, p.Messages(1), audit.Check{Keys: keysOf(p), Expect: []events.Position{hashOf(t, p)}})
	if len(list) > 0 {
		t.Fatalf("found in a sound log:\n%s", text(list))
	}
	if s.Messages != 2004 || s.Events != 2004 || s.Devices != 2 || s.Position != hashOf(t, p) {
		t.Errorf("summary %+v", s)
	}
}

// What an erasure closes is counted as erased, also where it was written before the
// key came to be gone and read after.
func TestErasedIsNotBroken(t *testing.T) {
	p, a, b := twoDesks(t)
	b.Erase("pat-1")
	a.Write("Condition/c9", "", "after")
	_, s := verify(t, p.Messages(1), audit.Check{Keys: keysOf(p)})
	if !s.Clean() || s.Erased != 2 || s.Closed != 0 {
		t.Errorf("want 2 erased bodies and a clean log, got %+v", s)
	}
}

// An erasure that nobody signed explains nothing.
func TestForgedErasure(t *testing.T) {
	p, a, b := twoDesks(t)
	kept := a.Next
	e := a.Make(eventstest.Change{Type: events.Erased, Record: "Patient/pat-1", Patient: "pat-1"})
	a.Next = kept
	e.Sign(b.Key)
	p.Push(e)
	p.Ring.Forget("pat-1")
	list, s := verify(t, p.Messages(1), audit.Check{Keys: keysOf(p)})
	if s.Erased != 0 || s.Closed != 2 {
		t.Errorf("want 2 closed bodies, got %+v\n%s", s, text(list))
	}
}

// A log that fails, a reader that has had enough and a context that ends: each ends
// Verify with that error.
func TestVerifyEnds(t *testing.T) {
	p, a, b := twoDesks(t)
	p.History(rand.New(rand.NewPCG(5, 6)), 2000, a, b)
	boom := errors.New("boom")
	failing := func(yield func(events.Stored, error) bool) {
		for m := range p.Messages(1) {
			if m.Sequence == 700 {
				yield(events.Stored{}, boom)
				return
			}
			if !yield(m, nil) {
				return
			}
		}
	}
	none := func(audit.Finding) error { return nil }
	if _, err := audit.Verify(t.Context(), failing, audit.Check{Keys: keysOf(p)}, none); !errors.Is(err, boom) {
		t.Errorf("a failing log: %v", err)
	}
	enough := func(audit.Finding) error { return boom }
	p.PushMessage(events.Message{Subject: "x"})
	if _, err := audit.Verify(t.Context(), p.Messages(1), audit.Check{Keys: keysOf(p)}, enough); !errors.Is(err, boom) {
		t.Errorf("a reader that has had enough: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	calls := 0
	c := audit.Check{Keys: keysOf(p), Progress: func(audit.Progress) { calls++; cancel() }}
	if s, err := audit.Verify(ctx, p.Messages(1), c, none); !errors.Is(err, context.Canceled) || s.Messages > 1024 {
		t.Errorf("a context that ends: %v after %d messages", err, s.Messages)
	}
}

// Progress goes up to the end, and Until ends a log that waits.
func TestProgress(t *testing.T) {
	p, a, b := twoDesks(t)
	p.History(rand.New(rand.NewPCG(7, 8)), 1500, a, b)
	waiting := func(yield func(events.Stored, error) bool) {
		for m := range p.Messages(1) {
			if !yield(m, nil) {
				return
			}
		}
		t.Error("the log was read past its end: a live one would wait for ever")
	}
	last := uint64(len(p.Log))
	var got []audit.Progress
	verify(t, audit.Until(waiting, last), audit.Check{Keys: keysOf(p), Last: last, Progress: func(p audit.Progress) { got = append(got, p) }})
	if n := len(got); n < 3 || got[n-1].Done != last || got[n-1].Total != last || got[n-1].Rate <= 0 {
		t.Errorf("progress %+v: want it to end at %d", got, last)
	}
	for range audit.Until(waiting, 0) {
		t.Error("an empty log has a message")
	}
}

// Findings do not depend on how many cores there are or where batches end.
func TestOrderOfFindings(t *testing.T) {
	p, a, b := twoDesks(t)
	r := rand.New(rand.NewPCG(9, 10))
	p.History(r, 3000, a, b)
	for range 100 {
		i := 10 + r.IntN(len(p.Log)-10)
		m := eventstest.Clone(p.Log[i].Message)
		m.Header["ce-author"] = []string{fmt.Sprint("dr-", i)}
		p.Log[i].Message = m
	}
	first, _ := verify(t, p.Messages(1), audit.Check{Keys: keysOf(p)})
	second, _ := verify(t, p.Messages(1), audit.Check{Keys: keysOf(p)})
	if !slices.Equal(first, second) || len(first) < 90 {
		t.Errorf("two readings of one log differ, or find too little: %d and %d findings", len(first), len(second))
	}
	signatures := slices.DeleteFunc(slices.Clone(first), func(f audit.Finding) bool { return f.Code != audit.BadSignature })
	if !slices.IsSortedFunc(signatures, func(a, b audit.Finding) int { return int(a.Sequence) - int(b.Sequence) }) {
		t.Error("wrong signatures are not reported in the order of the log")
	}
}

func idAt(p *eventstest.Practice, i int) string { return p.Log[i].Header["ce-id"][0] }

func push(p *eventstest.Practice, e *events.Event) string {
	p.Push(e)
	return e.ID.String()
}
