package projections

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"unicode/utf8"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections/fhirsearch"
)

// cursor is the place of a record in the order of a search, not a count: what comes in
// or goes out before it moves no page.
type cursor struct {
	order  string
	key    []byte // nil: nothing to be ordered by
	record events.Record
}

// String writes the cursor as one word for a URL.
func (c cursor) String() string {
	text, err := json.Marshal([4]string{c.order, fhirsearch.KeyText(c.key), c.record.Type, c.record.ID})
	if err != nil {
		panic(err) // strings always marshal
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

// parseCursor reads what String wrote, and nothing else.
func parseCursor(s string) (cursor, error) {
	fail := func(err error) (cursor, error) { return cursor{}, fmt.Errorf("%w: %w", ErrCursor, err) }
	if len(s) > 1024 {
		return fail(fmt.Errorf("%d bytes", len(s)))
	}
	text, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil {
		return fail(err)
	}
	var parts [4]string
	if err := json.Unmarshal(text, &parts); err != nil {
		return fail(err)
	}
	c := cursor{order: parts[0], record: events.Record{Type: parts[2], ID: parts[3]}}
	if err := c.record.Validate(); err != nil {
		return fail(err)
	}
	var ok bool
	if c.key, ok = fhirsearch.ParseKey(parts[1]); !ok || len(c.key) > maxLabel || !utf8.ValidString(c.order) || c.String() != s {
		return fail(fmt.Errorf("%q", s))
	}
	return c, nil
}

// arrivalOf is what a key of arrivals was made of.
func arrivalOf(key []byte) int64 {
	if len(key) != 8 {
		return 0
	}
	return int64(binary.BigEndian.Uint64(key))
}
