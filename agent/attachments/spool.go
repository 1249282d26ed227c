package attachments

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/internal/localdisk"
)

// Spool takes in a content before anything else is known of it. It is used by one
// goroutine, and must be closed. What is in it is on no disk for sure before Put.
type Spool struct {
	file *os.File
	hash hash.Hash
	size int64
}

// NewSpool returns an empty one; ErrNoRoom where the disk is nearly full.
func (s *Store) NewSpool() (*Spool, error) {
	free, err := localdisk.Free(s.path())
	if err != nil {
		return nil, fmt.Errorf("ask for the room on the disk: %w", err)
	}
	if free < s.config.Spare {
		return nil, fmt.Errorf("%w: %d MB are free", ErrNoRoom, free>>20)
	}
	f, err := os.CreateTemp(s.path(spoolFolder), "content-")
	if err != nil {
		return nil, fmt.Errorf("take in an attachment: %w", noRoom(err))
	}
	return &Spool{file: f, hash: sha256.New()}, nil
}

// Write adds to the content. Errors: events.ErrAttachmentSize where it gets too large,
// ErrNoRoom.
func (sp *Spool) Write(p []byte) (int, error) {
	if sp.size+int64(len(p)) > events.MaxAttachment {
		return 0, fmt.Errorf("take in an attachment: it is larger: %w", events.ErrAttachmentSize)
	}
	n, err := sp.file.Write(p)
	sp.size += int64(n)
	_, _ = sp.hash.Write(p[:n]) // never fails
	if err != nil {
		return n, fmt.Errorf("take in an attachment: %w", noRoom(err))
	}
	return n, nil
}

// Size is how many bytes it has.
func (sp *Spool) Size() int64 { return sp.size }

// Digest is that of what was written so far.
func (sp *Spool) Digest() events.Digest { return events.Digest(sp.hash.Sum(nil)) }

// Close removes it.
func (sp *Spool) Close() error {
	return errors.Join(sp.file.Close(), os.Remove(sp.file.Name()))
}

// reader reads what was written from its beginning.
func (sp *Spool) reader() io.Reader { return io.NewSectionReader(sp.file, 0, sp.size) }
