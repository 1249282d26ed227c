package agent_test

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/broker/memlog"
	"github.com/carelog/carelog/events"
)

const every = 40 // events between snapshots, in these tests

// snapshots sets every desk that is added to make and take them.
func (m *machine) snapshots(n int) *machine {
	m.Config.SnapshotEvery = n
	return m
}

// filled is a world with a desk that has written more than a snapshot is worth, and
// has made one.
func filled(t *testing.T, w *world) *machine {
	t.Helper()
	one := w.machine("one").snapshots(every)
	one.start()
	w.settled()
	notes(one, "c", 2*every)
	w.settled()
	w.await(t, "a snapshot", func() bool {
		list, err := one.Snapshots(context.Background())
		return err == nil && len(list) > 0
	})
	return one
}

func notes(m *machine, prefix string, n int) {
	for i := range n {
		m.MustNote(fmt.Sprint(prefix, i), "text "+fmt.Sprint(i))
	}
}

func (w *world) await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(time.Hour)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("%s is no fact within an hour", what)
		}
		time.Sleep(worldInterval)
	}
}

// tail counts how many messages of the log a desk has read.
type tail struct {
	*memlog.Log
	read  *atomic.Int64
	spoil func(name string, data []byte) ([]byte, error)
}

// deaf is a line on which nothing is stored while the flag is set.
type deaf struct {
	*memlog.Log
	shut *atomic.Bool
}

func (l deaf) Append(ctx context.Context, m events.Message) (uint64, error) {
	if l.shut.Load() {
		return 0, events.ErrOffline
	}
	return l.Log.Append(ctx, m)
}

func (l deaf) AppendBatch(ctx context.Context, list []events.Appending) (uint64, error) {
	if l.shut.Load() {
		return 0, events.ErrOffline
	}
	return l.Log.AppendBatch(ctx, list)
}

// What is queued is shown on top of the snapshot before the server has it.
func TestTheQueueIsShownOnTopOfTheSnapshot(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		filled(t, w)
		var shut atomic.Bool
		shut.Store(true)
		two := w.machine("two").snapshots(every)
		two.wrap = func(l *memlog.Log) agent.Log { return deaf{l, &shut} }
		two.start()
		two.offline()
		two.MustNote("mine", "typed before the first read")
		two.online()
		w.await(t, "the first read", func() bool { return two.Now().Position.Sequence >= 2*every })
		if texts := two.Texts("mine"); len(texts) != 1 {
			t.Errorf("the queued note shows %v", texts)
		}
		shut.Store(false)
		w.settled()
		w.same(t, two)
	})
}

func (l tail) Read(ctx context.Context, from uint64) iter.Seq2[events.Stored, error] {
	return func(yield func(events.Stored, error) bool) {
		for m, err := range l.Log.Read(ctx, from) {
			l.read.Add(1)
			if !yield(m, err) {
				return
			}
		}
	}
}

func (l tail) Sealed(ctx context.Context, name string, _ events.ObjectPlace) iter.Seq2[events.ObjectPiece, error] {
	return func(yield func(events.ObjectPiece, error) bool) {
		data, err := l.Object(ctx, name)
		yield(events.ObjectPiece{Data: data, Read: events.ObjectPlace{Bytes: int64(len(data)), Sequence: 1}}, err)
	}
}

func (l tail) Object(ctx context.Context, name string) ([]byte, error) {
	data, err := l.Log.Object(ctx, name)
	if err == nil && l.spoil != nil {
		return l.spoil(name, data)
	}
	return data, err
}

func (m *machine) counted(read *atomic.Int64, spoil func(string, []byte) ([]byte, error)) *machine {
	m.wrap = func(l *memlog.Log) agent.Log { return tail{l, read, spoil} }
	return m
}

func dumpOf(t *testing.T, m *machine) string {
	t.Helper()
	indexAll(t, m.Store())
	var b bytes.Buffer
	if err := m.Store().Dump(context.Background(), &b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// same compares a desk that took a snapshot with one that reads the log from zero.
func (w *world) same(t *testing.T, m *machine) {
	t.Helper()
	fresh := w.machine("replayed").snapshots(-1)
	fresh.start()
	w.settled()
	if dumpOf(t, fresh) != dumpOf(t, m) {
		t.Errorf("desk %s does not have what a replay from zero gives", m.Name)
	}
}

func warned(m *machine, code string) string {
	for _, w := range m.Now().Warnings {
		if w.Code == code {
			return w.Text
		}
	}
	return ""
}

func TestANewDeskTakesTheSnapshotAndTheTail(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		one := filled(t, w)
		notes(one, "late", 5)
		var read atomic.Int64
		two := w.machine("two").snapshots(every).counted(&read, nil)
		two.start()
		two.offline()
		queued := two.MustNote("c1", "queued before the first read")
		two.online()
		w.settled()
		if n := read.Load(); n > every {
			t.Errorf("%d messages were read, want the tail alone", n)
		}
		w.once(queued.ID)
		w.same(t, two)
		w.agreed()
	})
}

