package events

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// WrappedKey is a patient's key as it is kept outside: sealed by the practice key.
type WrappedKey struct {
	Patient string // empty for the practice's own records
	ID      KeyID
	Wrapped []byte
}

// Name is the key's name in the KV bucket: <patient>.<key id>. Two desks that made
// one patient while both were offline each have a key for it, and both are kept.
func (w WrappedKey) Name() string { return SubjectToken(w.Patient) + "." + w.ID.String() }

// ParseWrappedKey reads an entry of the KV bucket.
func ParseWrappedKey(name string, wrapped []byte) (WrappedKey, error) {
	token, hexID, ok := strings.Cut(name, ".")
	patient, err := ParseSubjectToken(token)
	if !ok || err != nil {
		return WrappedKey{}, fmt.Errorf("%q is no name of a patient key: want <patient>.<key id>", clip(name))
	}
	w := WrappedKey{Patient: patient, Wrapped: wrapped}
	if w.ID, err = ParseKeyID(hexID); err != nil {
		return WrappedKey{}, fmt.Errorf("%q is no name of a patient key: %w", clip(name), err)
	}
	return w, nil
}

// Keyring holds the practice key and the keys of the patients, and seals and opens
// with the right one. Safe for use by several goroutines. It stores nothing.
type Keyring struct {
	practice Key
	mu       sync.RWMutex
	keys     map[string][]Key // by patient, ordered by key id
	retired  map[string]bool  // by name
}

// NewKeyring returns a keyring with the practice key and nothing else.
func NewKeyring(practice Key) *Keyring {
	return &Keyring{practice: practice, keys: make(map[string][]Key), retired: make(map[string]bool)}
}

// ErrNoKey says that a patient's key is not here: not yet, or not any more.
var ErrNoKey = errors.New("the key of its patient is not here: it has not arrived yet, or the patient was erased")

// Add unwraps a key and keeps it; a key that is already here is no error.
func (r *Keyring) Add(w WrappedKey) error {
	if r.has(w.Patient, w.ID) {
		return nil
	}
	raw, err := r.practice.unbox(nil, w.Wrapped, wrapData(w.Patient))
	if err != nil {
		return fmt.Errorf("unwrap key %s: %w", w.Name(), err)
	}
	k, err := KeyFrom(raw)
	if err != nil {
		return fmt.Errorf("unwrap key %s: %w", w.Name(), err)
	}
	if k.id != w.ID {
		return fmt.Errorf("unwrap key %s: it is key %s", w.Name(), k.id)
	}
	r.insert(w.Patient, k)
	return nil
}

// Make makes a new key for a patient, keeps it and returns it wrapped.
func (r *Keyring) Make(patient string) (WrappedKey, error) {
	k, err := NewKey(nil)
	if err != nil {
		return WrappedKey{}, err
	}
	r.insert(patient, k)
	return WrappedKey{Patient: patient, ID: k.id, Wrapped: r.practice.box(k.raw[:], wrapData(patient))}, nil
}

// Forget drops every key of a patient.
func (r *Keyring) Forget(patient string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.keys, patient)
}

// Retire lets a key seal nothing more, whether it is here or comes later; what it has sealed opens as
// before. So it is with a key that was erased: whoever comes later is not given it.
func (r *Keyring) Retire(w WrappedKey) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.retired[w.Name()] = true
}

// Has reports whether a patient has a key here that seals.
func (r *Keyring) Has(patient string) bool {
	_, ok := r.sealing(patient)
	return ok
}

// sealing is the key with the smallest id of those of a patient that are not retired.
func (r *Keyring) sealing(patient string) (Key, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for _, k := range r.keys[patient] {
		if len(r.retired) == 0 || !r.retired[WrappedKey{Patient: patient, ID: k.id}.Name()] {
			return k, true
		}
	}
	return Key{}, false
}

// Seal seals a resource under the patient's key; where there are several, under the
// one with the smallest id that is not retired, so that all desks come to use the same.
func (r *Keyring) Seal(patient string, id ID, rec Record, plain []byte) ([]byte, error) {
	k, ok := r.sealing(patient)
	if !ok {
		return nil, fmt.Errorf("seal %s: %w", rec, ErrNoKey)
	}
	return k.Seal(id, rec, plain)
}

// Open opens the body of an event. A deletion has none: nil and no error. Where the
// key is not here the error is ErrNoKey; where the body is wrong, a *BrokenError.
func (r *Keyring) Open(e *Event) ([]byte, error) {
	if len(e.Sealed) == 0 {
		return nil, nil
	}
	id, err := SealedBy(e.Sealed)
	if err != nil {
		return nil, &BrokenError{ID: e.ID.String(), Reason: err.Error()}
	}
	r.mu.RLock()
	keys := r.keys[e.Patient]
	r.mu.RUnlock()
	for _, k := range keys {
		if k.id == id {
			return k.Open(e.ID, e.Record, e.Sealed)
		}
	}
	return nil, fmt.Errorf("open event %s: key %s of patient %q: %w", e.ID, id, e.Patient, ErrNoKey)
}

func (r *Keyring) has(patient string, id KeyID) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for _, k := range r.keys[patient] {
		if k.id == id {
			return true
		}
	}
	return false
}

func (r *Keyring) insert(patient string, k Key) {
	r.mu.Lock()
	defer r.mu.Unlock()
	old := r.keys[patient]
	at, found := slices.BinarySearchFunc(old, k.id, func(o Key, id KeyID) int { return bytes.Compare(o.id[:], id[:]) })
	if !found {
		r.keys[patient] = slices.Insert(slices.Clone(old), at, k) // a copy: readers hold the old one
	}
}

func wrapData(patient string) []byte { return []byte("carelog key v1\n" + patient + "\n") }
