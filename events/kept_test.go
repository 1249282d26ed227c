package events_test

import (
	"errors"
	"fmt"
	"runtime"
	"testing"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/internal/largetest"
)

// chest keeps keys outside a ring.
type chest struct {
	keys   []events.WrappedKey
	asked  []string
	broken error
}

func (c *chest) of(patient string) (keys []events.WrappedKey, err error) {
	c.asked = append(c.asked, patient)
	for _, k := range c.keys {
		if k.Patient == patient {
			keys = append(keys, k)
		}
	}
	return keys, c.broken
}

// A ring asks for the keys of a patient when one is needed, and once: also where there is none.
func TestKeyringAsksForAKeyWhenItIsNeeded(t *testing.T) {
	other := events.NewKeyring(practiceKey)
	c := &chest{keys: []events.WrappedKey{must(other.Make("pat.1")), must(other.Make("pat.2"))}}
	e := written()
	e.Sealed = must(other.Seal(e.Patient, e.ID, e.Record, []byte(typical)))
	ring := events.NewKeyring(practiceKey)
	ring.Keep(c.of)
	if len(c.asked) != 0 {
		t.Errorf("it asked for %q, and nothing was needed", c.asked)
	}
	for range 3 {
		if got, err := ring.Open(e); err != nil || string(got) != typical {
			t.Errorf("got %q, %v", got, err)
		}
		if must(ring.Has("nobody")) {
			t.Error("nobody has a key")
		}
	}
	if len(c.asked) != 2 {
		t.Errorf("it asked for %q, want each once", c.asked)
	}
}

// A key that came by itself does not stand for those that are kept: all desks come to seal under the same.
func TestKeyringSealsUnderTheSmallestThatIsKept(t *testing.T) {
	var keys []events.WrappedKey
	for range 4 { // the smallest of four comes first or not
		keys = append(keys, must(events.NewKeyring(practiceKey).Make("p")))
	}
	by := func(ring *events.Keyring) events.KeyID {
		return must(events.SealedBy(must(ring.Seal("p", sealedID, sealedRecord, []byte("x")))))
	}
	all := events.NewKeyring(practiceKey)
	for _, k := range keys {
		if err := all.Add(k); err != nil {
			t.Fatal(err)
		}
	}
	for _, first := range keys {
		ring := events.NewKeyring(practiceKey)
		ring.Keep((&chest{keys: keys}).of)
		if err := ring.Add(first); err != nil {
			t.Fatal(err)
		}
		if got, want := by(ring), by(all); got != want {
			t.Errorf("it seals under %s, want %s", got, want)
		}
	}
}

// That keys cannot be read is no word on whether there are any: nothing is sealed under a new one, and it is
// asked again.
func TestKeyringThatCannotReadWhatIsKept(t *testing.T) {
	other := events.NewKeyring(practiceKey)
	c := &chest{keys: []events.WrappedKey{must(other.Make("pat.1"))}, broken: errors.New("disk")}
	e := written()
	e.Sealed = must(other.Seal(e.Patient, e.ID, e.Record, []byte(typical)))
	ring := events.NewKeyring(practiceKey)
	ring.Keep(c.of)
	_, opened := ring.Open(e)
	_, sealed := ring.Seal(e.Patient, e.ID, e.Record, []byte("x"))
	_, attached := ring.Attach(e.Patient, 1, events.Digest{})
	_, has := ring.Has(e.Patient)
	for what, err := range map[string]error{"open": opened, "seal": sealed, "attach": attached, "has": has} {
		if !errors.Is(err, events.ErrKeysUnread) || !errors.Is(err, c.broken) || errors.Is(err, events.ErrNoKey) {
			t.Errorf("%s: %v, want ErrKeysUnread", what, err)
		}
	}
	c.broken = nil
	if got, err := ring.Open(e); err != nil || string(got) != typical {
		t.Errorf("when it can be read again: %q, %v", got, err)
	}
}

