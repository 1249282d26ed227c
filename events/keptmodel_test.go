package events_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/carelog/carelog/events"
)

// keyModel is a ring that has everything in memory, and what is kept beside the one that is tried.
type keyModel struct {
	ring    *events.Keyring // is tried
	made    map[string]events.WrappedKey
	kept    map[string]events.WrappedKey // as they were made
	rotten  map[string]bool              // of those that are kept: what is read is something else
	added   map[string]bool
	retired map[string]bool
	unread  bool   // nothing that is kept can be read
	between func() // happens while an answer is on its way
}

var errUnread = errors.New("the disk does not read")

func (m *keyModel) find(patient string) (list []events.WrappedKey, err error) {
	if m.unread {
		return nil, errUnread
	}
	for _, name := range slices.Sorted(maps.Keys(m.kept)) {
		k := m.kept[name]
		if k.Patient != patient {
			continue
		}
		if m.rotten[name] {
			k.Wrapped = make([]byte, len(k.Wrapped))
		}
		list = append(list, k)
	}
	if between := m.between; between != nil {
		m.between = nil
		between()
	}
	return list, nil
}

// here are the names of a patient's keys that can be used for sure, and of those that may be, as long as they are in memory.
func (m *keyModel) here(patient string) (sure, maybe map[string]bool) {
	sure, maybe = make(map[string]bool), make(map[string]bool)
	for name, k := range m.made {
		_, kept := m.kept[name]
		switch {
		case k.Patient != patient:
		case m.added[name] || kept && !m.rotten[name]:
			sure[name] = true
		case kept:
			maybe[name] = true
		}
	}
	return sure, maybe
}

// sealedBy is an event that a key opens.
func sealedBy(k events.WrappedKey) *events.Event {
	ring := events.NewKeyring(practiceKey)
	if err := ring.Add(k); err != nil {
		panic(err)
	}
	e := written()
	e.Patient = k.Patient
	e.Sealed = must(ring.Seal(k.Patient, e.ID, e.Record, []byte(typical)))
	return e
}

// open asks for one key of a patient.
func (m *keyModel) open(t *rapid.T, name string) {
	got, err := m.ring.Open(sealedBy(m.made[name]))
	sure, maybe := m.here(m.made[name].Patient)
	switch {
	case err == nil && string(got) == typical && (sure[name] || maybe[name]):
	case errors.Is(err, events.ErrKeysUnread) && !errors.Is(err, events.ErrNoKey) && m.unread && !m.added[name]:
	case errors.Is(err, events.ErrNoKey) && !sure[name]:
		if maybe[name] && !slices.ContainsFunc(m.ring.Spoilt(), func(s events.WrappedKey) bool { return s.Name() == name }) {
			t.Fatalf("%s is not opened with, and not said to be spoilt", name)
		}
	default:
		t.Fatalf("open with %s: %q, %v; it is here %t, or may be %t, and what is kept is unread %t", name, got, err, sure[name], maybe[name], m.unread)
	}
}

// seal asks by which key a patient's records are sealed.
func (m *keyModel) seal(t *rapid.T, patient string) {
	sealed, err := m.ring.Seal(patient, sealedID, sealedRecord, []byte("x"))
	sure, maybe := m.here(patient)
	for name := range m.retired {
		delete(sure, name)
		delete(maybe, name)
	}
	names := slices.SortedFunc(maps.Keys(sure), func(x, y string) int {
		idX, idY := m.made[x].ID, m.made[y].ID
		return bytes.Compare(idX[:], idY[:])
	})
	switch {
	case err == nil:
		name := events.WrappedKey{Patient: patient, ID: must(events.SealedBy(sealed))}.Name()
		if !maybe[name] && (len(names) == 0 || names[0] != name) {
			t.Fatalf("it seals by %s, want %q, or one of %v", name, names, maybe)
		}
	case errors.Is(err, events.ErrKeysUnread) && !errors.Is(err, events.ErrNoKey) && m.unread:
	case errors.Is(err, events.ErrNoKey) && len(names) == 0:
	default:
		t.Fatalf("seal for %s: %v, want %q, or one of %v; what is kept is unread %t", patient, err, names, maybe, m.unread)
	}
	if has, hasErr := m.ring.Has(patient); m.unread {
		if hasErr != nil && !errors.Is(hasErr, events.ErrKeysUnread) {
			t.Fatal(hasErr)
		}
	} else if hasErr != nil || has != (err == nil) {
		t.Fatalf("has %s a key: %t, %v; sealing said %v", patient, has, hasErr, err)
	}
}

// A ring that has few keys in memory answers as one that has all, whatever comes, is retired, is spoilt or mended, also
// while it asks; and where it cannot ask, it says so, and never that there is no key.
func TestKeyringWithLittleRoomIsLikeOneWithAll(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &keyModel{
			ring: events.NewSmallKeyring(practiceKey, 3),
			made: make(map[string]events.WrappedKey), kept: make(map[string]events.WrappedKey),
			rotten: make(map[string]bool), added: make(map[string]bool), retired: make(map[string]bool),
		}
		m.ring.Keep(m.find)
		patients := []string{""}
		for i := range 8 {
			patients = append(patients, fmt.Sprint("pat-", i))
		}
		patient := rapid.SampledFrom(patients)
		for range 40 {
			k := must(events.NewKeyring(practiceKey).Make(patient.Draw(t, "whose")))
			m.made[k.Name()] = k
		}
		key := rapid.SampledFrom(slices.Sorted(maps.Keys(m.made)))
		store := func(name string) {
			m.kept[name] = m.made[name] // where it was spoilt it stays so
			delete(m.added, name)
			m.ring.Stored(m.made[name])
		}
		retire := func(name string) {
			m.retired[name] = true
			m.ring.Retire(m.made[name])
		}
		add := func(name string) {
			m.added[name] = true
			if err := m.ring.Add(m.made[name]); err != nil {
				t.Fatal(err)
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"add":    func(t *rapid.T) { add(key.Draw(t, "key")) },
			"stored": func(t *rapid.T) { store(key.Draw(t, "key")) },
			"retire": func(t *rapid.T) { retire(key.Draw(t, "key")) },
			"spoil": func(t *rapid.T) {
				name := key.Draw(t, "key")
				if _, kept := m.kept[name]; kept {
					m.rotten[name] = true
				}
			},
			"mend": func(t *rapid.T) {
				for _, k := range m.ring.Spoilt() {
					delete(m.rotten, k.Name())
					delete(m.added, k.Name())
					m.ring.Mended(m.made[k.Name()])
				}
			},
			"unread": func(t *rapid.T) { m.unread = !m.unread },
			"open":   func(t *rapid.T) { m.open(t, key.Draw(t, "key")) },
			"seal":   func(t *rapid.T) { m.seal(t, patient.Draw(t, "patient")) },
			"meanwhile": func(t *rapid.T) {
				name := key.Draw(t, "key")
				asked := m.made[name].Patient
				comes := rapid.SampledFrom([]func(string){add, store, retire}).Draw(t, "what comes")
				m.between = func() { comes(name) }
				if e := sealedBy(m.made[name]); rapid.Bool().Draw(t, "to open") { // what was so when it was asked, or is
					_, _ = m.ring.Open(e)
				} else {
					_, _ = m.ring.Has(asked)
				}
				if m.between != nil {
					m.between = nil
					comes(name)
				}
				m.seal(t, asked)
				m.open(t, name)
			},
			"": func(t *rapid.T) {
				if !m.unread {
					m.open(t, key.Draw(t, "any key"))
				}
			},
		})
	})
}
