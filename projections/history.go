package projections

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/carelog/carelog/events"
)

// Past asks for versions: of one record, of all of a type, or of all there are.
type Past struct {
	Type string // empty: of any type
	ID   string // of a record of Type; empty: of any
	// Patient is in whose dossier the records are as they stand; empty: in any. With a
	// Patient, Type and ID are empty.
	Patient string
	Since   time.Time // that came here then or later; zero: whenever
	Limit   int       // at most so many; 0 means DefaultLimit, and MaxLimit is the most
	After   string    // PastPage.Next of the page before
}

// Listed is a version among those of many records.
type Listed struct {
	Version
	Conflict bool      // it is a head, and its record is in conflict
	Newest   time.Time // when the last of its record's heads came here
}

// PastPage is a part of the versions asked for, the one that came here last first. A
// version whose verdict got better came when it did. A page may have fewer than the
// limit and a next one all the same.
type PastPage struct {
	Versions []Listed
	Next     string    // for Past.After; empty at the end
	At       time.Time // whatever comes here after this page was read comes then or later
}

// Bounds of what is read at once.
const (
	pastChunk = 64
	pastBytes = 8 << 20 // a page ends where its bodies have more
)

// Past lists versions. ErrNotFound where one record is asked for and has none;
// ErrCursor or ErrFeed for an After that no page of this file gave.
func (s *Store) Past(ctx context.Context, q Past) (PastPage, error) {
	var page PastPage
	err := s.view(ctx, "list versions", func(v *view) error {
		end, at, err := v.end()
		if err != nil {
			return err
		}
		page.At = v.moment(at)
		below := end.Arrival + 1
		if q.After != "" {
			m, err := ParseMark(q.After)
			if err == nil {
				err = v.check(m)
			}
			if err != nil {
				return err
			}
			below = m.Arrival
		}
		limit := bound(q.Limit)
		places, err := v.places(q, below, limit+1)
		if err != nil {
			return err
		}
		last := int64(0)
		if len(places) > limit {
			places, last = places[:limit], places[limit-1].at
		}
		return v.fill(&page, places, last, q.Since)
	})
	return page, err
}

// ByID is the version that is an event; ErrNotFound where it is not here, or is none.
func (s *Store) ByID(ctx context.Context, id events.ID) (Version, error) {
	var version Version
	err := s.view(ctx, "read version "+id.String(), func(v *view) error {
		found, err := v.versions(eventTables+"WHERE e.id = ? AND "+versionOf, []any{id[:]}, func(got Version) error { version = got; return nil })
		if err == nil && found == 0 {
			err = ErrNotFound
		}
		return err
	})
	return version, err
}

// keyOf is the row of a record that has a version; ErrNotFound where there is none.
func (v *view) keyOf(r events.Record) (key int64, err error) {
	found, err := v.one("SELECT r.key FROM record r WHERE "+named+" AND r.heads > 0", nameArgs(r), &key)
	if err == nil && !found {
		err = ErrNotFound
	}
	return key, err
}

// listing is where an event stands in a list of what came: at its own arrival, or at
// that of the last notice of it.
type listing struct{ at, event int64 }

// places finds at most limit events that may be listed, the last to come first.
func (v *view) places(q Past, below int64, limit int) ([]listing, error) {
	from, err := v.firstSince(q.Since)
	if err != nil {
		return nil, err
	}
	list, err := v.unnoticed(q, from, below, limit)
	if err != nil {
		return nil, err
	}
	if err := v.each(`SELECT n.arrival, n.of_event FROM notice n WHERE n.of_event > 0 AND n.arrival >= ?1 AND n.arrival < ?2
		AND (?3 = '' OR n.type = ?3) AND (?4 = '' OR n.id = ?4) AND (?6 = '' OR n.patient = ?6)
		AND NOT EXISTS (SELECT 1 FROM notice m WHERE m.of_event = n.of_event AND m.arrival > n.arrival)
		ORDER BY n.arrival DESC LIMIT ?5`, []any{from, below, q.Type, q.ID, limit, q.Patient}, collect(&list)); err != nil {
		return nil, err
	}
	slices.SortFunc(list, func(a, b listing) int { return cmp.Compare(b.at, a.at) })
	return list[:min(limit, len(list))], nil
}

func collect(list *[]listing) func(scan func(...any) error) error {
	return func(scan func(...any) error) error {
		var p listing
		err := scan(&p.at, &p.event)
		*list = append(*list, p)
		return err
	}
}

// nearEnd is how far back from the end a type is looked for before its records are.
var nearEnd int64 = 20_000 // a variable for tests

