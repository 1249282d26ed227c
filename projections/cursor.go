package projections

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"unicode/utf8"

	"github.com/carelog/carelog/events"
)

// cursor is the place of a record in the order of a search, not a count: what comes in
// or goes out before it moves no page.
type cursor struct {
	label  string
	record events.Record
}

// String writes the cursor as one word for a URL.
func (c cursor) String() string {
	text, err := json.Marshal([3]string{c.label, c.record.Type, c.record.ID})
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
	var parts [3]string
	if err := json.Unmarshal(text, &parts); err != nil {
		return fail(err)
	}
	c := cursor{label: parts[0], record: events.Record{Type: parts[1], ID: parts[2]}}
	if err := c.record.Validate(); err != nil {
		return fail(err)
	}
	if len(c.label) > maxLabel || !utf8.ValidString(c.label) || c.String() != s {
		return fail(fmt.Errorf("%q", s))
	}
	return c, nil
}
