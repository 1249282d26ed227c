package replica

import (
	"cmp"
	"crypto/ed25519"
	"maps"
	"slices"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections/fhirjson"
)

// word is what a version of a Device record of the practice says of a device: that it is certified,
// or that it is shut out.
type word struct {
	event     *events.Event
	digest    events.Digest
	sequence  uint64            // where it stands first; 0: in no log that was read
	opened    bool              // what follows is known
	certified ed25519.PublicKey // the key that it has a certificate for; nil: none
	active    bool
	ends      []events.Chain  // of its device's chain, that it lets stand
	vouched   bool            // its device's chain vouches for it, though that was shut out before
	doubted   bool            // the store has it as one that says nothing: what it says was not judged by yet
	signed    map[string]bool // by which keys, as far as that was asked
}

// revocation is from where on a device does not count.
type revocation struct {
	at      uint64         // its place in the log; 0: there is none
	ends    []events.Chain // of the device's chain; what they lead to counts wherever it stands
	by      string         // the device that made it
	doubted bool           // see word
}

// end is the number behind the last event that it lets stand; 0: it names none.
func (r revocation) end() (counter uint64) {
	for _, end := range r.ends {
		counter = max(counter, end.Counter)
	}
	return counter
}

// bars reports whether a place stands behind it.
func (r revocation) bars(sequence uint64) bool { return r.at != 0 && sequence > r.at }

func (r revocation) same(as revocation) bool { return r.at == as.at && slices.Equal(r.ends, as.ends) }

// tells reports whether an event can say who may sign: it is a version of one of the practice's own
// Device records. A patient's pacemaker is a Device too.
func tells(e *events.Event) bool {
	return e.Record.Type == "Device" && e.Patient == "" && (e.Type == events.Written || e.Type == events.Deleted)
}

// hear takes in a word, whoever it is of. The first of its places counts. It returns nil for what is none.
func (t *trust) hear(e *events.Event, digest, print events.Digest, sequence uint64) *word {
	if !tells(e) || e.Practice != t.practice {
		return nil
	}
	w := t.words[print]
	if w == nil {
		w = &word{event: e, digest: digest, signed: make(map[string]bool)}
		t.words[print] = w
	}
	if w.sequence == 0 || sequence != 0 && sequence < w.sequence {
		w.sequence = sequence
	}
	return w
}

// read opens a word where its key is here by now.
func (t *trust) read(w *word) {
	if w.opened || w.event.Type != events.Written {
		return
	}
	body, err := t.open(w.event)
	if err != nil {
		return
	}
	w.opened = true
	key, err := fhirjson.DeviceOf(body)
	if err != nil || events.VerifyCertificate(t.root, t.practice, w.event.Record.ID, key.Public, key.Certificate) != nil {
		return
	}
	w.certified, w.active, w.ends = key.Public, key.Active, key.Ends
}

// shutsOut reports whether a word says that its device may not sign.
func (w *word) shutsOut() bool {
	return w.event.Type == events.Deleted || w.certified != nil && !w.active
}

func (w *word) signedBy(key ed25519.PublicKey) bool {
	good, asked := w.signed[string(key)]
	if !asked {
		good = ed25519.Verify(key, w.digest[:], w.event.Signature[:])
		w.signed[string(key)] = good
	}
	return good
}

// weigh works out who may sign and from which places on who may not, and notes whose standing changed.
//
// A certificate counts wherever it stands and whoever brings it, since nothing of it comes from
// there: it is the practice's root key that signed it. A revocation counts from its place on, for
// ever, where its device may sign at that place, or where that one's chain vouches for it; that is known when
// all that stands before it is weighed.
func (t *trust) weigh() {
	list := slices.Collect(maps.Values(t.words))
	for _, w := range list {
		before := w.opened
		if t.read(w); w.opened != before {
			t.stir(w.event.Device) // what it names must be certified
		}
	}
	slices.SortFunc(list, func(a, b *word) int {
		return cmp.Or(cmp.Compare(a.sequence-1, b.sequence-1), a.event.ID.Compare(b.event.ID)) // without a place: last
	})
	keys := make(map[string]ed25519.PublicKey)
	for _, own := range []bool{true, false} { // a device's word of itself comes before that of others
		for _, w := range list {
			id := w.event.Record.ID
			if w.certified != nil && keys[id] == nil && (!own || w.event.Device == id && w.signedBy(w.certified)) {
				keys[id] = w.certified
			}
		}
	}
	shut, ended := make(map[string]revocation), make(map[string][]revocation)
	for _, w := range list {
		of, by := w.event.Record.ID, w.event.Device
		if w.sequence == 0 || !w.shutsOut() || keys[by] == nil || shut[by].bars(w.sequence) && !w.vouched || !w.signedBy(keys[by]) {
			continue
		}
		r := revocation{w.sequence, w.ends, by, w.doubted}
		if shut[of].at == 0 {
			shut[of] = r
		}
		if len(r.ends) > 0 {
			ended[of] = append(ended[of], r)
		}
	}
	t.ended = ended
	t.stand(keys, shut)
}

// stand puts what was weighed in the place of what was known.
func (t *trust) stand(keys map[string]ed25519.PublicKey, shut map[string]revocation) {
	known := make(map[string]*signer, len(keys))
	for device, key := range keys {
		if known[device] = t.known[device]; known[device] == nil || !key.Equal(known[device].public) {
			known[device] = &signer{public: key, next: events.Chain{Counter: 1}}
			t.stir(device)
		}
		if !shut[device].same(t.shut[device]) {
			t.stir(device)
		}
	}
	t.known, t.shut = known, shut
}

// stir notes that what was judged of a device is to be judged again.
func (t *trust) stir(device string) {
	if t.stirred == nil {
		t.stirred = make(map[string]bool)
	}
	t.stirred[device] = true
	delete(t.calm, device)
}

// stirCalmly notes that something that is in doubt of a device may count, and no more.
func (t *trust) stirCalmly(device string) {
	if !t.stirred[device] {
		t.stir(device)
		if t.calm == nil {
			t.calm = make(map[string]bool)
		}
		t.calm[device] = true
	}
}
