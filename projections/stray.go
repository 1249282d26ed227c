package projections

import (
	"bytes"
	"encoding/binary"
	"errors"
	"maps"
	"slices"

	"github.com/carelog/carelog/events"
)

// stray is a message of the log that has no row among the events.
type stray struct {
	place
	key         int64
	fingerprint events.Digest
	kind        Doubt  // DoubtBroken or DoubtTwin
	id          []byte // of a twin
	doubt       Doubt  // of a twin
	reason      string
	message     events.Message
}

const strayColumns = "key, fingerprint, kind, id, sequence, stored, hash, doubt, reason, subject, header, data"

func (x *stray) scan(scan func(...any) error) error {
	var fingerprint, hash, header []byte
	if err := scan(&x.key, &fingerprint, &x.kind, &x.id, &x.sequence, &x.stored, &hash, &x.doubt, &x.reason,
		&x.message.Subject, &header, &x.message.Data); err != nil {
		return err
	}
	copy(x.fingerprint[:], fingerprint)
	copy(x.hash[:], hash)
	var err error
	x.message.Header, err = unpackHeader(header)
	return err
}

var (
	selectStray  = &statement{"SELECT " + strayColumns + " FROM stray WHERE fingerprint = ?"}
	selectTwins  = &statement{"SELECT " + strayColumns + " FROM stray WHERE id = ? ORDER BY fingerprint"}
	insertStrays = &statement{`INSERT INTO stray (fingerprint, kind, id, sequence, stored, hash, doubt, reason, subject, header, data)
		VALUES (?,?,?,?,?,?,?,?,?,?,?)`}
	updateStray = &statement{"UPDATE stray SET sequence = ?, stored = ?, hash = ?, doubt = ?, reason = ? WHERE fingerprint = ?"}
	deleteStray = &statement{"DELETE FROM stray WHERE fingerprint = ?"}
)

// takeBroken keeps a message that is no event.
func (b *batch) takeBroken(e *Entry, m events.Message) error {
	if _, patient, err := events.ParseSubject(m.Subject); err == nil {
		d, err := b.dossier(patient)
		if err != nil {
			return err
		}
		d.reach(int64(e.Sequence))
	}
	_, err := b.keep(&stray{place: placeOf(e), fingerprint: m.Fingerprint(), kind: DoubtBroken, reason: e.Reason, message: m})
	return err
}

// takeTwin keeps an event whose id another one has, and returns what is known of it now.
func (b *batch) takeTwin(e *Entry) (*stray, error) {
	m, err := events.Encode(e.Event)
	if err != nil {
		return nil, err
	}
	d, err := b.dossier(e.Event.Patient)
	if err != nil {
		return nil, err
	}
	d.reach(int64(e.Sequence))
	return b.keep(&stray{place: placeOf(e), fingerprint: e.Event.Fingerprint(), kind: DoubtTwin, id: e.Event.ID[:],
		doubt: e.Doubt, reason: e.Reason, message: m})
}

// keep writes a stray, or brings it together with what is known of it, which it returns.
func (b *batch) keep(x *stray) (*stray, error) {
	held := &stray{}
	found, err := b.first(selectStray, []any{x.fingerprint[:]}, held.scan)
	if err != nil {
		return nil, err
	}
	if !found {
		return x, b.insertStray(x)
	}
	if err := b.mergePlace(&held.place, x.place, x.fingerprint, x.id); err != nil {
		return nil, err
	}
	mergeVerdict(&held.doubt, &held.reason, x.doubt, x.reason)
	_, err = b.exec(updateStray, held.sequence, held.stored, bytesOf(held.hash), string(held.doubt), held.reason, held.fingerprint[:])
	return held, err
}

func (b *batch) insertStray(x *stray) error {
	var id any
	if x.id != nil {
		id = x.id
	}
	_, err := b.exec(insertStrays, x.fingerprint[:], string(x.kind), id, x.sequence, x.stored, bytesOf(x.hash), string(x.doubt), x.reason,
		x.message.Subject, packHeader(x.message.Header), nonNil(x.message.Data))
	return err
}

func (b *batch) deleteStray(x *stray) error {
	_, err := b.exec(deleteStray, x.fingerprint[:])
	return err
}

// bestTwin is the one of those whose id another event has that would stand first in its place; nil where there is none.
func (b *batch) bestTwin(id events.ID) (best *stray, err error) {
	err = b.each(selectTwins, []any{id[:]}, func(scan func(...any) error) error {
		x := &stray{}
		if err := x.scan(scan); err != nil {
			return err
		}
		if best == nil || x.beats(best) {
			best = x
		}
		return nil
	})
	return best, err
}

// beats sees to it that of all events under one id the same one stands on every
// device, whichever came first: the best verdict, then the best place, then the
// smallest fingerprint.
func (x *stray) beats(y *stray) bool {
	if c := x.doubt.rank() - y.doubt.rank(); c != 0 {
		return c < 0
	}
	if x.sequence != y.sequence {
		return x.before(y.place)
	}
	return bytes.Compare(x.fingerprint[:], y.fingerprint[:]) < 0
}

var errHeader = errors.New("the headers of a message that was kept cannot be read")

// packHeader writes headers whatever their bytes, sorted by name: the number of names,
// then each name with the number of its values and these, every text after its length.
func packHeader(h map[string][]string) []byte {
	out := binary.AppendUvarint(nil, uint64(len(h)))
	text := func(s string) { out = append(binary.AppendUvarint(out, uint64(len(s))), s...) }
	for _, name := range slices.Sorted(maps.Keys(h)) {
		text(name)
		out = binary.AppendUvarint(out, uint64(len(h[name])))
		for _, value := range h[name] {
			text(value)
		}
	}
	return out
}

// unpackHeader reads what packHeader wrote.
func unpackHeader(in []byte) (map[string][]string, error) {
	bad := false
	number := func() uint64 {
		n, size := binary.Uvarint(in)
		if size <= 0 || n > uint64(len(in)) { // nothing written here counts more than the bytes that follow
			bad = true
			return 0
		}
		in = in[size:]
		return n
	}
	text := func() string {
		n := number()
		if n > uint64(len(in)) {
			bad = true
			return ""
		}
		s := string(in[:n])
		in = in[n:]
		return s
	}
	h := make(map[string][]string)
	for names := number(); names > 0 && !bad; names-- {
		name := text()
		values := []string{}
		for n := number(); n > 0 && !bad; n-- {
			values = append(values, text())
		}
		h[name] = values
	}
	if bad || len(in) > 0 {
		return nil, errHeader
	}
	return h, nil
}
