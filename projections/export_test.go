package projections

import (
	"context"
	"fmt"

	"github.com/carelog/carelog/events"
)

// ReaderCount is how many questions are answered at once.
const ReaderCount = readerCount

// Ask asks a question in words of SQL; f can ask another one of the same state.
func (s *Store) Ask(ctx context.Context, sql string, f func(value int64, ask func(sql string) (int64, error)) error) error {
	return s.view(ctx, "ask", func(v *view) error {
		return v.each(sql, nil, func(scan func(...any) error) error {
			var value int64
			if err := scan(&value); err != nil {
				return err
			}
			return f(value, func(sql string) (value int64, err error) {
				_, err = v.one(sql, nil, &value)
				return value, err
			})
		})
	})
}

// CursorRoundTrip reads a cursor and writes it again.
func CursorRoundTrip(s string) (string, error) {
	c, err := parseCursor(s)
	return c.String(), err
}

// SetNearEnd lets a type be looked for among so many of the last to come.
func SetNearEnd(n int64) (undo func()) {
	was := nearEnd
	nearEnd = n
	return func() { nearEnd = was }
}

// MakeCursor writes a cursor.
func MakeCursor(order string, key []byte, r events.Record) string {
	return cursor{order, key, r}.String()
}

// SetBounds makes searches do with less than usual, and index nothing themselves.
func (s *Store) SetBounds(counted, examined, step int) {
	s.bounds = bounds{0, min(usualBounds.few, counted), counted, examined, step}
}

// Looked makes a page and returns at how many candidates it looked for that.
func (s *Store) Looked(ctx context.Context, q Query) (page Page, looked int, err error) {
	err = s.view(ctx, "search", func(v *view) error {
		x, err := v.searching(q, s.bounds)
		if err != nil {
			return err
		}
		if err := x.run(); err != nil {
			return err
		}
		page, looked = x.page, x.looked
		return x.readStates(&page)
	})
	return page, looked, err
}

// HeaderRoundTrip reads packed headers and writes them again.
func HeaderRoundTrip(packed []byte) ([]byte, error) {
	h, err := unpackHeader(packed)
	return packHeader(h), err
}

// SetMaxPages bounds the file, as a full disk does.
func (s *Store) SetMaxPages(ctx context.Context, n int) (pages int, err error) {
	err = s.writer.conn.QueryRowContext(ctx, fmt.Sprint("PRAGMA max_page_count = ", n)).Scan(&pages)
	return pages, err
}

// SetMany says from how many entries on the records of a batch are indexed later.
func (s *Store) SetMany(n int) { s.many = n }

// SetNaming says from how many new records on a batch keeps their names apart, and how many
// are kept so.
func (s *Store) SetNaming(many, full int) { s.naming = naming{many, full} }

// Readers is how many readers stand open and are not in use.
func (s *Store) Readers() int {
	s.readers.mu.Lock()
	defer s.readers.mu.Unlock()
	return len(s.readers.idle)
}

// RecordsByName is the question with which a batch finds n records.
func RecordsByName(n int) string { return recordsByName(n) }

// Counted is how far the candidates of each way were counted until one was picked.
func (s *Store) Counted(ctx context.Context, q Query) (counts []int, err error) {
	err = s.view(ctx, "search", func(v *view) error {
		x, err := v.searching(q, s.bounds)
		if err != nil {
			return err
		}
		origins, err := x.origins()
		if err == nil {
			_, err = x.best(origins)
		}
		for _, o := range origins {
			counts = append(counts, o.count)
		}
		return err
	})
	return counts, err
}

// InPassing runs f as what reads much of the file once, and returns how much a reader keeps while
// it runs, and after it.
func (s *Store) InPassing(ctx context.Context, f func() error) (within, after int64, failed error) {
	err := s.view(ctx, "read in passing", func(v *view) error {
		failed = v.inPassing(func() error {
			if _, err := v.one("PRAGMA cache_size", nil, &within); err != nil {
				return err
			}
			return f()
		})
		_, err := v.one("PRAGMA cache_size", nil, &after)
		return err
	})
	if failed == nil {
		failed = err
	}
	return within, after, failed
}

// AtEachStart are questions that a desk asks at each start and log-in, or again and again, for which it must not go through all
// events or keys, with how many values are bound to each.
var AtEachStart = map[string]int{deviceRecords: 0, doubtedByDevice: 1, misjudged: 3, countKeys: 0, keysOf: 1, sentLate: 3, countFrom: 2}

// Strangers meets n names and tells how many of them are taken for strangers then, and how many
// of as many others are not.
func Strangers(n int) (forgotten, mistaken int) {
	s := newStrangers()
	name := func(i int) events.Record { return events.Record{Type: "Condition", ID: fmt.Sprint(i)} }
	for i := range n {
		s.meet(name(i))
	}
	for i := range n {
		if s.is(name(i)) {
			forgotten++
		}
		if !s.is(name(n + i)) {
			mistaken++
		}
	}
	return forgotten, mistaken
}
