package projections

import "github.com/carelog/carelog/events"

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
func MakeCursor(label string, r events.Record) string { return cursor{label, r}.String() }

// HeaderRoundTrip reads packed headers and writes them again.
func HeaderRoundTrip(packed []byte) ([]byte, error) {
	h, err := unpackHeader(packed)
	return packHeader(h), err
}
