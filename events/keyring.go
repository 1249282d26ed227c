package events

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
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
// with the right one. Safe for use by several goroutines. It stores nothing, and of keys that are
// kept elsewhere (Keep) it has a bounded number in memory.
type Keyring struct {
	practice Key
	seed     maphash.Seed
	mu       sync.RWMutex
	own      map[string][]bareKey         // by patient, ordered by key id: those that stay on the ring
	kept     Kept                         // nil: the ring has all that there is
	found    recent[place, [keySize]byte] // of those that are kept; zeros: there is none
	seals    recent[string, KeyID]        // by patient: the key that seals; zeros: there is none
	retired  map[place]bool
	spoilt   []WrappedKey // see Spoilt
	heard    uint64       // how often the ring learned something that an answer of Kept may not know yet

	ready [readyKeys]atomic.Pointer[Key] // of late, by the first byte of their ids
}

// What a ring has in memory of keys that are kept elsewhere.
const (
	foundKeys  = 200_000 // and up to twice as many, in 29 MB: with five million events a first reading asks for none twice
	sealsMost  = 1 << 10 // patients of whom something is written, one after the other or by turns
	spoiltMost = 1 << 10 // the others are found when these are mended
)

// bareKey is a key as the ring holds it: what seals and opens is made of it by ready, and takes twenty times the room.
type bareKey struct {
	id  KeyID
	raw [keySize]byte
}

// with returns keys with one more, in the order of their ids. Readers hold the old ones.
func with(keys []bareKey, k bareKey) []bareKey {
	at, found := slices.BinarySearchFunc(keys, k.id, func(o bareKey, id KeyID) int { return bytes.Compare(o.id[:], id[:]) })
	if found {
		return keys
	}
	return slices.Insert(slices.Clone(keys), at, k)
}

// place is a key of a patient: the key's id, mixed with the patient's, which needs no room so. Another
// patient's key has another place.
type place [keyIDSize]byte

func (r *Keyring) place(patient string, id KeyID) place {
	p := place(id)
	binary.NativeEndian.PutUint64(p[:], binary.NativeEndian.Uint64(p[:])^maphash.String(r.seed, patient))
	return p
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
// from several goroutines, whenever the ring has not in memory what is needed. Of a key that is kept afterwards the ring is told by Stored.
type Kept func(patient string) ([]WrappedKey, error)

// NewKeyring returns a keyring with the practice key and nothing else.
func NewKeyring(practice Key) *Keyring {
	return &Keyring{
		practice: practice, seed: maphash.MakeSeed(), own: make(map[string][]bareKey), retired: make(map[place]bool),
		found: newRecent[place, [keySize]byte](foundKeys), seals: newRecent[string, KeyID](sealsMost),
	}
}

// Keep lets the ring ask for the keys of a patient when one is needed: a practice has tens of
// thousands, and a day needs few of them. What is on the ring stays there. It is called again where something else is kept.
func (r *Keyring) Keep(kept Kept) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.kept = kept
	r.found.dropFunc(func(_ place, raw [keySize]byte) bool { return raw == [keySize]byte{} })
	r.seals.dropFunc(func(string, KeyID) bool { return true })
	r.heard++
}

// ErrNoKey says that a patient's key is not here: not yet, or not any more.
var ErrNoKey = errors.New("the key of its patient is not here: it has not arrived yet, or the patient was erased")

// ErrKeysUnread says that it is not known which keys of a patient are here: they could not be read.
var ErrKeysUnread = errors.New("the keys of its patient could not be read")

// Add unwraps a key and has it on the ring until it is Stored; a key that is already here is no error.
func (r *Keyring) Add(w WrappedKey) error {
	k, err := r.unwrap(w)
	if err == nil {
		r.add(w.Patient, k)
	}
	return err
}

func (r *Keyring) add(patient string, k bareKey) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.own[patient] = with(r.own[patient], k)
	r.learned(patient)
}

// learned notes that something of a patient's keys is otherwise than it was.
func (r *Keyring) learned(patient string) {
	r.seals.drop(patient)
	r.heard++
}

// Stored says that keys are kept now, on disk, where the ring asks for them: it need not have them in memory
// any more. A key that does not unwrap is passed over.
func (r *Keyring) Stored(keys ...WrappedKey) {
	for _, w := range keys {
		if k, err := r.unwrap(w); err == nil {
			r.stored(w.Patient, k)
		}
	}
}

func (r *Keyring) stored(patient string, k bareKey) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.hold(patient, k)
	r.learned(patient)
	if patient == "" || r.kept == nil {
		return
	}
	own := slices.DeleteFunc(slices.Clone(r.own[patient]), func(o bareKey) bool { return o.id == k.id })
	if r.own[patient] = own; len(own) == 0 {
		delete(r.own, patient)
	}
}

// hold has a key in memory that is kept. The practice's own say who may sign, which nothing must keep
// from being known: they stay.
func (r *Keyring) hold(patient string, k bareKey) {
	if patient == "" || r.kept == nil {
		r.own[patient] = with(r.own[patient], k)
		return
	}
	r.found.put(r.place(patient, k.id), k.raw)
}

func (r *Keyring) unwrap(w WrappedKey) (bareKey, error) {
	raw, err := r.practice.unbox(make([]byte, 0, keySize), w.Wrapped, wrapData(w.Patient))
	if err == nil && len(raw) != keySize {
		err = fmt.Errorf("a key has %d bytes, not %d", keySize, len(raw))
	}
	if err != nil {
		return bareKey{}, fmt.Errorf("unwrap key %s: %w", w.Name(), err)
	}
	k := bareKey{keyIDOf(raw), [keySize]byte(raw)}
	if k.id != w.ID {
		return bareKey{}, fmt.Errorf("unwrap key %s: it is key %s", w.Name(), k.id)
	}
	return k, nil
}

