package projections

import (
	"context"
	"fmt"
	"time"

	"github.com/carelog/carelog/events"
)

// Position is how far the log has been read, and the identity of the stream that it
// was read from.
func (q *questions) Position(ctx context.Context) (at events.Position, stream string, err error) {
	err = q.glance(ctx, "read the position", func(v *view) error {
		var sequence int64
		var hash []byte
		_, err := v.one("SELECT sequence, hash, stream FROM store", nil, &sequence, &hash, &stream)
		at.Sequence = uint64(sequence)
		copy(at.Hash[:], hash)
		return err
	})
	return at, stream, err
}

// HashAt is the rolling hash of the log after the message at a sequence; false where
// that message is not here, or was only written here and not yet read back.
func (s *Store) HashAt(ctx context.Context, sequence uint64) (hash events.Digest, found bool, err error) {
	if sequence == 0 {
		return events.Digest{}, true, nil
	}
	err = s.glance(ctx, fmt.Sprintf("find the hash at %d", sequence), func(v *view) error {
		var raw []byte
		found, err = v.one(`SELECT hash FROM event WHERE sequence = ?1 AND sequence <> 0 UNION ALL SELECT hash FROM stray WHERE sequence = ?1
			UNION ALL SELECT hash FROM repeat WHERE sequence = ?1 LIMIT 1`, []any{int64(sequence)}, &raw)
		copy(hash[:], raw)
		found = found && len(raw) > 0
		return err
	})
	return hash, found, err
}

// HashBefore is the rolling hash of the log before the message at a sequence: after
// the last one that is here, since a log may have holes. Zero where there is none.
func (s *Store) HashBefore(ctx context.Context, sequence uint64) (hash events.Digest, err error) {
	err = s.glance(ctx, fmt.Sprintf("find the hash before %d", sequence), func(v *view) error {
		var raw []byte
		_, err := v.one(hashBefore, []any{int64(sequence)}, &raw)
		copy(hash[:], raw)
		return err
	})
	return hash, err
}

// The index has what is not 0: that more than 0 is not 0 has to be said.
const hashBefore = `SELECT hash FROM (
	SELECT * FROM (SELECT sequence, hash FROM event WHERE sequence < ?1 AND sequence > 0 AND sequence <> 0 ORDER BY sequence DESC LIMIT 1)
	UNION ALL SELECT * FROM (SELECT sequence, hash FROM stray WHERE sequence < ?1 AND sequence > 0 ORDER BY sequence DESC LIMIT 1)
	UNION ALL SELECT * FROM (SELECT sequence, hash FROM repeat WHERE sequence < ?1 ORDER BY sequence DESC LIMIT 1)
	) ORDER BY sequence DESC LIMIT 1`

// CountPlaces is how many places of the log there is a message for here, up to a sequence.
func (s *Store) CountPlaces(ctx context.Context, upTo uint64) (n uint64, err error) {
	err = s.view(ctx, fmt.Sprintf("count the messages of the log up to %d", upTo), func(v *view) error {
		_, err := v.one(countPlaces, []any{int64(upTo)}, &n)
		return err
	})
	return n, err
}

const countPlaces = `SELECT (SELECT count(*) FROM event WHERE sequence > 0 AND sequence <= ?1 AND sequence <> 0)
	+ (SELECT count(*) FROM stray WHERE sequence > 0 AND sequence <= ?1) + (SELECT count(*) FROM repeat WHERE sequence <= ?1)`

// StoredAt is when the broker stored the message at a place in the log; zero where that
// message is not here, or was only written here and not yet read back.
func (s *Store) StoredAt(ctx context.Context, sequence uint64) (at time.Time, err error) {
	err = s.peek(ctx, fmt.Sprintf("find when the message at %d was stored", sequence), func(v *view) error {
		var p place
		_, err := v.one(`SELECT stored FROM event WHERE sequence = ?1 AND sequence <> 0 UNION ALL SELECT stored FROM stray WHERE sequence = ?1
			UNION ALL SELECT stored FROM repeat WHERE sequence = ?1 LIMIT 1`, []any{int64(sequence)}, &p.stored)
		at = p.broker()
		return err
	})
	return at, err
}

// DossierSequence is the highest place in the log that a message of a dossier's
// subject is known to have; 0 where none is.
func (s *Store) DossierSequence(ctx context.Context, patient string) (sequence uint64, err error) {
	err = s.peek(ctx, "find the end of the dossier of "+patient, func(v *view) error {
		_, err := v.one("SELECT sequence FROM dossier WHERE patient = ?", []any{patient}, &sequence)
		return err
	})
	return sequence, err
}

// The order of what the log once had follows what it had before.
var distrust = []*statement{
	{"UPDATE event SET sequence = -sequence WHERE sequence > 0"},
	{"UPDATE stray SET sequence = -sequence WHERE sequence > 0"},
	{"DELETE FROM repeat"},
	{"UPDATE dossier SET sequence = 0 WHERE sequence <> 0"},
	{"UPDATE store SET sequence = 0, hash = x''"},
	{fmt.Sprintf("UPDATE head SET place = place + %d WHERE place < %d", order(-1)-1, order(-1))},
}

var selectMany = &statement{"SELECT type, id FROM record WHERE heads > 1"}

// Distrust stops believing the server's log, because it went backwards or is another
// one. The position goes back to the beginning, and every place in the log becomes
// unconfirmed: it goes on ordering heads until the log gives it again. Doing it twice
// changes nothing more.
func (s *Store) Distrust(ctx context.Context) error {
	return s.change(ctx, "stop trusting the position", func(b *batch) error {
		for _, st := range distrust {
			if _, err := b.exec(st); err != nil {
				return err
			}
		}
		var names []events.Record
		if err := b.each(selectMany, nil, func(scan func(...any) error) error {
			var r events.Record
			err := scan(&r.Type, &r.ID)
			names = append(names, r)
			return err
		}); err != nil {
			return err
		}
		for _, name := range names {
			r, err := b.record(name)
			if err != nil {
				return err
			}
			r.touched = true
		}
		return nil
	})
}
