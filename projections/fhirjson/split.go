package fhirjson

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"errors"
	"io"

	"github.com/carelog/carelog/events"
)

// SplitContent reads a Binary as it is sent, writes the bytes that its data holds to
// content, and returns the rest, with an empty member _data in place of data. found
// says whether there was any data. Memory is bounded by the rest, of at most
// events.MaxPlain bytes, however much content there is. The rest is as sound as what was
// sent: Check tells. Beside those of reading and writing every error is an *Error.
func SplitContent(r io.Reader, content io.Writer) (rest []byte, found bool, err error) {
	s := splitter{r: bufio.NewReaderSize(r, 64<<10), content: content}
	err = s.run()
	return s.rest, s.found, err
}

type splitter struct {
	r       *bufio.Reader
	content io.Writer
	rest    []byte
	found   bool
}

func (s *splitter) run() error {
	for depth := 0; ; {
		b, err := s.r.ReadByte()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if len(s.rest) >= events.MaxPlain {
			return &Error{Reason: "it is too large beside its data", TooLarge: true}
		}
		from := len(s.rest)
		s.rest = append(s.rest, b)
		switch b {
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		case '"':
			if err := s.string(); err != nil {
				return err
			}
			if depth == 1 && string(s.rest[from:]) == `"data"` {
				if err := s.member(from); err != nil {
					return err
				}
			}
		}
	}
}

// string copies a string that has begun, up to its end or that of the body.
func (s *splitter) string() error {
	for escaped := false; ; {
		b, err := s.r.ReadByte()
		if errors.Is(err, io.EOF) {
			return nil // Check says so
		}
		if err != nil {
			return err
		}
		if len(s.rest) >= events.MaxPlain {
			return &Error{Reason: "it is too large beside its data", TooLarge: true}
		}
		s.rest = append(s.rest, b)
		switch {
		case escaped:
			escaped = false
		case b == '\\':
			escaped = true
		case b == '"':
			return nil
		}
	}
}

// member takes the content out of the member data, whose name stands at from. What is
// no name, or has no string, stays as it is.
func (s *splitter) member(from int) error {
	for _, want := range []byte{':', '"'} {
		b, err := s.behindSpace()
		if err != nil || b != want {
			return err
		}
		if want == '"' {
			break
		}
		s.take()
	}
	if s.found {
		return &Error{Path: "Binary.data", Reason: `the name "data" stands twice`}
	}
	s.found = true
	s.rest = bytes.Join([][]byte{s.rest[:from], []byte(`"_data"`), s.rest[from+len(`"data"`):], []byte("{}")}, nil)
	_, _ = s.r.Discard(1) // the quote that was looked at
	return s.base64()
}

// behindSpace copies white space, and looks at what comes next; 0 at the end of the body.
func (s *splitter) behindSpace() (byte, error) {
	for {
		next, err := s.r.Peek(1)
		if errors.Is(err, io.EOF) {
			return 0, nil
		}
		if err != nil {
			return 0, err
		}
		if bytes.IndexByte([]byte(" \n\r\t"), next[0]) < 0 || len(s.rest) >= events.MaxPlain {
			return next[0], nil
		}
		s.take()
	}
}

// take copies the byte that was looked at.
func (s *splitter) take() {
	b, _ := s.r.ReadByte()
	s.rest = append(s.rest, b)
}

// base64 decodes up to the quote that ends the string.
func (s *splitter) base64() error {
	d := decoder{w: s.content}
	for {
		next, err := s.r.Peek(1)
		if err == nil {
			next, err = s.r.Peek(s.r.Buffered())
		}
		if errors.Is(err, io.EOF) {
			return &Error{Path: "Binary.data", Reason: "it ends too early"}
		}
		if err != nil {
			return err
		}
		stop := bytes.IndexAny(next, `"\`)
		if stop < 0 {
			stop = len(next)
		}
		if err := d.write(next[:stop]); err != nil {
			return err
		}
		if stop == len(next) {
			_, _ = s.r.Discard(stop)
			continue
		}
		end := next[stop] == '"'
		_, _ = s.r.Discard(stop + 1)
		if end {
			return d.close()
		}
		if err := s.escape(&d); err != nil {
			return err
		}
	}
}

// escape reads what stands behind a backslash in base64: some programs write a solidus
// so, and FHIR allows white space.
func (s *splitter) escape(d *decoder) error {
	b, err := s.r.ReadByte()
	switch {
	case errors.Is(err, io.EOF):
		return &Error{Path: "Binary.data", Reason: "it ends too early"}
	case err != nil:
		return err
	case b == '/':
		return d.write([]byte("/"))
	case b == 'n' || b == 'r' || b == 't':
		return nil
	}
	return &Error{Path: "Binary.data", Reason: "it is not base64: write it without escapes"}
}

// decoder decodes base64 that comes in parts.
type decoder struct {
	w     io.Writer
	text  []byte // not decoded yet
	plain []byte
	ended bool // by padding
}

func (d *decoder) write(part []byte) error {
	for _, b := range part {
		if b == ' ' {
			continue
		}
		if b < ' ' { // the decoder would pass over a line end, which JSON does not have here
			return errNotBase64
		}
		d.text = append(d.text, b)
	}
	return d.flush(len(d.text) &^ 3)
}

func (d *decoder) close() error {
	if len(d.text) > 0 {
		return errNotBase64
	}
	return nil
}

// flush decodes the first n bytes of the text, which are whole groups.
func (d *decoder) flush(n int) error {
	if n == 0 {
		return nil
	}
	if d.ended {
		return errNotBase64
	}
	d.ended = d.text[n-1] == '='
	if need := base64.StdEncoding.DecodedLen(n); cap(d.plain) < need {
		d.plain = make([]byte, need)
	}
	size, err := base64.StdEncoding.Strict().Decode(d.plain[:cap(d.plain)], d.text[:n])
	if err != nil {
		return errNotBase64
	}
	d.text = append(d.text[:0], d.text[n:]...)
	_, err = d.w.Write(d.plain[:size])
	return err
}

var errNotBase64 = &Error{Path: "Binary.data", Reason: "it is not base64 with its padding (RFC 4648, section 4)"}
