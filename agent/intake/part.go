package intake

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections/fhirjson"
	"github.com/carelog/carelog/projections/fhirjson/structure"
)

// part is one file, unpacked.
type part struct {
	name string
	line int // of NDJSON, where the part is a bundle on a line
	open func() (io.ReadCloser, error)
	once bool // open works only once
	kept bool // in an archive, where much may be that is not for us
}

// part reads one file, whichever of the four forms it has.
func (r *reader) part(p part) {
	at := Item{Source: p.name}
	start := r.meter.begin()
	opened, err := p.open()
	if err != nil {
		r.fail(at, err)
		return
	}
	defer opened.Close() // it was only read
	content := r.look
	content.Reset(opened)
	head, err := content.Peek(peekSize)
	if err != nil && err != io.EOF {
		r.fail(at, err)
		return
	}
	switch form := formOf(p.name, head); form {
	case formLines:
		r.meter.once(start)
		r.lines(p, content)
	case formDocument:
		if !p.once {
			r.meter.twice(start)
			r.document(p)
			return
		}
		r.meter.once(start)
		all, err := readAll(content, maxBuffered)
		if err != nil {
			r.fail(at, err)
			return
		}
		r.document(p.of(all))
	case formMessage:
		r.meter.once(start)
		if p.once {
			all, err := readAll(content, maxBuffered)
			if err != nil {
				r.fail(at, err)
				return
			}
			p = p.of(all)
		}
		r.message(p)
	case formXML:
		if p.kept {
			r.skipped.Add(1)
			return
		}
		r.fail(at, fmt.Errorf("%w%s", ErrNotFHIR, form))
	default:
		r.fail(at, fmt.Errorf("%w%s", ErrNotFHIR, form))
	}
}

// of returns the part with its content in memory.
func (p part) of(content []byte) part {
	p.once = false
	p.open = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil }
	return p
}

// form is how a file is written; another value than these says what it is instead.
type form string

const (
	formLines    form = "lines"
	formDocument form = "document"
	formMessage  form = "message" // of KMEHR
	formXML      form = ": it is XML, of which only a Sumehr (KMEHR) is read; FHIR is read in JSON"
)

// formOf finds the form from the beginning of a file. Lines are told from a document
// by their name, or by a first line that is whole and has others behind it.
func formOf(name string, head []byte) form {
	text := bytes.TrimLeft(head, " \t\r\n")
	switch {
	case len(text) == 0:
		return ": it is empty"
	case text[0] == '<' && isMessage(text):
		return formMessage
	case text[0] == '<':
		return formXML
	}
	switch path.Ext(strings.TrimSuffix(name, ".gz")) {
	case ".ndjson", ".jsonl":
		return formLines
	}
	if text[0] != '{' {
		return ": it is no JSON object"
	}
	first, rest, ended := bytes.Cut(text, []byte("\n"))
	if ended && len(bytes.TrimSpace(rest)) > 0 && json.Valid(first) {
		return formLines
	}
	return formDocument
}

// lines reads NDJSON. A line that is a bundle is read as one.
func (r *reader) lines(p part, content *bufio.Reader) {
	for line := 1; !r.done(); line++ {
		at := Item{Source: p.name, Line: line}
		text, err := readLine(content)
		if body := bytes.TrimSpace(text); len(body) > 0 && (err == nil || err == io.EOF) {
			switch {
			case isBundle(body):
				on := p.of(body)
				on.line = line
				r.document(on)
			case len(body) > events.MaxPlain:
				r.letter(at, body)
			default:
				r.resource(at, body)
			}
		}
		switch {
		case err == io.EOF:
			return
		case errors.Is(err, ErrTooLarge):
			r.fail(at, err)
		case err != nil:
			r.fail(at, err)
			return
		}
	}
}

// readLine returns the next line, the caller's own. One that is too long is passed over
// to its end, and is an error. That it may be as long as a letter is for what has a content in it.
func readLine(content *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		piece, err := content.ReadSlice('\n')
		if len(line)+len(piece) > MaxLetter {
			for err == bufio.ErrBufferFull {
				_, err = content.ReadSlice('\n')
			}
			if err != nil && err != io.EOF {
				return nil, err
			}
			return nil, fmt.Errorf("the line has more than %d MB: %w", MaxLetter>>20, ErrTooLarge)
		}
		line = append(line, piece...)
		if err != bufio.ErrBufferFull {
			return line, err
		}
	}
}

// resource hands on a resource that stands on its own.
func (r *reader) resource(at Item, body []byte) {
	head, err := fhirjson.Check(body)
	if err != nil {
		r.fail(at, err)
		return
	}
	at.Type, at.ID, at.Body = head.ResourceType, head.ID, body
	if !validID(at.ID) {
		at.ID = madeID(body)
	}
	at.Conditional, at.Dangling = countReferences(body)
	r.item(at)
}

// letter hands on a resource that a content in it makes larger than any other.
func (r *reader) letter(at Item, body []byte) {
	rest, err := structure.SplitRecord(bytes.NewReader(body), func() (io.Writer, string, error) { return io.Discard, "AAAA", nil })
	var head fhirjson.Head
	if err == nil {
		head, err = fhirjson.Check(rest)
	}
	var wrong *fhirjson.Error
	if left, _ := fhirjson.BinaryOf(rest); errors.As(err, &wrong) && wrong.TooLarge || err == nil && left.Inline && head.ResourceType != "Binary" {
		err = fmt.Errorf("the line has more than %d MB: %w", events.MaxPlain>>20, ErrTooLarge)
	}
	if err != nil {
		r.fail(at, err)
		return
	}
	at.Type, at.ID, at.Body, at.Letter = head.ResourceType, head.ID, body, true
	if !validID(at.ID) {
		at.ID = madeID(body)
	}
	at.Conditional, at.Dangling = countReferences(rest)
	r.item(at)
}

// isBundle looks for the type of a resource without reading the rest into anything.
func isBundle(body []byte) bool {
	if !bytes.Contains(body, []byte(`"Bundle"`)) {
		return false
	}
	var head struct {
		ResourceType string `json:"resourceType"`
	}
	return json.Unmarshal(body, &head) == nil && head.ResourceType == "Bundle"
}
