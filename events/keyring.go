package events

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
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
	keys     map[string][]bareKey // by patient, ordered by key id
	retired  map[string]bool      // by name
	kept     Kept                 // nil: the ring has all that there is
	whole    map[string]bool      // patients of whom nothing more is kept
	spoilt   []WrappedKey         // see Spoilt

	ready [readyKeys]atomic.Pointer[Key] // of late, by the first byte of their ids
}

// bareKey is a key as the ring holds it: what seals and opens is made of it by ready, and takes twenty times the room.
type bareKey struct {
	id  KeyID
	raw [keySize]byte
}

// readyKeys is how many keys stay ready at most: about as many as a practice sees patients in a day.
const readyKeys = 256

// key makes a key ready, or finds it so.
func (r *Keyring) key(b bareKey) (Key, error) {
	at := &r.ready[int(b.id[0])%readyKeys]
	if k := at.Load(); k != nil && k.id == b.id {
		return *k, nil
	}
	k, err := KeyFrom(b.raw[:])
	if err == nil {
		at.Store(&k)
	}
	return k, err
}

// Kept finds the keys of a patient where a Keyring's keys are kept; none is no error. It is called
// from several goroutines, for each patient until it has answered once. A key that is kept afterwards must be on the ring before.
type Kept func(patient string) ([]WrappedKey, error)

// NewKeyring returns a keyring with the practice key and nothing else.
func NewKeyring(practice Key) *Keyring {
	return &Keyring{practice: practice, keys: make(map[string][]bareKey), retired: make(map[string]bool), whole: make(map[string]bool)}
}

// Keep lets the ring ask for the keys of a patient when one is needed: a practice has tens of
// thousands, and a day needs few of them. What is on the ring stays there.
func (r *Keyring) Keep(kept Kept) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.kept = kept
	clear(r.whole)
}

// ErrNoKey says that a patient's key is not here: not yet, or not any more.
var ErrNoKey = errors.New("the key of its patient is not here: it has not arrived yet, or the patient was erased")

// ErrKeysUnread says that it is not known which keys of a patient are here: they could not be read.
var ErrKeysUnread = errors.New("the keys of its patient could not be read")

// Add unwraps a key and keeps it; a key that is already here is no error.
func (r *Keyring) Add(w WrappedKey) error {
	if _, ok := r.held(w.Patient, w.ID); ok {
		return nil
	}
	k, err := r.unwrap(w)
	if err == nil {
		r.insert(w.Patient, k)
	}
	return err
}

func (r *Keyring) unwrap(w WrappedKey) (Key, error) {
	raw, err := r.practice.unbox(nil, w.Wrapped, wrapData(w.Patient))
	if err != nil {
		return Key{}, fmt.Errorf("unwrap key %s: %w", w.Name(), err)
	}
	k, err := KeyFrom(raw)
	if err != nil {
		return Key{}, fmt.Errorf("unwrap key %s: %w", w.Name(), err)
	}
	if k.id != w.ID {
		return Key{}, fmt.Errorf("unwrap key %s: it is key %s", w.Name(), k.id)
	}
	return k, nil
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

// Forget drops every key of a patient that is on the ring.
func (r *Keyring) Forget(patient string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.keys, patient)
	delete(r.whole, patient)
}

// Retire lets a key seal nothing more, whether it is here or comes later; what it has sealed opens as
// before. So it is with a key that was erased: whoever comes later is not given it.
func (r *Keyring) Retire(w WrappedKey) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.retired[w.Name()] = true
}

// Has reports whether a patient has a key here that seals. The error is ErrKeysUnread.
func (r *Keyring) Has(patient string) (bool, error) {
	_, err := r.sealing(patient)
	if errors.Is(err, ErrNoKey) {
		return false, nil
	}
	return err == nil, err
}

