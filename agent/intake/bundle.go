package intake

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/carelog/carelog/projections/fhirjson"
	"github.com/carelog/carelog/projections/fhirjson/structure"
)

// document reads a bundle or a single resource. It is read twice: first to see what
// it is, whether it is whole, and what its references can mean; then entry by entry.
func (r *reader) document(p part) {
	at := Item{Source: p.name, Line: p.line}
	x := newIndex()
	isBundle, around, err := r.index(p, x)
	if err != nil {
		r.fail(at, err)
		return
	}
	if !isBundle {
		r.single(p, at)
		return
	}
	if err := around.check(); err != nil {
		r.fail(at, err)
	}
	if len(x.disputed) > 0 {
		err = r.each(p, func(_ int, raw json.RawMessage) { x.settle(raw) })
	}
	if err == nil {
		err = r.each(p, func(n int, raw json.RawMessage) {
			here := at
			here.Entry = n
			r.entry(here, raw, x)
		})
	}
	if err != nil && !r.done() {
		r.fail(at, err)
	}
}

// single reads a file that is one resource.
func (r *reader) single(p part, at Item) {
	opened, err := p.open()
	if err != nil {
		r.fail(at, err)
		return
	}
	defer opened.Close() // it was only read
	body, err := readAll(opened, maxValue)
	if err != nil {
		r.fail(at, err)
		return
	}
	r.resource(at, bytes.TrimSpace(body))
}

// index reads a document for the first time. It is an error where the document is not
// one whole JSON object: half a transaction is worse than none.
func (r *reader) index(p part, x *index) (isBundle bool, around wrapper, err error) {
	resourceType, first := "", ""
	var meta struct{ Tag []fhirjson.Tag }
	err = r.walk(p, func(name string, d *json.Decoder) error {
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return err
		}
		around.add(name, raw)
		switch name {
		case "resourceType":
			return tolerant(json.Unmarshal(raw, &resourceType))
		case "meta":
			return tolerant(json.Unmarshal(raw, &meta))
		}
		return nil
	}, func(d *json.Decoder) error {
		var e envelope[head]
		if err := tolerant(d.Decode(&e)); err != nil {
			return err
		}
		if first == "" {
			first = e.Resource.ResourceType + "/" + e.Resource.ID
		}
		if x.entries++; x.entries > maxEntries {
			return fmt.Errorf("it has more than %d entries: split it", maxEntries)
		}
		x.add(e)
		return nil
	})
	isBundle = resourceType == "Bundle"
	if (err == nil || errors.Is(err, ErrTooLarge)) && isBundle && slices.Contains(meta.Tag, fhirjson.ConflictTag) {
		if first == "" {
			first = "a record with a large content"
		}
		err = errConflict(first)
	}
	return isBundle, around, err
}

// maxWrapper bounds what stands around the entries of a bundle, in bytes.
const maxWrapper = 1 << 20

// wrapper is what stands around the entries of a bundle: its other members, as they were given.
type wrapper struct {
	members []byte
	over    bool // there is more than is kept
}

func (w *wrapper) add(name string, value json.RawMessage) {
	if w.over = w.over || len(w.members)+len(name)+len(value) > maxWrapper; w.over {
		w.members = nil
		return
	}
	quoted, _ := json.Marshal(name) // a string always has a form
	w.members = append(append(append(append(w.members, ','), quoted...), ':'), value...)
}

// check holds it against R4.
func (w *wrapper) check() error {
	if w.over {
		return fmt.Errorf("what stands around its entries has more than %d bytes", maxWrapper)
	}
	return structure.CheckBundle(slices.Concat([]byte("{"), bytes.TrimPrefix(w.members, []byte(",")), []byte("}")))
}

// checkEntry holds what stands around the resource of an entry against R4: a condition that is misspelt would be none.
func checkEntry(n int, entry, resource json.RawMessage) error {
	around := bytes.Replace(entry, resource, []byte("{}"), 1)
	err := structure.CheckBundle(slices.Concat([]byte(`{"resourceType":"Bundle","type":"collection","entry":[`), around, []byte("]}")))
	if wrong := (*structure.Error)(nil); errors.As(err, &wrong) {
		for i := range wrong.Issues {
			wrong.Issues[i].Path = strings.Replace(wrong.Issues[i].Path, "[0]", fmt.Sprintf("[%d]", n-1), 1)
		}
	}
	return err
}

// errConflict is of a Bundle of the versions of a record that was in conflict where it was exported.
func errConflict(record string) error {
	return fmt.Errorf("%s was in conflict when it was exported, and its versions stand side by side here: the one that was shown is with the others of its type; choose, and enter by hand what else should stand", clip(record))
}

