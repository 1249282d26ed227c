package projections

import (
	"context"
	"fmt"
	"iter"

	"github.com/carelog/carelog/events"
)

// logPage is how many messages Log reads at a time: nobody's read keeps the WAL from
// being tidied up for long.
const logPage = 256

// Log is this device's copy of the log from a sequence on, in order, as the messages
// that were read. Places that were never read are missing, and headers of the broker's
// own are only kept where the message is no event. What comes in meanwhile comes too.
// The iteration ends after the first error.
func (q *questions) Log(ctx context.Context, from uint64) iter.Seq2[events.Stored, error] {
	return q.messages(ctx, "read the local log", int64(max(from, 1)), +1)
}

// Unconfirmed is what the server had and no longer has, in the order that it had it:
// ready to be pushed back, what is no event included. The iteration ends after the
// first error.
func (s *Store) Unconfirmed(ctx context.Context) iter.Seq2[events.Stored, error] {
	return s.messages(ctx, "read what the server has lost", -1, -1)
}

// messages reads upwards from a sequence, or downwards for what is unconfirmed.
func (q *questions) messages(ctx context.Context, what string, from, step int64) iter.Seq2[events.Stored, error] {
	return func(yield func(events.Stored, error) bool) {
		from := from // whoever reads twice reads the same twice
		for {
			page, err := q.messagePage(ctx, what, from, step)
			if err != nil {
				yield(events.Stored{}, err)
				return
			}
			for _, m := range page {
				if !yield(m.Stored, nil) {
					return
				}
				from = m.at + step
			}
			if len(page) < logPage {
				return
			}
		}
	}
}

type placed struct {
	events.Stored
	at int64
}

// The three tables that have places in the log, each by its index.
const (
	pageUp = `SELECT sequence, 0 AS source, arrival AS key FROM event WHERE sequence >= ?1 AND sequence <> 0
		UNION ALL SELECT sequence, 1, key FROM stray WHERE sequence >= ?1
		UNION ALL SELECT sequence, 2, sequence FROM repeat WHERE sequence >= ?1 ORDER BY 1 LIMIT ?2`
	pageDown = `SELECT sequence, 0 AS source, arrival AS key FROM event WHERE sequence <= ?1 AND sequence <> 0
		UNION ALL SELECT sequence, 1, key FROM stray WHERE sequence <= ?1 ORDER BY 1 DESC LIMIT ?2`
)

func (q *questions) messagePage(ctx context.Context, what string, from, step int64) ([]placed, error) {
	var page []placed
	err := q.view(ctx, what, func(v *view) error {
		sql := pageUp
		if step < 0 {
			sql = pageDown
		}
		var sources []int
		var keys []int64
		if err := v.each(sql, []any{from, logPage}, func(scan func(...any) error) error {
			var at, key int64
			var source int
			err := scan(&at, &source, &key)
			page, sources, keys = append(page, placed{at: at}), append(sources, source), append(keys, key)
			return err
		}); err != nil {
			return err
		}
		for i := range page {
			p, m, err := v.message(sources[i], keys[i])
			if err != nil {
				return fmt.Errorf("message at %d: %w", page[i].at, err)
			}
			page[i].Stored = events.Stored{Sequence: uint64(max(page[i].at, -page[i].at)), Time: p.broker(), Message: m}
		}
		return nil
	})
	return page, err
}

// message reads one message with its place, from the table where it stands.
func (v *view) message(source int, key int64) (place, events.Message, error) {
	switch source {
	case 0:
		return v.eventMessage("WHERE e.arrival = ?", key)
	case 1:
		return v.strayMessage("WHERE key = ?", key)
	}
	var p place
	var hash, fingerprint, id []byte
	if _, err := v.one("SELECT sequence, stored, hash, fingerprint, id FROM repeat WHERE sequence = ?", []any{key},
		&p.sequence, &p.stored, &hash, &fingerprint, &id); err != nil {
		return p, events.Message{}, err
	}
	copy(p.hash[:], hash)
	_, m, err := v.strayMessage("WHERE fingerprint = ?", fingerprint)
	if err == nil && m.Subject == "" {
		_, m, err = v.eventMessage("WHERE e.id = ?", id)
	}
	return p, m, err
}

func (v *view) eventMessage(where string, key any) (place, events.Message, error) {
	var r row
	if err := v.each("SELECT "+eventColumns+eventTables+where, []any{key}, func(scan func(...any) error) error {
		return r.scan(v.practice, scan)
	}); err != nil || r.event == nil {
		return place{}, events.Message{}, err
	}
	m, err := events.Encode(r.event)
	return r.place, m, err
}

func (v *view) strayMessage(where string, key any) (place, events.Message, error) {
	var x stray
	err := v.each("SELECT "+strayColumns+" FROM stray "+where, []any{key}, x.scan)
	return x.place, x.message, err
}
