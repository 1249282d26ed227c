package projections

import "github.com/carelog/carelog/events"

// CursorRoundTrip reads a cursor and writes it again.
func CursorRoundTrip(s string) (string, error) {
	c, err := parseCursor(s)
	return c.String(), err
}

// MakeCursor writes a cursor.
func MakeCursor(order string, key []byte, r events.Record) string {
	return cursor{order, key, r}.String()
}

// SetBounds makes searches do with less than usual.
func (s *Store) SetBounds(counted, examined, step int) { s.bounds = bounds{counted, examined, step} }

// HeaderRoundTrip reads packed headers and writes them again.
func HeaderRoundTrip(packed []byte) ([]byte, error) {
	h, err := unpackHeader(packed)
	return packHeader(h), err
}

// SetMany says from how many entries on the records of a batch are indexed later.
func (s *Store) SetMany(n int) { s.many = n }