// Make makes a new key for a patient, has it on the ring and returns it wrapped.
func (r *Keyring) Make(patient string) (WrappedKey, error) {
	k, err := NewKey(nil)
	if err != nil {
		return WrappedKey{}, err
	}
	r.add(patient, bareKey{k.id, k.raw})
	return WrappedKey{Patient: patient, ID: k.id, Wrapped: r.practice.box(k.raw[:], wrapData(patient))}, nil
}

// Forget drops every key of a patient that is on the ring.
func (r *Keyring) Forget(patient string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.own, patient)
	r.found.dropFunc(func(place, [keySize]byte) bool { return true }) // whose they are is not known
	r.learned(patient)
}

// Retire lets a key seal nothing more, whether it is here or comes later; what it has sealed opens as
// before. So it is with a key that was erased: whoever comes later is not given it.
func (r *Keyring) Retire(w WrappedKey) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.retired[r.place(w.Patient, w.ID)] = true
	r.learned(w.Patient)
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
	r.mu.RLock()
	id, known := r.seals.get(patient)
	r.mu.RUnlock()
	if known {
		if id == (KeyID{}) {
			return Key{}, ErrNoKey
		}
		if k, _ := r.held(patient, id); k.id == id {
			return r.key(k)
		}
	}
	keys, heard, err := r.all(patient)
	if err != nil {
		return Key{}, err
	}
	k, err := r.choose(patient, keys, heard)
	if err != nil {
		return Key{}, err
	}
	return r.key(k)
}

// choose finds the key that seals among all of a patient.
func (r *Keyring) choose(patient string, keys []bareKey, heard uint64) (k bareKey, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	err = ErrNoKey
	if at := slices.IndexFunc(keys, func(k bareKey) bool { return !r.retired[r.place(patient, k.id)] }); at >= 0 {
		k, err = keys[at], nil
	}
	if heard == r.heard {
		r.seals.put(patient, k.id)
	}
	return k, err
}

// Check says why a wrapped key is not what its name says, whatever is on the ring; nil: it is.
func (r *Keyring) Check(w WrappedKey) error {
	_, err := r.unwrap(w)
	return err
}

// Spoilt are keys that were asked for and do not unwrap as they are kept, and that were not mended since: a
// thousand at most, and others when those are mended.
func (r *Keyring) Spoilt() []WrappedKey {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return slices.Clone(r.spoilt)
}

// Mended says that a key that was spoilt is kept as it should be.
func (r *Keyring) Mended(w WrappedKey) {
	r.mu.Lock()
	r.spoilt = slices.DeleteFunc(r.spoilt, w.same)
	r.mu.Unlock()
	r.Stored(w)
}

func (w WrappedKey) same(other WrappedKey) bool {
	return w.Patient == other.Patient && w.ID == other.ID
}

// all are the keys of a patient, ordered by key id: those on the ring and those that are kept. One that
// is kept and does not unwrap, as after damage, is not here: the server has it. What follows from all of them
// can be noted while heard has not changed.
func (r *Keyring) all(patient string) (keys []bareKey, heard uint64, err error) {
	r.mu.RLock()
	keys, kept, heard := r.own[patient], r.kept, r.heard // before it is asked: what leaves the ring is kept by then
	r.mu.RUnlock()
	if kept == nil {
		return keys, heard, nil
	}
	list, err := kept(patient)
	if err != nil {
		return nil, 0, fmt.Errorf("%w: %w", ErrKeysUnread, err)
	}
	var came []bareKey
	var spoilt []WrappedKey
	for _, w := range list {
		k, err := r.unwrap(w)
		if err != nil {
			spoilt = append(spoilt, w)
			continue
		}
		came, keys = append(came, k), with(keys, k)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, k := range came {
		r.hold(patient, k)
	}
	for _, w := range spoilt {
		r.noteSpoilt(w)
	}
	return keys, heard, nil
}

// noteSpoilt notes a key for Spoilt, and that more of its patient may be there than is known.
func (r *Keyring) noteSpoilt(w WrappedKey) {
	r.heard++
	if len(r.spoilt) < spoiltMost && !slices.ContainsFunc(r.spoilt, w.same) {
		r.spoilt = append(r.spoilt, w)
	}
}

// find is a key of a patient, by its id.
func (r *Keyring) find(patient string, id KeyID) (Key, error) {
	if k, known := r.held(patient, id); k.id == id {
		return r.key(k)
	} else if known {
		return Key{}, ErrNoKey
	}
	keys, heard, err := r.all(patient)
	if err != nil {
		return Key{}, err
	}
	if at := slices.IndexFunc(keys, func(k bareKey) bool { return k.id == id }); at >= 0 {
		return r.key(keys[at])
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if heard == r.heard {
		r.found.put(r.place(patient, id), [keySize]byte{})
	}
	return Key{}, ErrNoKey
}

// held is a key of a patient, where it is known without asking; the zero one: that there is none.
func (r *Keyring) held(patient string, id KeyID) (k bareKey, known bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for _, k := range r.own[patient] {
		if k.id == id {
			return k, true
		}
	}
	raw, known := r.found.get(r.place(patient, id))
	if raw == ([keySize]byte{}) {
		return bareKey{}, known
	}
	return bareKey{id, raw}, true
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

func wrapData(patient string) []byte { return []byte("carelog key v1\n" + patient + "\n") }
