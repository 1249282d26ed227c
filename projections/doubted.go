package projections

import (
	"context"
	"fmt"
	"time"

	"github.com/carelog/carelog/events"
)

// CountDoubt is how many events have a verdict. Its cost is that of those events.
func (s *Store) CountDoubt(ctx context.Context, d Doubt) (n int, err error) {
	err = s.peek(ctx, "count what is doubtful", func(v *view) error {
		_, err := v.one("SELECT count(*) FROM event WHERE doubt = ? AND doubt <> ''", []any{string(d)}, &n)
		return err
	})
	return n, err
}

// Unsigned is how many events there are in the name of each device of which nobody knows that
// it signed them (DoubtSignature). Its cost is that of those events.
func (s *Store) Unsigned(ctx context.Context) (byDevice map[string]int, err error) {
	byDevice = make(map[string]int)
	err = s.view(ctx, "count what nobody vouches for", func(v *view) error {
		if err := v.each(`SELECT v.id, count(*) FROM event e JOIN device v ON v.key = e.device
			WHERE e.doubt = 'signature' AND e.doubt <> '' GROUP BY e.device`, nil, func(scan func(...any) error) error {
			var device string
			var n int
			err := scan(&device, &n)
			byDevice[device] += n
			return err
		}); err != nil {
			return err
		}
		return v.unsignedTwins(func(e *events.Event) { byDevice[e.Device]++ })
	})
	return byDevice, err
}

// unsignedTwins calls f with the events that have an id which another one has, and of which
// nobody knows who signed them. There are few, if any.
func (v *view) unsignedTwins(f func(*events.Event)) error {
	return v.each("SELECT "+strayColumns+" FROM stray WHERE kind = 'twin' AND doubt = 'signature'", nil, func(scan func(...any) error) error {
		var x stray
		if err := x.scan(scan); err != nil {
			return err
		}
		if e, err := events.Decode(x.message); err == nil {
			f(e)
		}
		return nil
	})
}

// UnsignedOf are events in the name of a device that have DoubtSignature, of those that came
// after an arrival (0: all), in the order in which they came, as many as make a page; with the
// first page also those that have an id which another one has. Their bodies are not opened.
func (s *Store) UnsignedOf(ctx context.Context, device string, after int64) (page []Version, err error) {
	const most, bytes = 1000, 4 << 20
	err = s.view(ctx, "read what nobody vouches for", func(v *view) error {
		if after == 0 {
			if err := v.unsignedTwins(func(e *events.Event) {
				if e.Device == device {
					page = append(page, Version{Event: e, Doubt: DoubtSignature})
				}
			}); err != nil {
				return err
			}
		}
		size := 0
		return v.each("SELECT "+eventColumns+eventTables+`WHERE e.arrival IN (SELECT arrival FROM event
			WHERE doubt = 'signature' AND doubt <> '' AND device = (SELECT key FROM device WHERE id = ?1) AND arrival > ?2 ORDER BY arrival LIMIT ?3)
			ORDER BY e.arrival`, []any{device, after, most}, func(scan func(...any) error) error {
			var r row
			if err := r.scan(v.practice, scan); err != nil || size > bytes {
				return err
			}
			size += len(r.event.Sealed)
			page = append(page, Version{Event: r.event, Sequence: confirmed(r.sequence), Stored: r.broker(), Arrival: r.arrival, Doubt: r.doubt})
			return nil
		})
	})
	return page, err
}

// SentAfter is a page of the events of a device that count and stand in the log after a sequence.
// Their bodies are not opened.
func (s *Store) SentAfter(ctx context.Context, device string, sequence uint64) (page []Version, err error) {
	const most = 1000
	err = s.view(ctx, "read what a device has sent", func(v *view) error {
		return v.each("SELECT "+eventColumns+eventTables+`WHERE e.device = (SELECT key FROM device WHERE id = ?1) AND e.sequence > ?2 AND e.sequence <> 0
			AND e.doubt NOT IN ('signature', 'revoked') LIMIT ?3`, []any{device, int64(sequence), most}, func(scan func(...any) error) error {
			var r row
			err := r.scan(v.practice, scan)
			page = append(page, Version{Event: r.event, Sequence: confirmed(r.sequence), Arrival: r.arrival, Doubt: r.doubt})
			return err
		})
	})
	return page, err
}

// Rejudge gives events that are here another verdict, also a worse one, since more is known now
// of who may sign; where they stand in the log they stay. It returns the records that changed.
func (s *Store) Rejudge(ctx context.Context, list []Entry) ([]events.Record, error) {
	var changed []events.Record
	err := s.change(ctx, fmt.Sprintf("judge %d events again", len(list)), func(b *batch) error {
		for i := range list {
			if err := b.alive(i); err != nil {
				return err
			}
			if err := b.rejudge(list[i]); err != nil {
				return fmt.Errorf("event %s: %w", list[i].Event.ID, err)
			}
		}
		changed = b.changed()
		return nil
	})
	if err != nil {
		return nil, err
	}
	return changed, nil
}

// rejudge takes what got worse out and in again, since all else here only gets better.
func (b *batch) rejudge(e Entry) error {
	var held row
	if err := b.loadRow(&held, selectByID, e.Event.ID[:]); err != nil {
		return err
	}
	e.Sequence, e.Stored, e.Hash = 0, time.Time{}, events.Digest{} // its place is known
	if held.event.Fingerprint() != e.Event.Fingerprint() || e.Doubt.rank() <= held.doubt.rank() || held.sequence <= 0 {
		return b.again(&e)
	}
	if err := b.takeOut(&held); err != nil {
		return err
	}
	e.Sequence, e.Stored, e.Hash = confirmed(held.sequence), held.broker(), held.hash
	return b.take(&e, alone)
}
