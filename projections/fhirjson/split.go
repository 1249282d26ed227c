package fhirjson

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"

	"github.com/carelog/carelog/events"
)

// SplitContent reads a Binary as it is sent, writes the bytes that its data holds to
// content, and returns the rest, with an empty member _data in place of data. found
// says whether there was any data. Memory is bounded by the rest, of at most
// events.MaxPlain bytes, however much content there is. The rest is as sound as what was
// sent: Check tells. Beside those of reading and writing every error is an *Error.
func SplitContent(r io.Reader, content io.Writer) (rest []byte, found bool, err error) {
	s := splitter{r: bufio.NewReaderSize(r, 64<<10)}
	s.data = func(from int) error {
		if len(s.open) != 1 {
			return nil
		}
		s.where = "Binary.data"
		if found {
			return s.fault(`the name "data" stands twice`)
		}
		found = true
		s.rest = bytes.Join([][]byte{s.rest[:from], []byte(`"_data"`), s.rest[from+len(`"data"`):], []byte("{}")}, nil)
		return s.base64(content)
	}
	err = s.run()
	return s.rest, found, err
}

// Inline says which contents SplitContents takes out of a body.
type Inline struct {
	In     func(name string) bool // those in the member data of the value, or of a value of the list, that stands under such a name
	Longer int                    // and that have more than so many bytes, as they stand there between the quotes
	// Take returns where a content goes, and the string that stands in its place from then on, which
	// needs no escapes.
	Take func() (content io.Writer, ticket string, err error)
}

// SplitContents reads a resource, or several within one, as they are sent, and takes contents in
// base64 out of it. Memory is bounded by the rest, of at most events.MaxPlain bytes. The rest is as
// sound as what was sent: Check tells; in place of what is no base64 stands its beginning, and a mark
// that makes it none. Beside those of reading, writing and Take every error is an *Error.
func SplitContents(r io.Reader, in Inline) (rest []byte, err error) {
	// What is shorter has none, and is nearly all that is ever sent.
	head, err := io.ReadAll(io.LimitReader(r, int64(in.Longer)))
	if err != nil || len(head) < in.Longer {
		return head, err
	}
	s := splitter{r: bufio.NewReaderSize(io.MultiReader(bytes.NewReader(head), r), in.Longer+2)}
	s.data = func(int) error {
		if !in.In(s.holder()) {
			return nil
		}
		text, err := s.r.Peek(in.Longer + 2) // with the quotes around it
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil || bytes.IndexByte(text[1:], '"') >= 0:
			return err
		}
		content, ticket, err := in.Take()
		if err != nil {
			return err
		}
		begins := alphabet(text[1:33])
		var wrong *Error
		switch err := s.base64(content); {
		case errors.As(err, &wrong):
			if err := s.skip(); err != nil {
				return err
			}
			ticket = begins + "…"
		case err != nil:
			return err
		}
		s.rest = append(append(append(s.rest, '"'), ticket...), '"')
		return nil
	}
	err = s.run()
	return s.rest, err
}

// splitter copies a body, but for what data takes out of it.
type splitter struct {
	r     *bufio.Reader
	rest  []byte
	open  []container // those that the place is in
	name  string      // of the member whose value comes next
	where string      // the content that is being taken out
	ended bool        // its last quote was read
	// data is called before a string under the name data, which stands at from in the rest; the
	// reader stands at its first quote. What it takes of it does not come into the rest.
	data func(from int) error
}

// container is an object or an array.
type container struct {
	name  string // under which it stands; empty in an array
	array bool
}

var errRest = &Error{Reason: "it is too large beside its data", TooLarge: true}

func (s *splitter) run() error {
	for {
		b, err := s.r.ReadByte()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if len(s.rest) >= events.MaxPlain {
			return errRest
		}
		s.rest = append(s.rest, b)
		switch b {
		case '{', '[':
			if len(s.open) == 2*MaxDepth {
				return &Error{Reason: fmt.Sprintf("it is nested more than %d deep", MaxDepth)}
			}
			s.open = append(s.open, container{name: s.name, array: b == '['})
			s.name = ""
		case '}', ']':
			if len(s.open) > 0 {
				s.open = s.open[:len(s.open)-1]
			}
		case ',':
			s.name = ""
		case '"':
			from := len(s.rest) - 1
			if err := s.string(); err != nil {
				return err
			}
			if err := s.member(from); err != nil {
				return err
			}
		}
	}
}

