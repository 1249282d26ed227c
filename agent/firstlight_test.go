package agent_test

import (
	"context"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/light"
	"github.com/carelog/carelog/broker/memlog"
	"github.com/carelog/carelog/events"
)

// slow is a line on which all that is large takes its time.
type slow struct {
	*memlog.Log
	keys, piece, message time.Duration
}

func (l slow) KeysAfter(ctx context.Context, read events.KeyMark, take func([]events.WrappedKey, events.KeyMark) error) error {
	return l.Log.KeysAfter(ctx, read, func(keys []events.WrappedKey, now events.KeyMark) error {
		time.Sleep(l.keys)
		return take(keys, now)
	})
}

func (l slow) Sealed(ctx context.Context, name string, at events.ObjectPlace) iter.Seq2[events.ObjectPiece, error] {
	return func(yield func(events.ObjectPiece, error) bool) {
		for piece, err := range l.Log.Sealed(ctx, name, at) {
			time.Sleep(l.piece)
			if !yield(piece, err) {
				return
			}
		}
	}
}

func (l slow) Read(ctx context.Context, from uint64) iter.Seq2[events.Stored, error] {
	return func(yield func(events.Stored, error) bool) {
		for m, err := range l.Log.Read(ctx, from) {
			time.Sleep(l.message)
			if !yield(m, err) {
				return
			}
		}
	}
}

func (l slow) Dossier(ctx context.Context, patient string, from uint64) iter.Seq2[events.Stored, error] {
	return after(ctx, time.Second, l.Log.Dossier(ctx, patient, from))
}

// From the moment the line stands the light says what is being done, and how far it is.
func TestTheLightSaysWhatIsDoneFromTheFirst(t *testing.T) {
	for with, every := range map[string]int{"snapshot": every, "replay": -1} {
		inWorld(t, func(t *testing.T, w *world) {
			filled(t, w)
			two := w.machine("two").snapshots(every)
			two.wrap = func(l *memlog.Log) agent.Log {
				return slow{Log: l, keys: time.Minute, piece: time.Second, message: time.Millisecond}
			}
			two.start()
			synctest.Wait()
			var said []string
			for s := two.Now(); s.Color != light.Online; s = two.Now() {
				if s.Color != light.Synchronising {
					t.Fatalf("%s: the light is %s (%s) while the line stands", with, s.Color, s.Reason)
				}
				if s.Incomplete && (s.Activity == nil || s.Activity.Kind != light.Initial || s.Activity.Total == 0) {
					t.Errorf("%s: nothing is said of how far it is: %s, %+v", with, s.Reason, s.Activity)
				}
				if len(said) == 0 || said[len(said)-1] != s.Reason {
					said = append(said, s.Reason)
				}
				time.Sleep(50 * time.Millisecond)
			}
			want := []string{"fetching the keys of the dossiers"}
			if with == "snapshot" {
				want = append(want, "fetching a snapshot of the practice's records")
			}
			for _, reason := range want {
				if !slices.Contains(said, reason) {
					t.Errorf("%s: said was %q, and not %q", with, said, reason)
				}
			}
		})
	}
}

// The warning names all that were refused, says that the log is whole, and goes when there is a good one.
func TestTheWarningOfASnapshotGoes(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		one := filled(t, w)
		for range 2 {
			if _, err := one.MakeSnapshot(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		list, err := one.Snapshots(t.Context())
		if err != nil || len(list) != 2 {
			t.Fatalf("%d snapshots, %v; want two", len(list), err)
		}
		var read atomic.Int64
		two := w.machine("two").snapshots(every).counted(&read, func(name string, data []byte) ([]byte, error) {
			for _, s := range list {
				if strings.HasPrefix(name, s.ID) && !strings.HasSuffix(name, ".manifest") {
					data[len(data)/2] ^= 1
				}
			}
			return data, nil
		})
		two.start()
		w.settled()
		text := warned(two, "snapshot-unusable")
		for _, s := range list {
			if !strings.Contains(text, s.ID) {
				t.Errorf("the warning does not name snapshot %s: %s", s.ID, text)
			}
		}
		if !strings.Contains(text, "log and the records are whole") {
			t.Errorf("the warning does not say that nothing is lost: %s", text)
		}
		time.Sleep(time.Hour) // in which the desk that found them damaged makes one
		if text := warned(two, "snapshot-unusable"); text != "" {
			t.Errorf("there is a good one, and still it says: %s", text)
		}
	})
}

// registerMany registers n patients, for an agenda.
func (m *machine) registerMany(n int) (patients []string) {
	for i := range n {
		id := fmt.Sprintf("x%d", i)
		m.register(id)
		patients = append(patients, id)
	}
	return patients
}

// The rest waits for the agenda, of which several are fetched at once; and a kill does not lose it.
func TestTheAgendaGoesFirstAndIsKept(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		one := w.desk("one")
		w.settled()
		patients := one.registerMany(12)
		for i := range 150 { // few enough for one line: what waits for a lock stands in the way of virtual time
			one.MustNote(fmt.Sprintf("c%d", i%10), fmt.Sprint("text ", i))
		}
		two := w.machine("two").snapshots(-1)
		two.wrap = func(l *memlog.Log) agent.Log { return slow{Log: l, message: 100 * time.Millisecond} }
		two.start()
		time.Sleep(time.Second)
		if err := two.Prefetch(patients); err != nil {
			t.Fatal(err)
		}
		time.Sleep(1500 * time.Millisecond)
		was := two.Now()
		two.kill()
		two.start()
		began := time.Now()
		time.Sleep(100 * time.Millisecond)
		if s := two.Now(); was.Prefetch.Done == 0 || s.Prefetch == nil || s.Prefetch.Total != len(patients) || s.Prefetch.Done < was.Prefetch.Done {
			t.Fatalf("after a kill the agenda is %+v; it was %+v", s.Prefetch, was.Prefetch)
		}
		for two.Now().Prefetch.Done < len(patients) {
			time.Sleep(100 * time.Millisecond)
		}
		if took := time.Since(began); took > 6*time.Second {
			t.Errorf("twelve dossiers of a second took %v: they were fetched one by one", took)
		}
		if s := two.Now(); s.Position.Sequence > was.Position.Sequence+10 || !s.Incomplete {
			t.Errorf("the read went from %d to %d beside the agenda", was.Position.Sequence, s.Position.Sequence)
		}
		w.settled()
		w.agreed()
	})
}

// unanswered is a line on which no dossier comes.
type unanswered struct{ *memlog.Log }

func (l unanswered) Dossier(ctx context.Context, _ string, _ uint64) iter.Seq2[events.Stored, error] {
	return func(yield func(events.Stored, error) bool) {
		<-ctx.Done()
		yield(events.Stored{}, context.Cause(ctx))
	}
}

// An agenda of which nothing comes holds the rest up once, and not at each message.
func TestAnAgendaThatStandsHoldsNothingUp(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		one := w.desk("one")
		w.settled()
		patients := one.registerMany(60)
		two := w.machine("two").snapshots(-1)
		two.wrap = func(l *memlog.Log) agent.Log { return unanswered{l} }
		if err := os.MkdirAll(two.Config.Data, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(two.Config.Data, agent.AgendaFile), []byte(strings.Join(patients, "\n")), 0o600); err != nil {
			t.Fatal(err)
		}
		two.start()
		time.Sleep(20 * time.Second)
		synctest.Wait()
		if s := two.Now(); s.Incomplete {
			t.Errorf("the read is at %d of %d, and the agenda at %+v", s.Position.Sequence, s.Server.Sequence, s.Prefetch)
		}
		w.settled()
		w.agreed()
	})
}