// A practice of many years has tens of thousands of patients: their keys on a ring take little room each, and go on
// opening whichever were used of late.
func TestKeyringIsSmall(t *testing.T) {
	const patients, room = 20_000, 400 // bytes for each, its name and place included
	used := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	other := events.NewKeyring(practiceKey)
	keys := make([]events.WrappedKey, patients)
	for i := range keys {
		keys[i] = must(other.Make(fmt.Sprintf("patient-%030d", i)))
	}
	before := used()
	ring := events.NewKeyring(practiceKey)
	for _, k := range keys {
		if err := ring.Add(k); err != nil {
			t.Fatal(err)
		}
	}
	if each := (used() - before) / patients; each > room {
		t.Errorf("a key takes %d bytes, want %d or less", each, room)
	}
	for range 2 {
		for i := 0; i < patients; i += 17 {
			patient := keys[i].Patient
			e := written()
			e.Patient = patient
			e.Sealed = must(other.Seal(patient, e.ID, e.Record, []byte(typical)))
			if got, err := ring.Open(e); err != nil || string(got) != typical {
				t.Fatalf("%s: %q, %v", patient, got, err)
			}
		}
	}
	runtime.KeepAlive(keys)
}

// A disk that spoilt more keys than a ring notes: the others are found when those are mended.
func TestKeyringFindsAllThatIsSpoilt(t *testing.T) {
	other := events.NewKeyring(practiceKey)
	spoilt := make(map[string]events.WrappedKey)
	good := make(map[string]events.WrappedKey)
	sealed := make(map[string]*events.Event)
	for i := range 2500 {
		k := must(other.Make(fmt.Sprint("pat-", i)))
		good[k.Patient], sealed[k.Patient] = k, sealedBy(k)
		k.Wrapped = nil
		spoilt[k.Patient] = k
	}
	ring := events.NewKeyring(practiceKey)
	ring.Keep(func(patient string) ([]events.WrappedKey, error) {
		return []events.WrappedKey{spoilt[patient]}, nil
	})
	for round := range 3 {
		for patient, e := range sealed {
			if _, err := ring.Open(e); (err == nil) != (spoilt[patient].Wrapped != nil) {
				t.Fatalf("round %d: of %s: %v", round, patient, err)
			}
		}
		list := ring.Spoilt()
		if want := min(1024, 2500-1024*round); len(list) != want {
			t.Errorf("round %d: it notes %d, want %d", round, len(list), want)
		}
		for _, k := range list {
			spoilt[k.Patient] = good[k.Patient]
			ring.Mended(good[k.Patient])
		}
	}
	for patient, e := range sealed {
		if _, err := ring.Open(e); err != nil || !must(ring.Has(patient)) {
			t.Errorf("%s after all were mended: %v", patient, err)
		}
	}
}

// What a ring has in memory does not grow with the patients: not of keys that it was told of, and not of those that it asks for.
func TestKeyringOfALargePracticeIsBounded(t *testing.T) {
	largetest.Unwatched(t)
	const patients, room = 1_000_000, 32 << 20
	heap := func() int64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	keyOf := func(i int) events.WrappedKey {
		return must(events.NewKeyring(practiceKey).Make(fmt.Sprintf("patient-%030d", i)))
	}
	before := heap()
	ring := events.NewKeyring(practiceKey)
	ring.Keep(func(patient string) ([]events.WrappedKey, error) { return nil, nil })
	look := func(what string, i int) {
		if i%100_000 != 0 {
			return
		}
		if grown := heap() - before; grown > room {
			t.Fatalf("with %d %s it takes %d bytes, want at most %d", i, what, grown, room)
		}
	}
	for i := range patients {
		ring.Stored(keyOf(i))
		look("keys that it was told of", i)
	}
	for i := range patients {
		if must(ring.Has(fmt.Sprint("nobody-", i))) {
			t.Fatal("nobody has a key")
		}
		look("patients that it asked for", i)
	}
	runtime.KeepAlive(ring)
}
