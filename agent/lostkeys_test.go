package agent_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/agenttest"
	"github.com/carelog/carelog/agent/light"
	"github.com/carelog/carelog/broker/memlog"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/internal/largetest"
)

// write registers a patient at a desk.
func write(t *testing.T, d *agenttest.Desk, id string) agent.Draft {
	t.Helper()
	draft := newPatient(id)
	if _, err := d.Write(t.Context(), draft); err != nil {
		t.Fatal(err)
	}
	return draft
}

// keyed has patients at two desks, registered half at each.
func keyed(t *testing.T, p *practice, patients int) (one, two *agenttest.Desk, drafts []agent.Draft) {
	t.Helper()
	one, two = p.desk("one"), p.desk("two")
	one.AwaitGreen()
	two.AwaitGreen()
	for i := range patients {
		drafts = append(drafts, write(t, []*agenttest.Desk{one, two}[i%2], fmt.Sprintf("pat-%02d", i)))
	}
	opens(t, one, drafts)
	opens(t, two, drafts)
	return one, two, drafts
}

// opens waits until a desk is green and shows what was written of patients.
func opens(t *testing.T, d *agenttest.Desk, drafts []agent.Draft) {
	t.Helper()
	d.Await("the records of all patients", func(agent.Status) bool {
		for _, draft := range drafts {
			state, err := d.Store().Record(t.Context(), draft.Record)
			if err != nil || string(state.Shown.Body) != string(draft.Body) {
				return false
			}
		}
		return true
	})
	d.AwaitGreen()
}

// hasKeys waits until the broker has just these keys again, which a desk gives back at the latest. A
// new desk may have made one of the practice's own beside.
func (p *practice) hasKeys(want map[string]string, d *agenttest.Desk) {
	p.t.Helper()
	var has map[string]string
	defer func() {
		if p.t.Failed() {
			p.t.Logf("the keys differ (-want +got):\n%s", cmp.Diff(slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(has))))
		}
	}()
	d.Await(fmt.Sprintf("%d keys on the broker", len(want)), func(agent.Status) bool {
		has = p.broker.Keys()
		maps.DeleteFunc(has, func(name, _ string) bool { return strings.HasPrefix(name, "-.") && want[name] == "" })
		return maps.Equal(has, want)
	})
}

// A failing disk spoils keys of patients on the broker, and nothing else: the log ends where it
// ended. The desks that have them give them back, and a desk that comes afterwards opens all.
func TestTheBrokerLosesKeys(t *testing.T) {
	for name, spoil := range map[string]func(*practice){
		"in the middle":  func(p *practice) { p.broker.DamageKeys(.4, .5) },
		"at the end":     func(p *practice) { p.broker.DamageKeys(.95, 1) },
		"the whole file": func(p *practice) { p.broker.LoseKeys() },
		"one bit of one": func(p *practice) { p.broker.FlipKeyBit() },
		"while the desks are away": func(p *practice) {
			for _, line := range p.lines {
				line.Cut()
			}
			p.broker.DamageKeys(.4, .5)
			p.broker.Restart()
			for _, line := range p.lines {
				line.Mend()
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPractice(t)
			one, two, drafts := keyed(t, p, 20)
			want := p.broker.Keys()
			spoil(p)
			p.hasKeys(want, one)
			one.AwaitGreen()
			two.AwaitGreen()
			opens(t, p.desk("three"), drafts)
			p.broker.Restart()
			drafts = append(drafts, write(t, two, "pat-after"))
			opens(t, one, drafts)
			for i := range 2 { // a desk that starts again, and one that does not
				opens(t, p.desk(fmt.Sprint("late-", i)), drafts)
				one.Restart()
			}
			for name, wrapped := range p.broker.Keys() {
				if was, ok := want[name]; ok && was != wrapped {
					t.Errorf("key %s was replaced", name)
				}
			}
		})
	}
}

func unopened(s agent.Status) bool {
	return slices.ContainsFunc(s.Warnings, func(w agent.Warning) bool { return w.Code == agent.WarnUnopened })
}

