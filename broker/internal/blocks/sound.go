package blocks

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"

	"github.com/minio/highwayhash"
)

// Message is one that is as it was written.
type Message struct {
	Sequence uint64
	Subject  string
	Data     []byte // of the buffer
}

// Sound gives the messages of a file that are as they were written, without their headers: also
// those that stand behind a damaged place, which the server cuts off with it. removed gets the
// sequences of messages that the file says were taken out, wherever these stand. A file that is gone has none.
//
// Errors: ErrCompressed, and those of reading.
func (f File) Sound(buffer *[]byte, sound func(Message), removed func(sequence uint64)) error {
	content, err := f.read(buffer)
	if err != nil {
		return err
	}
	hash, err := f.hash(content)
	if err != nil {
		return err
	}
	for _, r := range records(content, hash) {
		if r.sequence&notThere == 0 {
			sound(Message{Sequence: r.sequence, Subject: string(r.subject), Data: r.body()})
		} else {
			removed(r.sequence &^ notThere)
		}
	}
	return nil
}

// Mended is a file without what is not as it was written in it.
type Mended struct {
	Content []byte // what is sound, as it stood; of the buffer
	Cut     int    // bytes that are not
	Torn    bool   // these are nothing but the beginning of a message at the end, as a power cut leaves it
	Alone   bool   // these are one message, by its length, and there was no other
}

// Mend gives what a file has but for what is damaged in it, as a file that the server reads: it takes
// the numbers that are missing for those of messages that are gone. Without it the server cuts off all that
// stands behind the damage, or does not notice it, and serves what is around it. A file that is gone has nothing.
//
// Errors: ErrCompressed, and those of reading.
func (f File) Mend(buffer *[]byte) (m Mended, err error) {
	content, err := f.read(buffer)
	if err != nil {
		return Mended{}, err
	}
	hash, err := f.hash(content)
	if err != nil {
		return Mended{}, err
	}
	end := 0
	m.Content = content[:0] // what is sound only ever moves to the front, over what was looked at
	for at, r := range records(content, hash) {
		m.Content = append(m.Content, content[at:at+r.length]...)
		end = at + r.length
	}
	m.Cut = len(content) - len(m.Content)
	last, whole := first(content[end:])
	m.Torn = m.Cut > 0 && m.Cut == len(content)-end && !whole
	m.Alone = m.Cut > 0 && m.Cut == len(content) && whole && last.length == len(content)
	return m, nil
}

// Indexed reports whether the index beside the newest file of a stream was written with that as it ends now. The server then reads
// none of the files when it starts; else it reads all, and cuts each off at its first damage.
func (f File) Indexed() (bool, error) {
	index, err := os.ReadFile(filepath.Join(filepath.Dir(f.Path), IndexFile))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	file, err := os.Open(f.Path)
	if err != nil {
		return false, err
	}
	defer file.Close()
	var last [checksumBytes]byte
	if _, err := file.Seek(-checksumBytes, io.SeekEnd); err == nil { // else it is shorter
		if _, err := io.ReadFull(file, last[:]); err != nil {
			return false, err
		}
	}
	end := len(index) - checksumBytes // behind it stands the index's own checksum
	return bytes.HasSuffix(index[:max(0, end)], last[:]), nil
}

// IndexFile is what the server knows of a stream's files, beside them; without it the server reads them.
const IndexFile = "index.db"

// records are those that are as they were written, also behind a damaged place, each with where it begins.
func records(content []byte, hash *highwayhash.Digest64) iter.Seq2[int, record] {
	return func(yield func(int, record) bool) {
		for at := 0; at < len(content); {
			r, ok := first(content[at:])
			if !ok || r.sequence&^notThere > believable || r.sum(hash) != r.checksum {
				at++ // a message may begin anywhere behind the damage
				continue
			}
			if !yield(at, r) {
				return
			}
			at += r.length
		}
	}
}

// believable bounds a sequence, so that noise is seldom hashed to find that it is no message.
const believable = 1 << 48

// body is the message without its headers. Where these end it finds out by itself: their length
// is what no checksum covers.
func (r record) body() []byte {
	const begin, end = "NATS/1.0", "\r\n\r\n"
	if !r.headers || !bytes.HasPrefix(r.rest, []byte(begin)) {
		return r.rest
	}
	_, body, _ := bytes.Cut(r.rest, []byte(end))
	return body
}