// What is wrong with a snapshot is said as it is: a part of it is damaged on the server, or is removed while it is fetched.
func TestTheWarningOfASnapshotSaysWhatIsWrong(t *testing.T) {
	for want, gone := range map[string]func(w *world, part string) error{
		"can read none of its bytes": func(w *world, part string) error { w.server.LoseObject(part); return nil },
		"its digest is another one":  func(w *world, part string) error { w.server.DamageObject(part); return nil },
		"is not there any more":      func(*world, string) error { return events.ErrNoMessage },
	} {
		t.Run(want, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				list, err := filled(t, w).Snapshots(context.Background())
				if err != nil || len(list) != 1 {
					t.Fatalf("snapshots: %+v, %v; want one", list, err)
				}
				part := list[0].ID + ".000000"
				failure := gone(w, part)
				var read atomic.Int64
				two := w.machine("two").snapshots(every).counted(&read, func(name string, data []byte) ([]byte, error) {
					if name == part && failure != nil {
						return nil, failure
					}
					return data, nil
				})
				two.start()
				w.settled()
				if text := warned(two, "snapshot-unusable"); !strings.Contains(text, want) {
					t.Errorf("warning %q, want that it %s", text, want)
				}
			})
		})
	}
}

func TestASnapshotThatCannotBeTakenIsSaidAndTheLogIsRead(t *testing.T) {
	isPart := func(name string) bool { return !strings.HasSuffix(name, ".manifest") }
	for what, spoil := range map[string]func(string, []byte) ([]byte, error){
		"flipped bit in a part": func(name string, data []byte) ([]byte, error) {
			if isPart(name) {
				data[len(data)/2] ^= 1
			}
			return data, nil
		},
		"part cut short": func(name string, data []byte) ([]byte, error) {
			if isPart(name) {
				data = data[:len(data)/2]
			}
			return data, nil
		},
		"flipped bit in the manifest": func(name string, data []byte) ([]byte, error) {
			if !isPart(name) {
				data[len(data)/2] ^= 1
			}
			return data, nil
		},
		"removed meanwhile": func(name string, data []byte) ([]byte, error) {
			if isPart(name) {
				return nil, events.ErrNoMessage
			}
			return data, nil
		},
	} {
		t.Run(what, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				filled(t, w)
				var read atomic.Int64
				two := w.machine("two").snapshots(every).counted(&read, spoil)
				two.start()
				w.settled()
				if warned(two, "snapshot-unusable") == "" || read.Load() < 2*every {
					t.Errorf("warning %q, %d messages read; want a warning and the whole log", warned(two, "snapshot-unusable"), read.Load())
				}
				w.same(t, two)
			})
		})
	}
}

// A desk that found the newest one damaged, by taking it or by reading it, makes the next one.
func TestADamagedSnapshotIsFollowedByAnother(t *testing.T) {
	for _, how := range []string{"taken", "checked"} {
		t.Run(how, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				ctx := context.Background()
				one := filled(t, w)
				list, err := one.Snapshots(ctx)
				if err != nil || len(list) != 1 || list[0].Checked {
					t.Fatalf("snapshots: %+v, %v; want one that was not checked", list, err)
				}
				if list, err = one.CheckSnapshots(ctx); err != nil || len(list) != 1 || !list[0].Checked {
					t.Errorf("checked: %+v, %v; want that it is good", list, err)
				}
				first := list[0].ID
				line := w.server.Client("one")
				defer line.Close()
				part, err := line.Object(ctx, first+".000000")
				if err != nil {
					t.Fatal(err)
				}
				part[len(part)/2] ^= 1
				if err := line.PutObject(ctx, first+".000000", part); err != nil {
					t.Fatal(err)
				}
				finder := one
				if how == "taken" {
					finder = w.machine("two").snapshots(every)
					finder.start()
					w.settled()
				} else if list, err := one.CheckSnapshots(ctx); err != nil || len(list) != 1 || list[0].Unusable == "" {
					t.Errorf("checked: %+v, %v; want that it cannot be used", list, err)
				}
				w.await(t, "a snapshot that can be taken", func() bool {
					list, err := finder.Snapshots(ctx)
					return err == nil && len(list) == 1 && list[0].ID != first && list[0].Unusable == ""
				})
			})
		})
	}
}

// A line that is cut at any part is no reason to give the snapshot up.
func TestACutLineDoesNotBeginTheFetchAnew(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		filled(t, w)
		var read, cuts atomic.Int64
		two := w.machine("two").snapshots(every).counted(&read, func(name string, data []byte) ([]byte, error) {
			if cuts.Add(1) < 8 && !strings.HasSuffix(name, ".manifest") {
				return nil, events.ErrOffline
			}
			return data, nil
		})
		two.start()
		w.settled()
		if read.Load() > every || warned(two, "snapshot-unusable") != "" {
			t.Errorf("%d messages read, warning %q; want the tail alone", read.Load(), warned(two, "snapshot-unusable"))
		}
		w.same(t, two)
	})
}

