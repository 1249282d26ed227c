package replica_test

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/carelog/carelog/agent/replica"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/events/eventstest"
	"github.com/carelog/carelog/internal/largetest"
	"github.com/carelog/carelog/projections"
)

// manyKeys is a log with the keys of many patients, which has none of them in memory.
type manyKeys struct {
	*roll
	practice events.Key
	patients int
	between  func() // pages
}

func (l *manyKeys) KeysAfter(_ context.Context, read events.KeyMark, take func([]events.WrappedKey, events.KeyMark) error) error {
	const page = 2000
	for from := int(read.Sequence); from < l.patients; from += page {
		keys := make([]events.WrappedKey, min(page, l.patients-from))
		for i := range keys {
			var err error
			if keys[i], err = events.NewKeyring(l.practice).Make(fmt.Sprintf("3fc2a0de-7c4c-4b96-96f6-%012d", from+i)); err != nil {
				return err
			}
		}
		if err := take(keys, events.KeyMark{Sequence: uint64(from + len(keys)), Stored: time.Unix(int64(from+len(keys)), 0)}); err != nil {
			return err
		}
		l.between()
	}
	return nil
}

// A desk of a large practice takes over the keys of all patients, and has no more of them in memory than its ring has room for.
func TestKeysOfALargePracticeTakeBoundedMemory(t *testing.T) {
	largetest.Unwatched(t)
	const bound = 24 << 20 // of 200,000 patients
	p := eventstest.New(t, deviceBody)
	ring := events.NewKeyring(p.Key)
	store, err := projections.Open(t.Context(), filepath.Join(t.TempDir(), "record.db"), projections.Options{Practice: p.ID, Opener: ring.Open})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	ring.Keep(store.KeysOf)
	r, err := replica.Open(t.Context(), replica.Config{Practice: p.ID, Root: p.RootKey(), Store: store, Ring: ring, Warn: func(_, text string) { t.Error(text) }})
	if err != nil {
		t.Fatal(err)
	}
	var before, most uint64
	look := func() {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		most = max(most, m.HeapAlloc)
	}
	look()
	before = most
	log := &manyKeys{roll: &roll{}, practice: p.Key, between: look}
	for _, patients := range []int{20_000, 200_000} {
		log.patients = patients
		if err := r.FetchKeys(t.Context(), log); err != nil {
			t.Fatal(err)
		}
		t.Logf("with the keys of %d patients %d bytes at most", patients, most-before)
	}
	if most-before > bound {
		t.Errorf("it takes %d bytes, want at most %d", most-before, bound)
	}
	for _, patient := range []int{0, 199_999} {
		if has, err := ring.Has(fmt.Sprintf("3fc2a0de-7c4c-4b96-96f6-%012d", patient)); err != nil || !has {
			t.Errorf("it has a key of patient %d: %t, %v", patient, has, err)
		}
	}
}