// A new desk comes while the server lacks keys and no other desk is there to give them back: it
// cannot read all that it has, and says so until it can.
func TestWhatDoesNotOpenIsSaid(t *testing.T) {
	p := newPractice(t)
	one, two, drafts := keyed(t, p, 20)
	one.Stop()
	two.Stop()
	p.broker.DamageKeys(.4, .5)
	p.broker.Restart()
	three := p.desk("three")
	three.Await("a warning of what does not open", unopened)
	one.Start()
	opens(t, three, drafts)
	three.Await("no warning", func(s agent.Status) bool { return len(s.Warnings) == 0 })
}

// A key that was erased stays so: it is not given back with what was lost.
func TestAnErasedKeyIsNotGivenBack(t *testing.T) {
	for name, spoil := range map[string]func(*practice){
		"the keys lost in the middle": func(p *practice) { p.broker.DamageKeys(.4, .5) },
		"the keys lost at the end":    func(p *practice) { p.broker.DamageKeys(.9, 1) },
		"all keys lost":               func(p *practice) { p.broker.LoseKeys() },
		"a bit of a key":              func(p *practice) { p.broker.FlipKeyBit() },
		"nothing lost":                func(p *practice) { p.broker.Restart() },
		"all lost":                    func(p *practice) { p.broker.Wipe() },
	} {
		t.Run(name, func(t *testing.T) {
			p := newPractice(t)
			one, two, drafts := keyed(t, p, 20)
			want := p.broker.Keys()
			p.broker.EraseKeys("pat-03")
			maps.DeleteFunc(want, func(name, _ string) bool {
				k, err := events.ParseWrappedKey(name, nil)
				return err == nil && k.Patient == "pat-03"
			})
			for _, d := range []*agenttest.Desk{one, two} { // both hear of it
				d.Restart()
				d.AwaitGreen()
			}
			spoil(p)
			p.hasKeys(want, two)
			one.Restart()
			one.AwaitGreen()
			two.AwaitGreen()
			p.hasKeys(want, one)
			others := slices.DeleteFunc(drafts, func(d agent.Draft) bool { return d.Patient == "pat-03" })
			three := p.desk("three")
			if name == "all lost" { // also the note of what was erased: three alone cannot know that nobody has the key
				three.Await("a warning of what does not open", unopened)
				return
			}
			opens(t, three, others)
			if state, err := three.Store().Record(t.Context(), events.Record{Type: "Patient", ID: "pat-03"}); err == nil && len(state.Shown.Body) > 0 {
				t.Error("a new desk opens what was erased")
			}
			p.hasKeys(want, one)
		})
	}
}

// The bucket of a large practice has several files, and the first of them is damaged.
func TestTheBrokerLosesKeysOfALargePractice(t *testing.T) {
	largetest.Unwatched(t)
	const patients = 20_000
	p := newPractice(t)
	one := p.desk("one")
	one.AwaitGreen()
	ring, auditor := p.ring(), p.broker.Device("auditor")
	line := auditor.Connect()
	keys := make([]events.WrappedKey, patients)
	for i := range keys {
		var err error
		if keys[i], err = ring.Make(fmt.Sprintf("3fc2a0de-7c4c-4b96-96f6-%012d", i)); err != nil {
			t.Fatal(err)
		}
	}
	err := line.PutKeys(t.Context(), keys)
	for ; errors.Is(err, events.ErrUnknownOutcome); err = line.PutKeys(t.Context(), keys) { // a slow disk
	}
	if err != nil {
		t.Fatal(err)
	}
	read := func() map[string]string { // a question for each takes too long
		t.Helper()
		auditor.Await(line, true)
		names := make(map[string]string)
		for k, err := range line.Keys(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			names[k.Name()] = string(k.Wrapped)
		}
		return names
	}
	want := read()
	has := func(d *agenttest.Desk) {
		t.Helper()
		d.Restart()
		d.Await("all keys", func(s agent.Status) bool {
			count, err := d.Store().CountKeys(t.Context())
			return err == nil && s.Color == light.Online && count.Here >= len(want)
		})
	}
	has(one)
	if files := p.broker.KeyFiles(); files < 2 {
		t.Fatalf("the bucket has %d files", files)
	}
	p.broker.DamageKeys(.3, .4)
	one.Await("all keys on the broker", func(s agent.Status) bool {
		return s.Color == light.Online && len(s.Warnings) == 0 && p.broker.CountKeys() == len(want)
	})
	if got := read(); !maps.Equal(got, want) {
		t.Errorf("the broker has %d keys, which are not the %d that there were", len(got), len(want))
	}
	has(p.desk("two"))
}

