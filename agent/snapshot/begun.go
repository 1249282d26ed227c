package snapshot

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"time"

	"github.com/carelog/carelog/events"
)

// keepAfter is how long a part may be under way before what came of it is kept on the disk: so much is
// lost by a kill, and a fast line, on which no part takes as long, writes nothing twice: with a tenth of a second
// a million events on loopback took a fifth longer.
const keepAfter = 500 * time.Millisecond

// begun is what came of a part that is not whole, in a file beside that of the snapshot. What is not
// right there ends it: the disk is not waited for, and a power cut may have spoilt it.
type begun struct {
	path    string
	began   time.Time
	file    *os.File             // nil: nothing was written yet
	written int64                // bytes of the part
	came    []events.ObjectPlace // ends of the pieces that are not written yet
}

// A piece in the file: its place in the server's store, its length and its CRC-32, big-endian, and its bytes.
const pieceHead = 8 + 4 + 4

// openBegun returns what is kept at path, of a part of at most so many bytes, in room where that is enough.
func openBegun(path string, room []byte, most int64) (b *begun, sealed []byte, read events.ObjectPlace, err error) {
	b, sealed = &begun{path: path, began: time.Now()}, room[:0]
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return b, sealed, read, nil
	}
	if err != nil {
		return nil, nil, read, err
	}
	right := 0
	for rest := text; len(rest) >= pieceHead; rest = text[right:] {
		size := int64(binary.BigEndian.Uint32(rest[8:]))
		if size > int64(len(rest)-pieceHead) || read.Bytes+size > most || crc32.ChecksumIEEE(rest[pieceHead:pieceHead+size]) != binary.BigEndian.Uint32(rest[12:]) {
			break
		}
		sealed = append(sealed, rest[pieceHead:pieceHead+size]...)
		read = events.ObjectPlace{Bytes: read.Bytes + size, Sequence: binary.BigEndian.Uint64(rest)}
		right += pieceHead + int(size)
	}
	if b.file, err = os.OpenFile(path, os.O_WRONLY, 0o600); err != nil {
		return nil, nil, read, err
	}
	err = b.file.Truncate(int64(right))
	if err == nil {
		_, err = b.file.Seek(int64(right), 0)
	}
	if err != nil {
		return nil, nil, read, errors.Join(err, b.file.Close())
	}
	b.written = read.Bytes
	return b, sealed, read, nil
}

// add keeps what came of a part, up to a place.
func (b *begun) add(sealed []byte, read events.ObjectPlace) (err error) {
	b.came = append(b.came, read)
	if time.Since(b.began) < keepAfter {
		return nil
	}
	if b.file == nil {
		if b.file, err = os.OpenFile(b.path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600); err != nil {
			return err
		}
	}
	for _, to := range b.came {
		piece := sealed[b.written:to.Bytes]
		head := binary.BigEndian.AppendUint64(nil, to.Sequence)
		head = binary.BigEndian.AppendUint32(head, uint32(len(piece)))
		head = binary.BigEndian.AppendUint32(head, crc32.ChecksumIEEE(piece))
		for _, text := range [][]byte{head, piece} {
			if _, err := b.file.Write(text); err != nil {
				return err
			}
		}
		b.written = to.Bytes
	}
	b.came = b.came[:0]
	return nil
}

// close leaves the file for another try.
func (b *begun) close() error {
	if b.file == nil {
		return nil
	}
	return b.file.Close()
}

// drop removes what is kept of a part, if anything is.
func drop(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove what was kept of a part: %w", err)
	}
	return nil
}
