package outbox

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/carelog/carelog/events"
)

// framed is the version of the form in which a message is kept:
//
//	version, one byte
//	length of the text
//	text: subject, number of values, and name and value of each, sorted by name
//	data, to the end
//
// where each string of the text stands after its length, and each number is a uvarint.
const framed = 1

// jsonBegin is the first byte of a message of schema 1.
const jsonBegin = '{'

// frame writes a message in the form of the file.
func frame(m events.Message) []byte {
	var space [2048]byte
	text, values := space[:0], 0
	for _, v := range m.Header {
		values += len(v)
	}
	text = binary.AppendUvarint(appendText(text, m.Subject), uint64(values))
	for _, name := range slices.Sorted(maps.Keys(m.Header)) {
		for _, v := range m.Header[name] {
			text = appendText(appendText(text, name), v)
		}
	}
	b := make([]byte, 0, 1+binary.MaxVarintLen32+len(text)+len(m.Data))
	b = binary.AppendUvarint(append(b, framed), uint64(len(text)))
	return append(append(b, text...), m.Data...)
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

var errFrame = errors.New("it is not framed as it should be")

// unframe reads what frame wrote. The message shares its data with b.
func unframe(b []byte) (events.Message, error) {
	if len(b) == 0 || b[0] != framed {
		return events.Message{}, fmt.Errorf("a message in the outbox: %w", errFrame)
	}
	size, n := binary.Uvarint(b[1:])
	if n <= 0 || size > uint64(len(b)-1-n) {
		return events.Message{}, fmt.Errorf("a message in the outbox: %w", errFrame)
	}
	rest := b[1+n:]
	r := reader{text: string(rest[:size])}
	m := events.Message{Subject: r.next(), Data: rest[size:]}
	count := r.number()
	if count > uint64(len(r.text)) { // each takes two bytes or more
		r.broken = true
	}
	if !r.broken {
		m.Header = make(map[string][]string, count)
		slots := make([]string, 0, count)
		for range count {
			name, value := r.next(), r.next()
			if earlier := m.Header[name]; len(earlier) > 0 {
				m.Header[name] = append(earlier, value)
				continue
			}
			slots = append(slots, value)
			m.Header[name] = slots[len(slots)-1 : len(slots) : len(slots)]
		}
	}
	if r.broken || r.text != "" {
		return events.Message{}, fmt.Errorf("a message in the outbox: %w", errFrame)
	}
	return m, nil
}

// reader takes the text of a frame apart.
type reader struct {
	text   string
	broken bool
}

func (r *reader) number() uint64 {
	var x uint64
	for i := range min(len(r.text), binary.MaxVarintLen64) {
		c := r.text[i]
		x |= uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			r.text = r.text[i+1:]
			return x
		}
	}
	r.broken, r.text = true, ""
	return 0
}

func (r *reader) next() string {
	n := r.number()
	if n > uint64(len(r.text)) {
		r.broken, r.text = true, ""
		return ""
	}
	s := r.text[:n]
	r.text = r.text[n:]
	return s
}

// unpack reads a message of either form.
func unpack(b []byte) (m events.Message, err error) {
	if len(b) == 0 || b[0] != jsonBegin {
		return unframe(b)
	}
	err = json.Unmarshal(b, &m)
	return m, err
}
