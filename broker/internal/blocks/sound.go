package blocks

import (
	"bytes"

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
	if bytes.HasPrefix(content, []byte(compressed)) {
		return ErrCompressed
	}
	hash, err := highwayhash.NewDigest64(f.key[:])
	if err != nil {
		return err
	}
	for at := 0; at < len(content); {
		r, ok := first(content[at:])
		if !ok || r.sequence&^notThere > believable || r.sum(hash) != r.checksum {
			at++ // a message may begin anywhere behind the damage
			continue
		}
		if r.sequence&notThere == 0 {
			sound(Message{Sequence: r.sequence, Subject: string(r.subject), Data: r.body()})
		} else {
			removed(r.sequence &^ notThere)
		}
		at += r.length
	}
	return nil
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