// each reads the entries again, with their bytes.
func (r *reader) each(p part, entry func(n int, raw json.RawMessage)) error {
	n := 0
	return r.walk(p, func(_ string, d *json.Decoder) error { return skip(d) }, func(d *json.Decoder) error {
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return err
		}
		n++
		entry(n, raw)
		return nil
	})
}

// walk goes through the members of the one object of a document, and through the
// items of the one called "entry".
func (r *reader) walk(p part, member func(string, *json.Decoder) error, entry func(*json.Decoder) error) error {
	opened, err := p.open()
	if err != nil {
		return err
	}
	defer opened.Close() // it was only read
	limit := &allowance{r: opened}
	d := json.NewDecoder(limit)
	limit.renew()
	if err := expect(d, json.Delim('{')); err != nil {
		return err
	}
	for d.More() && !r.done() {
		limit.renew()
		name, err := d.Token()
		if err != nil {
			return notWhole(err)
		}
		if name != "entry" {
			if err := member(name.(string), d); err != nil { // names are strings
				return notWhole(err)
			}
			continue
		}
		if err := expect(d, json.Delim('[')); err != nil {
			return err
		}
		for d.More() && !r.done() {
			limit.renew()
			if err := entry(d); err != nil {
				return notWhole(err)
			}
		}
		if r.done() {
			return nil
		}
		if err := expect(d, json.Delim(']')); err != nil {
			return err
		}
	}
	if r.done() {
		return nil
	}
	if err := expect(d, json.Delim('}')); err != nil {
		return err
	}
	limit.renew()
	if _, err := d.Token(); err != io.EOF {
		return errors.New("there is more behind the first resource: one on each line is read from a file called .ndjson")
	}
	return nil
}

func expect(d *json.Decoder, want json.Delim) error {
	token, err := d.Token()
	if err == nil && token != want {
		err = fmt.Errorf("at byte %d: want %s", d.InputOffset(), want)
	}
	return notWhole(err)
}

func skip(d *json.Decoder) error {
	var raw json.RawMessage
	return d.Decode(&raw)
}

// tolerant passes over a value of another kind: what is wrong with an entry is said
// when it is read for the second time.
func tolerant(err error) error {
	var kind *json.UnmarshalTypeError
	if errors.As(err, &kind) {
		return nil
	}
	return err
}

func notWhole(err error) error {
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return fmt.Errorf("nothing of it is read, since it is not whole: %w", err)
	}
	return nil
}

// allowance is a reader that gives so many bytes for a value, and then an error.
type allowance struct {
	r    io.Reader
	left int
}

// renew allows one more value.
func (a *allowance) renew() { a.left = maxValue }

func (a *allowance) Read(p []byte) (int, error) {
	if a.left <= 0 {
		return 0, fmt.Errorf("an entry has more than %d MB: %w; with a letter in it, send it as a line of NDJSON, where it may have %d MB", maxValue>>20, ErrTooLarge, MaxLetter>>20)
	}
	n, err := a.r.Read(p[:min(len(p), a.left)])
	a.left -= n
	return n, err
}

// envelope is an entry of a bundle around its resource.
type envelope[Resource any] struct {
	FullURL  string   `json:"fullUrl"`
	Resource Resource `json:"resource"`
	Request  struct {
		Method      string `json:"method"`
		URL         string `json:"url"`
		IfNoneExist string `json:"ifNoneExist"`
	} `json:"request"`
}

type head struct {
	ResourceType string `json:"resourceType"`
	ID           string `json:"id"`
}

// entry hands on one entry.
func (r *reader) entry(at Item, raw json.RawMessage, x *index) {
	var e envelope[json.RawMessage]
	if err := json.Unmarshal(raw, &e); err != nil {
		r.fail(at, err)
		return
	}
	switch e.Request.Method {
	case "", "POST", "PUT":
	default:
		r.fail(at, fmt.Errorf("it asks for %q, and an import only writes", clip(e.Request.Method)))
		return
	}
	if len(e.Resource) == 0 {
		r.fail(at, errors.New("it has no resource"))
		return
	}
	if err := checkEntry(at.Entry, raw, e.Resource); err != nil {
		r.fail(at, err)
		return
	}
	read, err := fhirjson.Check(e.Resource)
	if err != nil {
		r.fail(at, err)
		return
	}
	at.Type, at.IfNoneExist = read.ResourceType, e.Request.IfNoneExist
	at.ID = x.id(envelope[head]{FullURL: e.FullURL, Request: e.Request, Resource: head{read.ResourceType, read.ID}})
	if at.ID == "" {
		at.ID = madeID(e.Resource)
	}
	at.Body, at.Conditional, at.Dangling = x.rewrite(e.Resource)
	r.item(at)
}

func clip(s string) string {
	if len(s) > 60 {
		return s[:60] + "…"
	}
	return s
}