func TestTheSnapshotOfARevokedDeskIsNotTaken(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		one := filled(t, w)
		two := w.machine("two").snapshots(-1)
		two.start()
		w.settled()
		one.stop()
		if _, _, err := two.RevokeDevice(context.Background(), "one", "dr"); err != nil {
			t.Fatal(err)
		}
		w.settled()
		three := w.machine("three").snapshots(every)
		three.start()
		w.settled()
		if text := warned(three, "snapshot-unusable"); !strings.Contains(text, "revoked") {
			t.Errorf("warning %q, want that its maker was revoked", text)
		}
		w.same(t, three)
	})
}

// The server came back from a backup that ends before the snapshot.
func TestASnapshotThatIsAheadOfTheLogIsNotTaken(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		one := filled(t, w)
		one.kill()
		w.server.RollBack(every)
		two := w.machine("two").snapshots(every)
		two.start()
		w.settled()
		if text := warned(two, "snapshot-unusable"); text == "" {
			t.Error("no warning of a snapshot that is not of this log")
		}
		w.same(t, two)
		one.start() // gives back what the server lost
		w.settled()
		w.agreed()
	})
}

// A snapshot of what the server has lost keeps no desk from making one of what it has,
// and is not kept in the place of it.
func TestASnapshotThatIsAheadOfTheLogIsInNobodysWay(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		one := filled(t, w)
		ahead, err := one.MakeSnapshot(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		one.kill() // and never comes back
		w.server.RollBack(every)
		two := w.machine("two").snapshots(every)
		two.start()
		w.settled()
		if _, err := two.MakeSnapshot(context.Background()); err != nil {
			t.Fatal(err)
		}
		made, err := two.MakeSnapshot(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		list, err := two.Snapshots(context.Background())
		if err != nil || len(list) == 0 || list[0].ID != made.ID || list[0].Unusable != "" {
			t.Errorf("snapshots: %+v, %v; want that of desk two first", list, err)
		}
		for _, s := range list {
			if s.ID == ahead.ID {
				t.Errorf("the one at %d is still kept, and the log ends at %d", ahead.Position.Sequence, made.Position.Sequence)
			}
		}
	})
}

// made waits until the newest snapshot is beyond a place, and returns the place where it is.
func (w *world) made(t *testing.T, m *machine, beyond uint64) (at uint64) {
	t.Helper()
	w.await(t, fmt.Sprintf("a snapshot beyond %d", beyond), func() bool {
		list, err := m.Snapshots(context.Background())
		if err == nil && len(list) > 0 {
			at = list[0].Position.Sequence
		}
		return at > beyond
	})
	return at
}

// uploads is a line on which storing an object first asks.
type uploads struct {
	*memlog.Log
	ask func(context.Context) error
}

func (l uploads) PutObject(ctx context.Context, name string, data []byte) error {
	if err := l.ask(ctx); err != nil {
		return err
	}
	return l.Log.PutObject(ctx, name, data)
}

func (m *machine) asking(ask func(context.Context) error) *machine {
	m.wrap = func(l *memlog.Log) agent.Log { return uploads{l, ask} }
	return m
}

// What the server acknowledged and this desk has not read yet stays on the screen when
// a snapshot comes that ends before it.
func TestWhatWasAcknowledgedIsShownOnTopOfTheSnapshot(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		one := w.machine("one").snapshots(-1)
		one.start()
		two := w.machine("two").snapshots(every)
		_, log := two.gated()
		two.start()
		w.settled()
		log.Store(true)
		notes(one, "c", 3*every)
		if _, err := one.MakeSnapshot(context.Background()); err != nil {
			t.Fatal(err)
		}
		two.MustNote("mine", "acknowledged")
		two.offline()
		two.online()
		w.await(t, "the snapshot", func() bool { return two.Now().Position.Sequence >= 3*every })
		if texts := two.Texts("mine"); len(texts) != 1 {
			t.Errorf("the acknowledged note shows %v", texts)
		}
		log.Store(false)
		two.offline()
		two.online()
		w.settled()
		w.same(t, two)
	})
}

// What an earlier life left of snapshots does not fill the disk for ever.
func TestLeftoversOfSnapshotsAreRemoved(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		filled(t, w)
		var read atomic.Int64
		two := w.machine("two").snapshots(every).counted(&read, func(name string, data []byte) ([]byte, error) {
			if !strings.HasSuffix(name, ".manifest") {
				return nil, events.ErrNoMessage
			}
			return data, nil
		})
		if err := os.MkdirAll(two.Config.Data, 0o700); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"snapshot-making.db", "snapshot-abc.db.part"} {
			if err := os.WriteFile(filepath.Join(two.Config.Data, name), []byte("left"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		two.start()
		w.settled()
		left, err := filepath.Glob(filepath.Join(two.Config.Data, "snapshot-*"))
		if err != nil || len(left) != 0 {
			t.Errorf("left behind: %v, %v", left, err)
		}
		if text := warned(two, "snapshot-unusable"); strings.Contains(text, "no such file") {
			t.Errorf("warning %q speaks of a file that nobody knows", text)
		}
	})
}