// unnoticed finds events asked for that stand at their own arrival: for a type first
// among the last to come, which is nearly always enough, and then by its records.
func (v *view) unnoticed(q Past, from, below int64, limit int) (list []listing, err error) {
	find := func(where string, from int64, args ...any) error {
		list = nil
		args = append(args, from, below, limit)
		return v.each("SELECT e.arrival, e.arrival FROM "+where+` e.arrival >= ? AND e.arrival < ?
			AND NOT EXISTS (SELECT 1 FROM notice n WHERE n.of_event = e.arrival) ORDER BY e.arrival DESC LIMIT ?`, args, collect(&list))
	}
	switch {
	case q.Patient != "":
		return list, find("event e WHERE e.record IN (SELECT r.key FROM record r WHERE "+inDossier+") AND", from, q.Patient, q.Patient)
	case q.Type == "":
		return list, find("event e WHERE", from)
	case q.ID != "":
		key, err := v.keyOf(events.Record{Type: q.Type, ID: q.ID})
		if err == nil {
			err = find("event e WHERE e.record = ? AND", from, key)
		}
		return list, err
	}
	// CROSS JOIN keeps SQLite to the order that is written.
	near := max(from, below-nearEnd)
	if err := find("event e CROSS JOIN record r ON r.key = e.record WHERE +r.type = ? AND", near, q.Type); err != nil || len(list) == limit || near == from {
		return list, err
	}
	return list, find("record r CROSS JOIN event e ON e.record = r.key WHERE +r.type = ? AND", from, q.Type)
}

// firstSince is an arrival before which nothing came at a time or later. Times rise
// with arrivals but for events whose verdict got better, which look later than they
// are placed: so it is never too high, and perhaps lower than it could be.
func (v *view) firstSince(since time.Time) (int64, error) {
	at := since.UnixMilli()
	if since.IsZero() || at <= v.began {
		return 0, nil
	}
	end, _, err := v.end()
	low, high := int64(0), end.Arrival+1 // what is at low came before; all from high on came since
	for err == nil && low+1 < high {
		middle := low + (high-low)/2
		var arrived int64
		var found bool
		found, err = v.one("SELECT arrived FROM event WHERE arrival >= ? ORDER BY arrival LIMIT 1", []any{middle}, &arrived)
		if !found || arrived >= at {
			high = middle
		} else {
			low = middle
		}
	}
	return high, err
}

// fill reads the versions at the places. last is the place behind which there is more;
// 0: nothing is.
func (v *view) fill(page *PastPage, places []listing, last int64, since time.Time) error {
	size := 0
	for chunk := range slices.Chunk(places, pastChunk) {
		found, err := v.listed(chunk)
		if err != nil {
			return err
		}
		for _, p := range chunk {
			got, ok := found[p.event]
			if !ok || got.Arrived.UnixMilli() < since.UnixMilli() && !since.IsZero() {
				continue
			}
			got.Arrival = p.at
			size += len(got.Body)
			page.Versions = append(page.Versions, got)
		}
		if end := chunk[len(chunk)-1].at; size > pastBytes && end != places[len(places)-1].at {
			last = end
			break
		}
	}
	if last > 0 {
		page.Next = Mark{v.feed, last}.String()
	}
	return nil
}

// isHead tells of the tables r and e.
const isHead = "iif(r.heads > 1, EXISTS (SELECT 1 FROM head h WHERE h.record = r.key AND h.id = e.id), r.heads = 1 AND r.shown = e.arrival)"

// listed reads those of a few events that are versions.
func (v *view) listed(list []listing) (map[int64]Listed, error) {
	numbers := make([]string, len(list))
	for i, p := range list {
		numbers[i] = strconv.FormatInt(p.event, 10)
	}
	found := make(map[int64]Listed, len(list))
	err := v.eachListed("WHERE e.arrival IN ("+strings.Join(numbers, ",")+") AND "+versionOf, nil, func(arrival int64, got Listed) error {
		found[arrival] = got
		return nil
	})
	return found, err
}

// eachListed reads versions of many records. where is of the tables e, r and d.
func (v *view) eachListed(where string, args []any, f func(arrival int64, got Listed) error) error {
	return v.each("SELECT "+eventColumns+", r.conflict, "+newestCame+", "+isHead+eventTables+where, args, func(scan func(...any) error) error {
		var r row
		var conflict, head bool
		var newest int64
		if err := r.scan(v.practice, func(into ...any) error { return scan(append(into, &conflict, &newest, &head)...) }); err != nil {
			return err
		}
		got := Listed{Version: v.version(&r), Conflict: conflict && head, Newest: v.moment(newest)}
		got.Head = head
		return f(r.arrival, got)
	})
}