// sealing is the key with the smallest id of those of a patient that are not retired.
func (r *Keyring) sealing(patient string) (Key, error) {
	keys, err := r.all(patient)
	if err != nil {
		return Key{}, err
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	for _, k := range keys {
		if len(r.retired) == 0 || !r.retired[WrappedKey{Patient: patient, ID: k.id}.Name()] {
			return r.key(k)
		}
	}
	return Key{}, ErrNoKey
}

// Check says why a wrapped key is not what its name says, whatever is on the ring; nil: it is.
func (r *Keyring) Check(w WrappedKey) error {
	_, err := r.unwrap(w)
	return err
}

// Spoilt are the keys that were asked for and do not unwrap as they are kept, and that were not mended since.
func (r *Keyring) Spoilt() []WrappedKey {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return slices.Clone(r.spoilt)
}

// Mended says that a key that was spoilt is kept as it should be.
func (r *Keyring) Mended(w WrappedKey) error {
	r.mu.Lock()
	r.spoilt = slices.DeleteFunc(r.spoilt, func(k WrappedKey) bool { return k.Patient == w.Patient && k.ID == w.ID })
	r.mu.Unlock()
	return r.Add(w)
}

// all are the keys of a patient, ordered by key id: those on the ring and those that are kept. One that
// is kept and does not unwrap, as after damage, is not here: the server has it.
func (r *Keyring) all(patient string) ([]bareKey, error) {
	r.mu.RLock()
	keys, kept := r.keys[patient], r.kept
	if r.whole[patient] {
		kept = nil
	}
	r.mu.RUnlock()
	if kept == nil {
		return keys, nil
	}
	list, err := kept(patient)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKeysUnread, err)
	}
	var spoilt []WrappedKey
	for _, w := range list {
		k, err := r.unwrap(w)
		if err != nil {
			spoilt = append(spoilt, w)
			continue
		}
		r.insert(patient, k)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.whole[patient] { // else another was here meanwhile, and has noted them
		r.whole[patient], r.spoilt = true, append(r.spoilt, spoilt...)
	}
	return r.keys[patient], nil
}

// find is a key of a patient, by its id.
func (r *Keyring) find(patient string, id KeyID) (Key, error) {
	if k, ok := r.held(patient, id); ok {
		return r.key(k)
	}
	if _, err := r.all(patient); err != nil {
		return Key{}, err
	}
	if k, ok := r.held(patient, id); ok {
		return r.key(k)
	}
	return Key{}, ErrNoKey
}

// Seal seals a resource under the patient's key; where there are several, under the
// one with the smallest id that is not retired, so that all desks come to use the same.
// Errors: ErrNoKey, ErrKeysUnread.
func (r *Keyring) Seal(patient string, id ID, rec Record, plain []byte) ([]byte, error) {
	k, err := r.sealing(patient)
	if err != nil {
		return nil, fmt.Errorf("seal %s: %w", rec, err)
	}
	return k.Seal(id, rec, plain)
}

// Open opens the body of an event. A deletion has none: nil and no error. Where the
// key is not here the error is ErrNoKey, where that is not known ErrKeysUnread; where the body is wrong, a *BrokenError.
func (r *Keyring) Open(e *Event) ([]byte, error) {
	if len(e.Sealed) == 0 {
		return nil, nil
	}
	id, err := SealedBy(e.Sealed)
	if err != nil {
		return nil, &BrokenError{ID: e.ID.String(), Reason: err.Error()}
	}
	k, err := r.find(e.Patient, id)
	if err != nil {
		return nil, fmt.Errorf("open event %s: key %s of patient %q: %w", e.ID, id, e.Patient, err)
	}
	return k.Open(e.ID, e.Record, e.Sealed)
}

// held is a key of a patient that is on the ring.
func (r *Keyring) held(patient string, id KeyID) (bareKey, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for _, k := range r.keys[patient] {
		if k.id == id {
			return k, true
		}
	}
	return bareKey{}, false
}

func (r *Keyring) insert(patient string, k Key) {
	r.mu.Lock()
	defer r.mu.Unlock()
	old := r.keys[patient]
	at, found := slices.BinarySearchFunc(old, k.id, func(o bareKey, id KeyID) int { return bytes.Compare(o.id[:], id[:]) })
	if !found {
		r.keys[patient] = slices.Insert(slices.Clone(old), at, bareKey{k.id, k.raw}) // a copy: readers hold the old one
	}
}

func wrapData(patient string) []byte { return []byte("carelog key v1\n" + patient + "\n") }
