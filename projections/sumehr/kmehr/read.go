package kmehr

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Bounds of a message.
const (
	MaxSize     = 8 << 20 // bytes
	MaxDepth    = 64      // elements in one another
	MaxElements = 200_000
	maxAttrs    = 16 // of one element
)

// Errors that a caller may ask for; others wrap what the XML is wrong in.
var (
	ErrTooLarge   = errors.New("it is larger than any summary")
	ErrDoctype    = errors.New("it declares a document type, which KMEHR does not have: it is not read, since such a declaration can unfold without end")
	ErrNotMessage = errors.New("it is no KMEHR message")
)

// Read reads a message: the element kmehrmessage and all in it. UTF-8, ISO-8859-1 and
// Windows-1252 are understood.
func Read(message []byte) (*Element, error) {
	return ReadRoot(message, "kmehrmessage", Namespace)
}

// ReadRoot is Read for what begins with another element, such as an envelope around a
// message. The namespace of an element that is not that of the element around it stands in
// its attribute xmlns; the root has none where it is KMEHR's.
func ReadRoot(message []byte, name, space string) (*Element, error) {
	if len(message) > MaxSize {
		return nil, fmt.Errorf("read the KMEHR message: %w: at most %d MiB", ErrTooLarge, MaxSize>>20)
	}
	d := xml.NewDecoder(bytes.NewReader(message))
	d.CharsetReader = charset
	r := reader{Decoder: d, name: name, space: space}
	root, err := r.document()
	if err != nil {
		line, _ := d.InputPos()
		return nil, fmt.Errorf("read the KMEHR message, line %d: %w", line, err)
	}
	return root, nil
}

type reader struct {
	*xml.Decoder
	name, space string // of the root
	elements    int
	open        []*Element
	spaces      []string // namespaces of the open elements
	texts       [][]byte // of the open elements, since their last child
}

func (r *reader) document() (root *Element, err error) {
	for {
		token, err := r.Token()
		if err == io.EOF && root != nil {
			return root, nil
		}
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return nil, err
		}
		switch t := token.(type) {
		case xml.Directive:
			return nil, ErrDoctype
		case xml.StartElement:
			if root == nil {
				if t.Name.Local != r.name || t.Name.Space != r.space {
					return nil, fmt.Errorf("%w: it begins with %.60q", ErrNotMessage, t.Name.Local)
				}
			} else if len(r.open) == 0 {
				return nil, fmt.Errorf("there is more behind the message: %.60q", t.Name.Local)
			}
			e, err := r.start(t)
			if err != nil {
				return nil, err
			}
			if root == nil {
				root = e
			}
		case xml.EndElement:
			r.end()
		case xml.CharData:
			if len(r.open) > 0 {
				last := len(r.open) - 1
				r.texts[last] = append(r.texts[last], t...)
			} else if len(bytes.TrimSpace(t)) > 0 {
				return nil, errors.New("there is text outside of the message")
			}
		}
	}
}

// start begins an element within those that are open.
func (r *reader) start(t xml.StartElement) (*Element, error) {
	if r.elements++; r.elements > MaxElements {
		return nil, fmt.Errorf("%w: it has more than %d elements", ErrTooLarge, MaxElements)
	}
	if len(r.open) == MaxDepth {
		return nil, fmt.Errorf("%w: more than %d elements stand in one another", ErrTooLarge, MaxDepth)
	}
	if len(t.Attr) > maxAttrs {
		return nil, fmt.Errorf("%w: an element has %d attributes", ErrTooLarge, len(t.Attr))
	}
	e := &Element{Name: t.Name.Local}
	if len(r.open) > 0 {
		r.flush()
		last := len(r.open) - 1
		r.open[last].Children = append(r.open[last].Children, e)
		if t.Name.Space != r.spaces[last] {
			e.Attr = append(e.Attr, Attr{"xmlns", t.Name.Space})
		}
	} else if t.Name.Space != Namespace {
		e.Attr = append(e.Attr, Attr{"xmlns", t.Name.Space})
	}
	for _, a := range t.Attr {
		if a.Name.Space != "" || a.Name.Local == "xmlns" {
			continue
		}
		if slices.ContainsFunc(e.Attr, func(b Attr) bool { return b.Name == a.Name.Local }) {
			return nil, fmt.Errorf("the attribute %.40q stands twice in one element", a.Name.Local)
		}
		e.Attr = append(e.Attr, Attr{a.Name.Local, a.Value})
	}
	r.open, r.spaces, r.texts = append(r.open, e), append(r.spaces, t.Name.Space), append(r.texts, nil)
	return e, nil
}

// flush keeps a text that stands before a child; white space there is only layout.
func (r *reader) flush() {
	last := len(r.open) - 1
	if text := string(r.texts[last]); strings.TrimSpace(text) != "" {
		r.open[last].Children = append(r.open[last].Children, &Element{Text: text})
	}
	r.texts[last] = nil
}

func (r *reader) end() {
	last := len(r.open) - 1
	if e := r.open[last]; len(e.Children) == 0 {
		e.Text = string(r.texts[last])
	} else {
		r.flush()
	}
	r.open, r.spaces, r.texts = r.open[:last], r.spaces[:last], r.texts[:last]
}

// charset reads the two older encodings in which messages still come.
func charset(label string, in io.Reader) (io.Reader, error) {
	switch strings.ToLower(label) {
	case "utf-8", "us-ascii":
		return in, nil
	case "iso-8859-1", "latin1":
		return &single{in: in}, nil
	case "windows-1252":
		return &single{in: in, high: &windows1252}, nil
	}
	return nil, fmt.Errorf("it is in %.40q: UTF-8, ISO-8859-1 and Windows-1252 are read", label)
}

// single turns an encoding of one byte a character into UTF-8.
type single struct {
	in   io.Reader
	high *[32]rune // what 0x80 to 0x9f stand for; nil: themselves
	left []byte
}

func (s *single) Read(p []byte) (int, error) {
	if len(s.left) == 0 {
		var raw [512]byte
		n, err := s.in.Read(raw[:])
		if n == 0 {
			return 0, err
		}
		text := make([]rune, n)
		for i, b := range raw[:n] {
			text[i] = rune(b)
			if s.high != nil && b >= 0x80 && b < 0xa0 {
				text[i] = s.high[b-0x80]
			}
		}
		s.left = []byte(string(text))
	}
	n := copy(p, s.left)
	s.left = s.left[n:]
	return n, nil
}

// windows1252 is 0x80 to 0x9f there (WHATWG encoding standard); what is not assigned
// cannot be read.
var windows1252 = [32]rune{
	'€', 0xfffd, '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', 0xfffd, 'Ž', 0xfffd,
	0xfffd, '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', 0xfffd, 'ž', 'Ÿ',
}
