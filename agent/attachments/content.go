package attachments

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/carelog/carelog/events"
)

// Content reads an attachment. It is used by one goroutine, and must be closed.
type Content struct {
	ctx    context.Context // of the one who reads: Read has none of its own
	entry  *entry
	at     int64
	buffer []byte
	number int    // of the piece in plain
	plain  []byte // in buffer
}

// Open returns the content of an attachment. Nothing is fetched before it is read. What
// is not here is waited for as long as ctx lasts; Read then fails with ErrAway, ErrUnsent,
// ErrNoRoom, *events.DamagedError, or as the server does.
func (s *Store) Open(ctx context.Context, seal *events.PieceSeal) (*Content, error) {
	e, _, err := s.acquire(seal)
	if err != nil {
		return nil, err
	}
	return &Content{ctx: ctx, entry: e, number: -1, buffer: make([]byte, stride)}, nil
}

// Attachment is what is read.
func (c *Content) Attachment() events.Attachment { return c.entry.seal.Attachment() }

// Read reads on from the place that was sought.
func (c *Content) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if c.at >= c.Attachment().Size {
		return 0, io.EOF
	}
	if number := int(c.at / events.PieceSize); number != c.number {
		c.number = -1
		plain, err := c.entry.piece(c.ctx, number, c.buffer)
		if err != nil {
			return 0, fmt.Errorf("read attachment %s: %w", c.Attachment().Name, err)
		}
		c.number, c.plain = number, plain
	}
	n := copy(p, c.plain[c.at%events.PieceSize:])
	c.at += int64(n)
	return n, nil
}

// Await waits until the byte at the place that was sought can be read.
func (c *Content) Await() error {
	at := c.at
	_, err := c.Read(make([]byte, 1))
	c.at = at
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// Seek is io.Seeker.
func (c *Content) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += c.at
	case io.SeekEnd:
		offset += c.Attachment().Size
	}
	if offset < 0 {
		return 0, fmt.Errorf("read attachment %s: there is no place %d", c.Attachment().Name, offset)
	}
	c.at = offset
	return offset, nil
}

// Close ends the reading, and a fetch that nobody else waits for; what has come of it stays.
func (c *Content) Close() error { return c.entry.store.release(c.entry) }
