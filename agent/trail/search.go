package trail

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/carelog/carelog/events"
)

// Query says which entries are looked for. What is empty does not narrow.
type Query struct {
	Patient string    // whose dossier was shown
	Agent   string    // who looked
	What    string    // Type or Type/id; a version of a record is of the record
	From    time.Time // then or later
	Before  time.Time // earlier than that
	Limit   int       // at most so many; 0 means DefaultLimit, and MaxLimit is the most
	After   string    // Page.Next of the page before
}

// Bounds of a page.
const (
	DefaultLimit = 50
	MaxLimit     = 1000
)

// Page is a part of what was found, the last to be kept first.
type Page struct {
	Entries []Entry
	Next    string // for Query.After; empty at the end
	// Others are the other desks of the practice that have sent anything.
	Others []Other
	// Missing says why the other desks could not be asked; nil where they were.
	Missing error
}

// Other is how far another desk was asked.
type Other struct {
	Device string
	Until  time.Time // when it kept the last entry that it has sent
	Err    error     // why not all that it has sent is there; nil where it is
}

// Errors of a question.
var (
	ErrCursor   = errors.New("the cursor was not made by a search of the trail")
	ErrNotFound = errors.New("there is no such entry in the trail")
	ErrAlone    = errors.New("the trails of the other desks are on the server, which cannot be reached")
)

// Read is one entry by its ID, of whichever desk; ErrNotFound where there is none, joined
// with ErrAlone where the other desks could not be asked.
func (t *Trail) Read(ctx context.Context, id events.ID) (Entry, error) {
	for e, err := range t.own(ctx, Query{}, follower(id)) {
		if err != nil || e.ID == id {
			return e, err
		}
		break
	}
	page, err := t.search(ctx, Query{Limit: 1}, cursor{before: follower(id)})
	if err != nil {
		return Entry{}, err
	}
	if len(page.Entries) == 1 && page.Entries[0].ID == id {
		return page.Entries[0], nil
	}
	return Entry{}, errors.Join(ErrNotFound, page.Missing)
}

// follower is the smallest id that is greater.
func follower(id events.ID) events.ID {
	for i := len(id) - 1; i >= 0; i-- {
		if id[i]++; id[i] != 0 {
			break
		}
	}
	return id
}

// Search looks through the trail from its end, and through those of the other desks as far
// as they sent them and the server can be asked: about a second per million entries of this
// desk, and one question to the server for each 64 KiB of another that the page is made of,
// and one more for each desk.
func (t *Trail) Search(ctx context.Context, q Query) (Page, error) {
	from, err := parseCursor(q.After)
	if err != nil {
		return Page{}, err
	}
	return t.search(ctx, q, from)
}

// search finds a page of entries.
func (t *Trail) search(ctx context.Context, q Query, from cursor) (page Page, err error) {
	limit := q.Limit
	if limit <= 0 {
		limit = DefaultLimit
	}
	limit = min(limit, MaxLimit)
	sources := []source{{list: t.own(ctx, q, from.before)}}
	var identity string
	if t.config.Practice != nil {
		var others []source
		others, identity, page.Missing = t.others(ctx, q, from)
		sources = append(sources, others...)
	}
	m := merge{sources: sources}
	defer m.stop()
	if err := m.begin(); err != nil {
		return page, err
	}
	for m.best() >= 0 {
		if n := len(page.Entries); n == limit {
			page.Next = m.rest(page.Entries[n-1].ID, identity).String()
			break
		}
		e, err := m.next()
		if err != nil {
			return page, err
		}
		page.Entries = append(page.Entries, e)
	}
	for _, s := range m.sources[1:] {
		page.Others = append(page.Others, s.Other)
	}
	return page, nil
}

// source is the entries of one desk, the last first; the first of several is this one.
type source struct {
	Other
	list iter.Seq2[Entry, error]
	at   *uint64 // the run from which its head is found again; nil: there are none

	pull func() (Entry, error, bool)
	stop func()
	head Entry
	more bool
}

// merge takes entries of several desks in the order of their ids.
type merge struct{ sources []source }

func (m *merge) begin() error {
	for i := range m.sources {
		s := &m.sources[i]
		s.pull, s.stop = iter.Pull2(s.list)
	}
	for i := range m.sources {
		if err := m.advance(i); err != nil {
			return err
		}
	}
	return nil
}

// advance takes the next entry of a desk. What is wrong with another desk's trail ends that
// one alone.
func (m *merge) advance(i int) error {
	s := &m.sources[i]
	var err error
	s.head, err, s.more = s.pull()
	if err == nil || !s.more {
		return nil
	}
	s.more = false
	if i > 0 && !errors.Is(err, context.Canceled) {
		s.Err, err = err, nil
	}
	return err
}

// best is the source of the next entry; -1 where there is none.
func (m *merge) best() int {
	best := -1
	for i, s := range m.sources {
		if s.more && (best < 0 || s.head.ID.Compare(m.sources[best].head.ID) > 0) {
			best = i
		}
	}
	return best
}

// next takes the next entry. There is one.
func (m *merge) next() (Entry, error) {
	best := m.best()
	e := m.sources[best].head
	return e, m.advance(best)
}

// rest is where to go on behind an entry that was taken. Of a desk whose trail could not be
// read all is tried again.
func (m *merge) rest(last events.ID, identity string) cursor {
	c := cursor{before: last, Identity: identity}
	if len(m.sources) > 1 {
		c.Runs = make(map[string]uint64, len(m.sources)-1)
	}
	for _, s := range m.sources[1:] {
		if s.more {
			c.Runs[s.Device] = *s.at
		} else if s.Err == nil {
			c.Runs[s.Device] = 0
		}
	}
	return c
}

func (m *merge) stop() {
	for _, s := range m.sources {
		if s.stop != nil {
			s.stop()
		}
	}
}

// over reports whether nothing that is wanted was kept before an id: no entry is later than
// its id.
func (q Query) over(id events.ID) bool { return !q.From.IsZero() && id.Time().Before(q.From) }

func (q Query) matches(e Entry) bool {
	return (q.Patient == "" || slices.Contains(e.Patients, q.Patient)) &&
		(q.Agent == "" || q.Agent == e.Agent) &&
		(q.What == "" || q.What == e.What || strings.HasPrefix(e.What, q.What+"/")) &&
		(q.From.IsZero() || !e.At.Before(q.From)) && (q.Before.IsZero() || e.At.Before(q.Before))
}
