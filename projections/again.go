package projections

import (
	"github.com/carelog/carelog/events"
)

var (
	updatePlace  = &statement{"UPDATE event SET sequence = ?, stored = ?, hash = ?, doubt = ?, reason = ? WHERE arrival = ?"}
	insertRepeat = &statement{`INSERT INTO repeat (sequence, stored, hash, fingerprint, id) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET stored = max(stored, excluded.stored), hash = iif(hash = x'', excluded.hash, hash)`}
	updateHead = &statement{"UPDATE head SET class = ?, place = ?, content = ?, label = ?, carrier = ?, terms = ? WHERE record = ? AND id = ?"}
	movedHead  = &statement{"UPDATE head SET place = ? WHERE record = ? AND id = ?"}
)

// again takes in an entry whose id stands already: the same event once more, or
// another one that claims its id. What stands beats all others, and what is known of one gets better only: whether that one stands
// hangs on the two alone, however many have the id.
func (b *batch) again(e *Entry) error {
	var held row
	if err := b.loadRow(&held, selectByID, e.Event.ID[:]); err != nil {
		return err
	}
	if held.event.Fingerprint() == e.Event.Fingerprint() {
		return b.merge(&held, e)
	}
	twin, err := b.takeTwin(e)
	if err != nil {
		return err
	}
	return b.choose(&held, twin)
}

// merge brings together what two entries say of one event: the better verdict, and
// the place that counts more. The other place is kept as a repeat.
func (b *batch) merge(held *row, e *Entry) error {
	was := *held
	if err := b.mergePlace(&held.place, placeOf(e), held.event.Fingerprint(), held.event.ID[:]); err != nil {
		return err
	}
	mergeVerdict(&held.doubt, &held.reason, e.Doubt, e.Reason)
	d, err := b.dossier(held.event.Patient)
	if err != nil {
		return err
	}
	d.reach(int64(e.Sequence))
	if held.place == was.place && held.doubt == was.doubt && held.reason == was.reason {
		return nil
	}
	if _, err := b.exec(updatePlace, held.sequence, held.stored, bytesOf(held.hash), string(held.doubt), held.reason, held.arrival); err != nil {
		return err
	}
	r, err := b.record(held.event.Record)
	if err != nil {
		return err
	}
	if held.sequence == was.sequence && held.doubt == was.doubt {
		return nil // what was filled in changes no version
	}
	r.touched = true
	v := &version{row: *held, body: e.Body, opened: e.Body != nil}
	if held.doubt == was.doubt {
		return b.moveHead(r, v)
	}
	if err := b.notice(held, false); err != nil {
		return err
	}
	if was.doubt == DoubtSignature {
		if err := b.extend(held.event, held.doubt); err != nil {
			return err
		}
	}
	switch {
	case !v.inGraph():
		return nil
	case !was.inGraph():
		return b.grow(r, v)
	}
	return b.readHead(r, v)
}

// mergePlace puts the better of two places into held and keeps the other as a repeat,
// if it is one of the log.
func (b *batch) mergePlace(held *place, p place, fingerprint events.Digest, id []byte) error {
	if held.sequence == p.sequence {
		held.fill(p)
		return nil
	}
	other := p
	if p.before(*held) {
		other, *held = *held, p
	}
	if other.sequence <= 0 {
		return nil
	}
	_, err := b.exec(insertRepeat, other.sequence, other.stored, bytesOf(other.hash), fingerprint[:], id)
	return err
}

// mergeVerdict keeps the better of two verdicts; of two alike, the smaller reason.
func mergeVerdict(doubt *Doubt, reason *string, other Doubt, otherReason string) {
	if c := other.rank() - doubt.rank(); c < 0 || c == 0 && otherReason < *reason {
		*doubt, *reason = other, otherReason
	}
}

// moveHead orders a head anew after its place changed. A single one has no order yet.
func (b *batch) moveHead(r *record, v *version) error {
	if r.pending != nil && r.shownID == v.event.ID {
		r.pending.place = v.place
	}
	if !r.many {
		return nil
	}
	_, err := b.exec(movedHead, order(v.sequence), r.key, v.event.ID[:])
	return err
}

// readHead takes in the content of a version that could not be read before. One that
// is no head any more has nothing to be found by.
func (b *batch) readHead(r *record, v *version) error {
	if !r.many {
		if r.heads == 1 && r.shownID == v.event.ID {
			r.pending = v
		}
		return nil
	}
	var one int
	if found, err := b.one(selectHead, []any{r.key, v.event.ID[:]}, &one); !found || err != nil {
		return err
	}
	x, err := b.indexHead(r, v)
	if err != nil {
		return err
	}
	_, err = b.exec(updateHead, v.class(), order(v.sequence), b.store.contentOf(v), x.label, x.key, nonNil(x.terms), r.key, v.event.ID[:])
	return err
}

var selectHead = &statement{"SELECT 1 FROM head WHERE record = ? AND id = ?"}

// choose lets a twin stand where it beats the event that does.
func (b *batch) choose(held *row, twin *stray) error {
	if !twin.beats(&stray{place: held.place, fingerprint: held.event.Fingerprint(), doubt: held.doubt}) {
		return nil
	}
	return b.swap(held, twin)
}

// swap puts a twin in the place of the event that stood under its id, because every
// device must come to the same one. Both records are made anew.
func (b *batch) swap(held *row, twin *stray) error {
	m, err := events.Encode(held.event)
	if err != nil {
		return err
	}
	loser := &stray{place: held.place, fingerprint: held.event.Fingerprint(), kind: DoubtTwin, id: held.event.ID[:],
		doubt: held.doubt, reason: held.reason, message: m}
	if err := b.takeOut(held); err != nil {
		return err
	}
	if err := b.insertStray(loser); err != nil {
		return err
	}
	return b.stand(twin)
}

// stand makes a stray the event that stands under its id.
func (b *batch) stand(x *stray) error {
	e, err := events.Decode(x.message)
	if err != nil {
		return err
	}
	if err := b.deleteStray(x); err != nil {
		return err
	}
	return b.take(&Entry{Sequence: confirmed(x.sequence), Stored: x.broker(), Hash: x.hash, Event: e, Doubt: x.doubt, Reason: x.reason}, alone)
}
