package trail

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/carelog/carelog/events"
)

// cursor is where a page of a search begins: before an entry, and, so that no run is read
// for it that has nothing more to give, at which run of each other desk.
type cursor struct {
	before   events.ID         // zero: from the end
	Identity string            `json:"of"`   // of what keeps the runs; they have other numbers elsewhere
	Runs     map[string]uint64 `json:"runs"` // by device; 0: nothing of it is left
}

// maxCursor bounds a cursor, in bytes: a practice has tens of desks.
const maxCursor = 32 << 10

// String writes the cursor as one word for a URL.
func (c cursor) String() string {
	if len(c.Runs) == 0 {
		return c.before.String()
	}
	text, err := json.Marshal(c)
	if err != nil {
		panic(err) // strings and numbers always marshal
	}
	return c.before.String() + "." + base64.RawURLEncoding.EncodeToString(text)
}

// parseCursor reads what String wrote, and nothing else.
func parseCursor(s string) (c cursor, err error) {
	if s == "" {
		return c, nil
	}
	id, runs, has := strings.Cut(s, ".")
	if len(s) > maxCursor {
		return c, fmt.Errorf("%w: it has %d bytes", ErrCursor, len(s))
	}
	if has {
		text, err := base64.RawURLEncoding.Strict().DecodeString(runs)
		if err == nil {
			err = json.Unmarshal(text, &c)
		}
		if err != nil {
			return cursor{}, fmt.Errorf("%w: %w", ErrCursor, err)
		}
	}
	if c.before, err = events.ParseID(id); err != nil {
		return cursor{}, fmt.Errorf("%w: %w", ErrCursor, err)
	}
	if c.String() != s {
		return cursor{}, fmt.Errorf("%w: %q", ErrCursor, s)
	}
	return c, nil
}
