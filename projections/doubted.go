package projections

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/carelog/carelog/events"
)

const doubtedByDevice = "SELECT v.id, count(*) FROM event e JOIN device v ON v.key = e.device WHERE e.doubt = ? AND e.doubt <> '' GROUP BY e.device"

// Doubted is how many events there are with a verdict in the name of each device. Its cost is that
// of those events.
func (s *Store) Doubted(ctx context.Context, d Doubt) (byDevice map[string]int, err error) {
	byDevice = make(map[string]int)
	err = s.view(ctx, "count what is doubtful by device", func(v *view) error {
		if err := v.each(doubtedByDevice, []any{string(d)}, func(scan func(...any) error) error {
			var device string
			var n int
			err := scan(&device, &n)
			byDevice[device] += n
			return err
		}); err != nil {
			return err
		}
		return v.twins(func(e *events.Event, x *stray) {
			if x.doubt == d {
				byDevice[e.Device]++
			}
		})
	})
	return byDevice, err
}

// twins calls f with the events that have an id which another one has. There are few, if any.
func (v *view) twins(f func(*events.Event, *stray)) error {
	return v.each("SELECT "+strayColumns+" FROM stray WHERE kind = 'twin'", nil, func(scan func(...any) error) error {
		var x stray
		if err := x.scan(scan); err != nil {
			return err
		}
		if e, err := events.Decode(x.message); err == nil {
			f(e, &x)
		}
		return nil
	})
}

// deviceRecords finds the Device records of the practice by their records: by the dossier it would
// be all events that are looked at, at each start.
const deviceRecords = "SELECT " + eventColumns + eventTables +
	"WHERE e.record IN (SELECT key FROM record WHERE type = 'Device') AND d.patient = '' ORDER BY e.arrival"

// DeviceRecords are all versions of Device records of the practice itself, whatever their verdict,
// with those that have an id which another event has: what is known of who may sign follows from
// them and from where they stand in the log. Their bodies are not opened.
func (s *Store) DeviceRecords(ctx context.Context) (list []Version, err error) {
	err = s.view(ctx, "read the Device records", func(v *view) error {
		if err := v.each(deviceRecords, nil, func(scan func(...any) error) error {
			var r row
			err := r.scan(v.practice, scan)
			list = append(list, r.toJudge())
			return err
		}); err != nil {
			return err
		}
		return v.twins(func(e *events.Event, x *stray) {
			if e.Record.Type == "Device" && e.Patient == "" {
				list = append(list, x.toJudge(e))
			}
		})
	})
	return list, err
}

func (r *row) toJudge() Version {
	return Version{Event: r.event, Sequence: confirmed(r.sequence), Stored: r.broker(), Arrival: r.arrival, Doubt: r.doubt}
}

func (x *stray) toJudge(e *events.Event) Version {
	return Version{Event: e, Sequence: confirmed(x.sequence), Stored: x.broker(), Doubt: x.doubt}
}

// Bounds of a page of events to judge: events, and bytes of their bodies. One event is always on it.
const (
	misjudgedMost  = 1000
	misjudgedBytes = 4 << 20
)

// misjudged are the events of a device that can have a better verdict than is theirs, where it is
// certified and was shut out at ?3 (0: never); its Device records are, whatever their verdict.
// behind are those that count and stand behind that place.
// Each part of misjudged goes by an index of its own: the plus keeps SQLite from going through
// all that the device has sent.
const (
	ofDevice  = " AND device = (SELECT key FROM device WHERE id = ?1) AND arrival > ?2"
	amongThem = " AND +device = (SELECT key FROM device WHERE id = ?1) AND arrival > ?2"
	misjudged = "SELECT arrival FROM event WHERE doubt = 'signature' AND doubt <> ''" + amongThem +
		" UNION SELECT arrival FROM event WHERE doubt = 'revoked' AND doubt <> '' AND sequence > 0 AND (?3 = 0 OR sequence <= ?3)" + amongThem +
		" UNION SELECT arrival FROM event WHERE record IN (SELECT key FROM record WHERE type = 'Device')" + amongThem
	behind = "SELECT arrival FROM event WHERE sequence > ?3 AND doubt NOT IN ('signature', 'revoked')" + ofDevice
)

