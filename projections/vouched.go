package projections

import (
	"context"
	"fmt"

	"github.com/carelog/carelog/events"
)

// An event that a device's chain vouches for is that very event, since the chain names it by a hash over all
// of it. A SetAside only claims the link that it has, so that none is vouched for here.
const (
	byPlace = "sequence BETWEEN 1 AND ?2 AND w.doubt <> 'signature'" // of w: it counts since it stands before the revocation
	counts  = "doubt NOT IN ('signature', 'revoked')"
	ofChain = "w.device = (SELECT key FROM device WHERE id = ?1)"
	// vouches is what counts and can vouch for the event before it, where its device was shut out at ?2.
	vouches = "(w." + byPlace + " OR w.sequence > ?2 AND w." + counts + " AND w.replaces = x'')"
	// cameFirst is what counts here and had come before the revocation did: it stood before that, and has another place since it was lost.
	cameFirst = "w.sequence > ?2 AND w." + counts + " AND w.replaces = x'' AND w.arrival < (" + cameAt + "?2)"
	cameAt    = "SELECT arrival FROM event WHERE sequence <> 0 AND sequence = "
)

// CameAt is when the event at a place of the log came here, as a number of arrival; 0 where none has it.
func (s *Store) CameAt(ctx context.Context, sequence uint64) (arrival int64, err error) {
	err = s.view(ctx, fmt.Sprintf("see when event %d of the log came", sequence), func(v *view) error {
		_, err := v.one(cameAt+"?", []any{int64(sequence)}, &arrival)
		return err
	})
	return arrival, err
}

// Vouching are the chains that events of a device carry which have a number of its chain and count, where it was
// shut out at a place in the log: they vouch for the event before.
func (s *Store) Vouching(ctx context.Context, device string, shutAt, counter uint64) (chains []events.Chain, err error) {
	err = s.view(ctx, fmt.Sprintf("see who vouches for what device %s sent", device), func(v *view) (err error) {
		chains, err = v.chains("SELECT DISTINCT w.counter, w.previous FROM event w WHERE "+ofChain+" AND w.counter = ?3 AND "+vouches,
			device, int64(shutAt), int64(counter))
		return err
	})
	return chains, err
}

// Seams are the chains by which what counts of a device, since it stands at or before the place where
// it was shut out or came here before that was known, may vouch for something that stands behind it. With doubted they are those that may vouch for something in doubt,
// and what counts behind that place vouches as well; then its cost is that of what is in doubt, else that of the whole chain.
func (s *Store) Seams(ctx context.Context, device string, shutAt uint64, doubted bool) (seams []events.Chain, err error) {
	below, who := "event e WHERE", "(w."+byPlace+" OR "+cameFirst+")"
	if doubted {
		below, who = "event e INDEXED BY event_doubt WHERE e.doubt = 'revoked' AND e.doubt <> '' AND", vouches
	}
	// Each number is looked for once, however many events a thief gave it.
	err = s.view(ctx, fmt.Sprintf("see who vouches for what device %s sent", device), func(v *view) error {
		seams, err = v.chains("SELECT DISTINCT w.counter, w.previous FROM (SELECT DISTINCT e.counter FROM "+below+
			" e.device = (SELECT key FROM device WHERE id = ?1) AND e.sequence > ?2 AND e.replaces = x'') e CROSS JOIN event w ON "+ofChain+
			" AND w.counter = e.counter + 1 WHERE "+who, device, int64(shutAt))
		if err != nil {
			return err
		}
		twins, err := v.twinsBehind(device, shutAt)
		asked := make(map[uint64]bool)
		for _, twin := range twins {
			number := twin.Event.Chain.Counter + 1
			if asked[number] {
				continue
			}
			asked[number] = true
			more, err := v.chains("SELECT DISTINCT w.counter, w.previous FROM event w WHERE "+ofChain+" AND w.counter = ?3 AND "+who,
				device, int64(shutAt), int64(number))
			if err != nil {
				return err
			}
			seams = append(seams, more...)
		}
		return err
	})
	return seams, err
}

func (v *view) chains(sql string, args ...any) (list []events.Chain, err error) {
	err = v.each(sql, args, func(scan func(...any) error) error {
		var counter int64
		var previous []byte
		err := scan(&counter, &previous)
		c := events.Chain{Counter: uint64(counter)}
		copy(c.Previous[:], previous)
		list = append(list, c)
		return err
	})
	return list, err
}

// twinsBehind are the events of a device that have an id which another one has, and stand behind a place.
func (v *view) twinsBehind(device string, shutAt uint64) (list []Version, err error) {
	err = v.twins(func(e *events.Event, x *stray) {
		if e.Device == device && e.Replaces.IsZero() && !(0 < x.sequence && x.sequence <= int64(shutAt)) {
			list = append(list, x.toJudge(e))
		}
	})
	return list, err
}

const sentLate = "SELECT w.id FROM event w INDEXED BY event_chain WHERE " + ofChain + " AND w.counter >= ?3 AND w.sequence BETWEEN 1 AND ?2 AND w." + counts + " AND w.replaces = x'' ORDER BY w.id"

// Late are the events of a device that count and stand in the log before the place of its revocation, and in its chain behind
// the end that this names: it sent them after that was made. Its cost is that of what has such a number.
func (s *Store) Late(ctx context.Context, device string, shutAt, end uint64) (ids []events.ID, err error) {
	err = s.view(ctx, fmt.Sprintf("find what device %s sent behind the end of its chain", device), func(v *view) error {
		ids, err = v.ids(sentLate, device, int64(shutAt)-1, int64(end))
		return err
	})
	return ids, err
}

// ids are what a query selects.
func (v *view) ids(query string, args ...any) (ids []events.ID, err error) {
	err = v.each(query, args, func(scan func(...any) error) error {
		var id events.ID
		var raw []byte
		err := scan(&raw)
		copy(id[:], raw)
		ids = append(ids, id)
		return err
	})
	return ids, err
}

const unreached = `SELECT late.id FROM event late INDEXED BY event_doubt
	WHERE late.doubt = 'revoked' AND late.doubt <> '' AND late.device = (SELECT key FROM device WHERE id = ?1) AND late.replaces = x''
	AND late.counter < max(?2, ifnull((SELECT w.counter FROM event w WHERE ` + ofChain + ` AND w.` + counts + ` ORDER BY w.counter DESC LIMIT 1), 0))
	AND NOT EXISTS (SELECT 1 FROM event w WHERE ` + ofChain + ` AND w.counter = late.counter AND w.` + counts + `)
	ORDER BY late.counter, late.id`

// Unreached are the events of a device that are in doubt since it was revoked, though nothing tells that
// it had not sent them before, by number and id: they have a number below the end of its chain (of what counts, or the one that is given), and nothing that
// counts has that number. Its cost is that of what is in doubt.
func (s *Store) Unreached(ctx context.Context, device string, end uint64) (ids []events.ID, err error) {
	err = s.view(ctx, fmt.Sprintf("look for what is missing in the chain of device %s", device), func(v *view) error {
		ids, err = v.ids(unreached, device, int64(end))
		return err
	})
	return ids, err
}
