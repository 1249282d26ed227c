package events

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/oklog/ulid/v2"
)

// ID identifies an event: a ULID, 48 bits of milliseconds and 80 of chance.
// Ids compare as bytes, and an id is always greater than those of its parents.
type ID [16]byte

// String returns the 26 characters of the ULID, in capitals.
func (id ID) String() string { return ulid.ULID(id).String() }

// append appends what String returns.
func (id ID) append(b []byte) []byte {
	b = append(b, make([]byte, ulid.EncodedSize)...)
	if err := ulid.ULID(id).MarshalTextTo(b[len(b)-ulid.EncodedSize:]); err != nil {
		panic(err) // only a buffer of another size is an error
	}
	return b
}

// IsZero reports whether id was never set.
func (id ID) IsZero() bool { return id == ID{} }

// Time returns the time in the id. It orders; it does not tell when a thing was done.
func (id ID) Time() time.Time { return ulid.Time(ulid.ULID(id).Time()) }

// Compare orders ids: -1, 0 or +1.
func (id ID) Compare(other ID) int { return ulid.ULID(id).Compare(ulid.ULID(other)) }

// MarshalText writes the id as String does.
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (id *ID) UnmarshalText(text []byte) error {
	parsed, err := ParseID(string(text))
	if err != nil {
		return err
	}
	*id = parsed
	return nil
}

// ParseID reads an event id. Only the canonical form, in capitals, is accepted:
// two spellings of one id would be two versions to a cache and one to us.
func ParseID(s string) (ID, error) {
	u, err := ulid.ParseStrict(s)
	var space [ulid.EncodedSize]byte
	if err != nil || string(ID(u).append(space[:0])) != s {
		return ID{}, fmt.Errorf("%q is no event id: want the 26 capitals and digits of a ULID", clip(s))
	}
	return ID(u), nil
}

// ErrClockExhausted says that an id can have no successor: its time is the last
// one that a ULID can hold, in the year 10889.
var ErrClockExhausted = errors.New("a parent's id lies at the end of time, so no later id exists: the record can only be read")

// Clock makes ids. It is a hybrid logical clock without memory: the time of an id
// is the PC's own, or one millisecond after the latest parent where that is later.
// So a dossier touched by a clock two years ahead stays in order, and no other
// dossier is carried along. Safe for use by several goroutines if now and entropy are.
type Clock struct {
	now     func() time.Time
	entropy io.Reader
}

// NewClock returns a clock that reads the time from now and chance from entropy;
// nil means time.Now and crypto/rand.
func NewClock(now func() time.Time, entropy io.Reader) *Clock {
	if now == nil {
		now = time.Now
	}
	if entropy == nil {
		entropy = rand.Reader
	}
	return &Clock{now: now, entropy: entropy}
}

// Now is the PC's time, in UTC and whole milliseconds, as an event carries it.
func (c *Clock) Now() time.Time {
	t := c.now().UTC().Truncate(time.Millisecond)
	switch {
	case t.Before(earliest):
		return earliest
	case t.After(latest):
		return latest
	}
	return t
}

// Next returns a new id, greater than each of parents.
func (c *Clock) Next(parents ...ID) (ID, error) {
	var ms uint64
	if now := c.Now(); now.After(time.UnixMilli(0)) {
		ms = uint64(now.UnixMilli())
	}
	for _, p := range parents {
		ms = max(ms, ulid.ULID(p).Time()+1)
	}
	if ms > ulid.MaxTime() {
		return ID{}, ErrClockExhausted
	}
	u, err := ulid.New(ms, c.entropy)
	if err != nil {
		return ID{}, fmt.Errorf("make an event id: %w", err)
	}
	return ID(u), nil
}

// The range of times that RFC 3339 can write.
var (
	earliest = time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)
	latest   = time.Date(9999, 12, 31, 23, 59, 59, 999_000_000, time.UTC)
)

// clip keeps a quoted value in an error message short.
func clip(s string) string {
	if len(s) > 80 {
		return s[:80] + "…"
	}
	return s
}