// Misjudged are events in the name of a certified device whose verdict can be a better one than was
// given when they came: the device was shut out at a place in the log (0: never). They come as many as make a page, of those
// that came after an arrival (0: all), in the order in which they came; with the first page also
// those that have an id which another event has. Its Device records are among them, whatever their verdict.
// Their bodies are not opened.
func (s *Store) Misjudged(ctx context.Context, device string, shutAt uint64, after int64) (page []Version, err error) {
	err = s.view(ctx, "read what is to be judged again", func(v *view) error {
		if after == 0 {
			if err := v.twins(func(e *events.Event, x *stray) {
				if e.Device == device {
					page = append(page, x.toJudge(e))
				}
			}); err != nil {
				return err
			}
		}
		more, err := v.toJudge(misjudged, device, shutAt, after)
		page = append(page, more...)
		return err
	})
	return page, err
}

// Behind are the events of a device that count and stand in the log behind a place at which it was shut
// out, in pages like those of Misjudged.
func (s *Store) Behind(ctx context.Context, device string, shutAt uint64, after int64) (page []Version, err error) {
	err = s.view(ctx, "read what stands behind a revocation", func(v *view) (err error) {
		page, err = v.toJudge(behind, device, shutAt, after)
		return err
	})
	return page, err
}

// toJudge reads a page of events whose arrivals are given. Where it ends is found without reading a body.
func (v *view) toJudge(arrivals, device string, shutAt uint64, after int64) (page []Version, err error) {
	last, size := after, 0
	if err := v.each("SELECT arrival, length(sealed) FROM event WHERE arrival IN ("+arrivals+") ORDER BY arrival LIMIT ?4",
		[]any{device, after, int64(shutAt), misjudgedMost}, func(scan func(...any) error) error {
			var arrival int64
			var length int
			if err := scan(&arrival, &length); err != nil {
				return err
			}
			if size == 0 || size+length <= misjudgedBytes {
				last = arrival
			}
			size += length + 1
			return nil
		}); err != nil {
		return nil, err
	}
	err = v.each("SELECT "+eventColumns+eventTables+"WHERE e.arrival <= ?4 AND e.arrival IN ("+arrivals+") ORDER BY e.arrival",
		[]any{device, after, int64(shutAt), last}, func(scan func(...any) error) error {
			var r row
			err := r.scan(v.practice, scan)
			page = append(page, r.toJudge())
			return err
		})
	return page, err
}

// Rejudge gives events that are here another verdict, also a worse one, since more is known now
// of who may sign; where they stand in the log they stay. It returns the records that changed.
// No event stands in list twice.
func (s *Store) Rejudge(ctx context.Context, list []Entry) ([]events.Record, error) {
	var changed []events.Record
	err := s.change(ctx, fmt.Sprintf("judge %d events again", len(list)), func(b *batch) error {
		if err := b.rejudge(list); err != nil {
			return err
		}
		changed = b.changed()
		return nil
	})
	if err != nil {
		return nil, err
	}
	return changed, nil
}

// rejudge takes what got worse out and in again, since all else here only gets better: all of it at
// once, or a record with many such events would be made anew for each.
func (b *batch) rejudge(list []Entry) error {
	about := func(e Entry, err error) error { return fmt.Errorf("event %s: %w", e.Event.ID, err) }
	var gone []*row
	var worse []Entry
	for i, e := range list {
		held := new(row)
		if err := errors.Join(b.alive(i), b.loadRow(held, selectByID, e.Event.ID[:])); err != nil {
			return about(e, err)
		}
		e.Sequence, e.Stored, e.Hash = 0, time.Time{}, events.Digest{} // its place is known
		if held.event.Fingerprint() != e.Event.Fingerprint() || e.Doubt.rank() <= held.doubt.rank() || held.sequence <= 0 {
			if err := b.again(&e); err != nil {
				return about(e, err)
			}
			continue
		}
		e.Sequence, e.Stored, e.Hash = confirmed(held.sequence), held.broker(), held.hash
		gone, worse = append(gone, held), append(worse, e)
	}
	if err := b.takeOut(gone...); err != nil {
		return err
	}
	for i := range worse {
		if err := errors.Join(b.alive(i), b.take(&worse[i], alone)); err != nil {
			return about(worse[i], err)
		}
	}
	for i := range worse {
		if err := b.overshadow(worse[i].Event.ID); err != nil {
			return about(worse[i], err)
		}
	}
	return nil
}

// overshadow lets the best of the twins under an id stand where it beats the event that does.
func (b *batch) overshadow(id events.ID) error {
	twin, err := b.bestTwin(id)
	if err != nil || twin == nil {
		return err
	}
	var held row
	if err := b.loadRow(&held, selectByID, id[:]); err != nil {
		return err
	}
	return b.choose(&held, twin)
}