// What is lost is looked for once: neither the next look nor the next start reads a key again,
// whether the keys were lost, given back or erased.
func TestKeysAreComparedOnce(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		var keys atomic.Int64
		one := w.machine("one")
		one.wrap = func(l *memlog.Log) agent.Log { return counter{l, &keys} }
		one.start()
		w.desk("two")
		w.settled()
		const patients = 6
		for i := range patients {
			if _, err := one.Write(t.Context(), newPatient(fmt.Sprint("pat-", i))); err != nil {
				t.Fatal(err)
			}
		}
		look := func(what string, atLeast, atMost int64, there int) {
			t.Helper()
			time.Sleep(time.Minute)
			w.settled()
			if n := keys.Swap(0); n < atLeast || n > atMost {
				t.Errorf("%s: %d keys were read, want %d to %d", what, n, atLeast, atMost)
			}
			n := 0
			for k, err := range w.server.Client("auditor").Keys(t.Context()) {
				if err != nil {
					t.Fatal(err)
				}
				if strings.HasPrefix(k.Patient, "pat-") {
					n++
				}
			}
			if n != there {
				t.Errorf("%s: the server has the keys of %d patients, want %d", what, n, there)
			}
		}
		none := func(what string, there int) {
			t.Helper()
			look(what, 0, 0, there)
			one.stop()
			one.start()
			look(what+", and started again", 0, 0, there)
		}
		look("new ones", 0, patients+4, patients)
		none("nothing new", patients)
		w.server.LoseKeys("pat-2")
		look("one is lost", 1, 3*patients, patients)
		none("it was given back", patients)
		w.server.LoseKeys("pat-5") // the one that came last, but for what was given back
		w.server.LoseKeys("pat-2")
		look("the last ones are lost", 1, 3*patients, patients)
		none("they were given back", patients)
		w.server.EraseKeys("pat-1")
		look("one is erased", 1, 3*patients, patients-1)
		none("it stays erased", patients-1)
		w.server.LoseKeys("pat-4")
		look("another is lost", 1, 3*patients, patients-1)
		none("that is back", patients-1)
		w.server.Wipe()
		look("all is lost", 1, 3*patients, patients-1)
		none("all is back", patients-1)
	})
}

// junkKey is what a lying device puts into the bucket: a key that opens nothing.
func (w *world) junkKey(patient string, id events.KeyID) {
	w.t.Helper()
	k := events.WrappedKey{Patient: patient, ID: id, Wrapped: []byte("junk")}
	if err := w.server.Client("liar").PutKey(w.t.Context(), k); err != nil {
		w.t.Fatal(err)
	}
}

// A bucket whose end was cut off is noticed, though junk in it makes the numbers fit.
func TestAnEndThatWasCutOffIsNoticedBesideJunk(t *testing.T) {
	for name, after := range map[string]func(*world){
		"cut off": func(*world) {},
		"cut off, and another at its place": func(w *world) {
			practice, err := events.KeyFrom(w.sheet.Secret.PracticeKey())
			if err != nil {
				w.t.Fatal(err)
			}
			k, err := events.NewKeyring(practice).Make("pat-other")
			if err == nil {
				err = w.server.Client("other").PutKey(w.t.Context(), k)
			}
			if err != nil {
				w.t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				one := w.desk("one")
				w.settled()
				w.junkKey("pat-junk", events.KeyID{1})
				if _, err := one.Write(t.Context(), newPatient("pat-1")); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Minute)
				w.settled()
				w.server.CutKeys(1)
				after(w)
				time.Sleep(time.Minute)
				w.settled()
				if got := w.keyed(); !slices.Contains(got, "pat-1") {
					t.Errorf("the server has keys of %v; want pat-1 among them", got)
				}
			})
		})
	}
}

// Junk under the name of a key that was lost is not taken for the key: that nobody else can read the
// patient stays said.
func TestJunkUnderTheNameOfALostKeyIsADebt(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		one := w.desk("one")
		w.settled()
		if _, err := one.Write(t.Context(), stranger); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		w.settled()
		var id events.KeyID
		for k, err := range w.server.Client("auditor").Keys(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			if k.Patient == stranger.Patient {
				id = k.ID
			}
		}
		w.server.LoseKeys(stranger.Patient)
		w.junkKey(stranger.Patient, id)
		one.owesKey("junk at its place")
	})
}
