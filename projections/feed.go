package projections

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/carelog/carelog/events"
)

// Mark is a place in the feed of what came here. Its numbers are those of one file: a
// mark of a file that was rebuilt or replaced since, or whose last changes a crash may
// have undone, is known as such. The zero Mark is the beginning.
type Mark struct {
	Feed    string
	Arrival int64
}

// feedLength is that of Mark.Feed, in characters.
const feedLength = 16

// String writes the mark as one word for a URL or a header.
func (m Mark) String() string { return m.Feed + "." + strconv.FormatInt(m.Arrival, 10) }

// ParseMark reads what String wrote. ErrCursor where it is no mark.
func ParseMark(text string) (Mark, error) {
	feed, number, ok := strings.Cut(text, ".")
	arrival, err := strconv.ParseInt(number, 10, 64)
	m := Mark{Feed: feed, Arrival: arrival}
	raw, notHex := hex.DecodeString(feed)
	if !ok || err != nil || notHex != nil || arrival < 0 || len(raw) != feedLength/2 || m.String() != text {
		return Mark{}, fmt.Errorf("%w: %.60q", ErrCursor, text)
	}
	return m, nil
}

// ErrFeed says that a mark is of another file than stands here now: what came since
// cannot be told from it.
var ErrFeed = errors.New("the records were built anew or replaced since this place was noted: numbers of arrival from before mean nothing any more")

// giveFeed names the numbering of a new file, and anew where a crash may have lost
// changes that somebody saw: their numbers are given once more.
var giveFeed = &statement{"UPDATE store SET feed = ? WHERE feed = '' OR clean = 0"}

func newFeed() string {
	raw := make([]byte, feedLength/2)
	_, _ = rand.Read(raw) // never fails
	return hex.EncodeToString(raw)
}

// numbering is what every question needs to know of the file that it reads.
type numbering struct {
	feed  string
	began int64 // nothing came here before
}

var selectNumbering = &statement{"SELECT feed, began FROM store"}

func (w *writer) numbering() (n numbering, err error) {
	_, err = w.one(selectNumbering, nil, &n.feed, &n.began)
	return n, err
}

// End is the place in the feed after all that came here.
func (s *Store) End(ctx context.Context) (end Mark, err error) {
	err = s.view(ctx, "find the end of the feed", func(v *view) error {
		end, _, err = v.end()
		return err
	})
	return end, err
}

// end is the end of the feed, and the time of the last change: whatever comes later has
// that time or a later one.
func (v *view) end() (end Mark, arrived int64, err error) {
	end.Feed = v.feed
	_, err = v.one("SELECT arrival, max(arrived, began) FROM store", nil, &end.Arrival, &arrived)
	return end, arrived, err
}

// check is ErrFeed where a mark is not of this file.
func (v *view) check(m Mark) error {
	if m.Arrival == 0 {
		return nil
	}
	end, _, err := v.end()
	if err == nil && (m.Feed != end.Feed || m.Arrival > end.Arrival) {
		err = ErrFeed
	}
	return err
}

// Changes is what came here after a mark, at most limit of it (0 means DefaultLimit,
// MaxLimit is the most), in order. An event comes once when it is new, and again when
// its verdict changed, for better or worse, or when it is taken out. ErrFeed where the mark is not of the
// file that stands here.
func (s *Store) Changes(ctx context.Context, after Mark, limit int) ([]Change, error) {
	var list []Change
	err := s.view(ctx, "list what is new", func(v *view) error {
		if err := v.check(after); err != nil {
			return err
		}
		return v.each(`SELECT e.arrival, r.type, r.id, d.patient, e.id, e.type, v.id, e.author, e.sequence, e.arrived, e.doubt, 0
			FROM event e JOIN record r ON r.key = e.record JOIN dossier d ON d.key = e.dossier JOIN device v ON v.key = e.device
			WHERE e.arrival > ?1
			UNION ALL
			SELECT n.arrival, n.type, n.id, n.patient, n.event, n.what, n.device, n.author, ifnull(e.sequence, 0), n.arrived, ifnull(e.doubt, ''), n.removed
			FROM notice n LEFT JOIN event e ON e.id = n.event WHERE n.arrival > ?1
			ORDER BY 1 LIMIT ?2`, []any{after.Arrival, bound(limit)}, func(scan func(...any) error) error {
			var c Change
			var id []byte
			var sequence, arrived int64
			if err := scan(&c.Mark.Arrival, &c.Record.Type, &c.Record.ID, &c.Patient, &id, &c.Type, &c.Device, &c.Author,
				&sequence, &arrived, &c.Doubt, &c.Removed); err != nil {
				return err
			}
			c.Mark.Feed = v.feed
			c.Event, c.Sequence, c.Arrived = events.ID(id), confirmed(sequence), v.moment(arrived)
			list = append(list, c)
			return nil
		})
	})
	return list, err
}

// bound brings a limit within what a page may hold.
func bound(limit int) int {
	if limit <= 0 {
		return DefaultLimit
	}
	return min(limit, MaxLimit)
}