// string copies a string that has begun, up to its end or that of the body.
func (s *splitter) string() error {
	for {
		piece, err := s.r.ReadSlice('"')
		if len(s.rest)+len(piece) > events.MaxPlain {
			return errRest
		}
		s.rest = append(s.rest, piece...)
		switch {
		case errors.Is(err, io.EOF):
			return nil // Check says so
		case err != nil && !errors.Is(err, bufio.ErrBufferFull):
			return err
		case err == nil && !s.escaped():
			return nil
		}
	}
}

// escaped reports whether the last byte of the rest, a quote, stands behind a backslash that is
// none itself.
func (s *splitter) escaped() bool {
	slashes := 0
	for i := len(s.rest) - 2; i >= 0 && s.rest[i] == '\\'; i-- {
		slashes++
	}
	return slashes%2 == 1
}

// member looks whether the string that stands at from is the name of a member, and what of.
func (s *splitter) member(from int) error {
	to := len(s.rest)
	if b, err := s.behindSpace(); err != nil || b != ':' {
		return err
	}
	if s.name = ""; to-from > 2 {
		s.name = string(s.rest[from+1 : to-1])
	}
	s.take()
	b, err := s.behindSpace()
	if err != nil || b != '"' {
		return err
	}
	if s.name == "data" {
		return s.data(from)
	}
	return nil
}

// holder is the name under which the object stands that the place is in, or the list that it is in.
func (s *splitter) holder() string {
	name := ""
	for i := len(s.open) - 1; i >= 0 && name == "" && (i == len(s.open)-1 || s.open[i].array); i-- {
		name = s.open[i].name
	}
	return name
}

func (s *splitter) fault(reason string) error { return &Error{Path: s.where, Reason: reason} }

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

// base64 decodes a string, from its first quote to its last.
func (s *splitter) base64(content io.Writer) error {
	_, _ = s.r.Discard(1) // the quote that was looked at
	s.ended = false
	d := decoder{w: content}
	for {
		next, err := s.r.Peek(1)
		if err == nil {
			next, err = s.r.Peek(s.r.Buffered())
		}
		if errors.Is(err, io.EOF) {
			return s.fault("it ends too early")
		}
		if err != nil {
			return err
		}
		stop := bytes.IndexAny(next, `"\`)
		if stop < 0 {
			stop = len(next)
		}
		if err := d.write(next[:stop]); err != nil {
			return s.undecoded(err)
		}
		if stop == len(next) {
			_, _ = s.r.Discard(stop)
			continue
		}
		end := next[stop] == '"'
		_, _ = s.r.Discard(stop + 1)
		if end {
			s.ended = true
			return s.undecoded(d.close())
		}
		if err := s.escape(&d); err != nil {
			return s.undecoded(err)
		}
	}
}

// skip passes over the rest of a string that is no base64.
func (s *splitter) skip() error {
	for escaped := false; !s.ended; {
		b, err := s.r.ReadByte()
		if errors.Is(err, io.EOF) {
			return nil // Check says so
		}
		if err != nil {
			return err
		}
		s.ended = b == '"' && !escaped
		escaped = b == '\\' && !escaped
	}
	return nil
}

// alphabet is the beginning of a text that could be base64.
func alphabet(text []byte) string {
	end := bytes.IndexFunc(text, func(r rune) bool {
		return (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '+' && r != '/'
	})
	if end < 0 {
		end = len(text)
	}
	return string(text[:end])
}

// undecoded says where what is no base64 stands.
func (s *splitter) undecoded(err error) error {
	if err == errNotBase64 {
		return s.fault(err.Error())
	}
	return err
}

// escape reads what stands behind a backslash in base64: some programs write a solidus
// so, and FHIR allows white space.
func (s *splitter) escape(d *decoder) error {
	b, err := s.r.ReadByte()
	switch {
	case errors.Is(err, io.EOF):
		return s.fault("it ends too early")
	case err != nil:
		return err
	case b == '/':
		return d.write([]byte("/"))
	case b == 'n' || b == 'r' || b == 't':
		return nil
	}
	return s.fault("it is not base64: write it without escapes")
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

var errNotBase64 = errors.New("it is not base64 with its padding (RFC 4648, section 4)")
