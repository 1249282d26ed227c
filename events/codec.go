package events

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/oklog/ulid/v2"
)

// Message is an event on the wire: a NATS message, or a line of an export.
type Message struct {
	Subject string
	Header  map[string][]string
	Data    []byte
}

// Size is what the message weighs on the wire, in bytes, without its subject.
func (m Message) Size() int {
	size := len(m.Data)
	for name, values := range m.Header {
		for _, v := range values {
			size += len(name) + len(v) + len(": \r\n")
		}
	}
	return size
}

// HeaderMsgID is the broker's own header for duplicates; it repeats the event's id.
const HeaderMsgID = "Nats-Msg-Id"

// Names of the attributes as headers. In CloudEvents' NATS binding every attribute,
// datacontenttype included, has the prefix "ce-" in binary mode.
const (
	prefix          = "ce-"
	attrAuthor      = "ce-author"
	attrChain       = "ce-chain"
	attrContentType = "ce-datacontenttype"
	attrID          = "ce-id"
	attrParents     = "ce-parents"
	attrReplaces    = "ce-replaces"
	attrSig         = "ce-sig"
	attrSource      = "ce-source"
	attrSpecVersion = "ce-specversion"
	attrSubject     = "ce-subject"
	attrTime        = "ce-time"
	attrType        = "ce-type"

	sourcePractice = "/practices/"
	sourceDevice   = "/devices/"

	specVersion = "1.0"
)

// signed lists the attributes that the signature covers, sorted by name: the order in
// which they are hashed.
var signed = [...]string{
	attrAuthor, attrChain, attrContentType, attrID, attrParents, attrReplaces,
	attrSource, attrSpecVersion, attrSubject, attrTime, attrType,
}

// appendValue appends the value of one of the signed attributes; nothing where the
// event does not have it.
func (e *Event) appendValue(b []byte, name string) []byte {
	switch name {
	case attrAuthor:
		return append(b, e.Author...)
	case attrChain:
		return e.Chain.append(b)
	case attrContentType:
		return append(b, e.ContentType...)
	case attrID:
		return e.ID.append(b)
	case attrParents:
		for i, parent := range e.Parents {
			if i > 0 {
				b = append(b, ',')
			}
			b = parent.append(b)
		}
		return b
	case attrReplaces:
		if e.Replaces.IsZero() {
			return b
		}
		return hex.AppendEncode(b, e.Replaces[:])
	case attrSource:
		b = append(append(b, sourcePractice...), e.Practice...)
		return append(append(b, sourceDevice...), e.Device...)
	case attrSpecVersion:
		return append(b, specVersion...)
	case attrSubject:
		return append(append(append(b, e.Record.Type...), '/'), e.Record.ID...)
	case attrTime:
		return appendTime(b, e.Time)
	case attrType:
		return append(b, e.Type...)
	}
	return b
}

// Encode writes an event as a message. The message shares Sealed with the event.
// An event that Decode would not accept is an error.
func Encode(e *Event) (Message, error) {
	if err := e.Check(); err != nil {
		return Message{}, err
	}
	// All values stand in one string and one slice of it: two allocations, not thirty.
	count := len(signed) + len(e.Extra) + 2
	header := make(map[string][]string, count)
	slots := make([]string, 0, count)
	set := func(name, value string) {
		slots = append(slots, value)
		header[name] = slots[len(slots)-1 : len(slots) : len(slots)]
	}
	var space [1024]byte
	text := space[:0]
	var ends [len(signed)]int
	for i, name := range signed {
		text = e.appendValue(text, name)
		ends[i] = len(text)
	}
	values, from := string(text), 0
	for i, name := range signed {
		if ends[i] > from {
			set(name, values[from:ends[i]])
		}
		from = ends[i]
	}
	for _, a := range e.Extra {
		set(a.Name, a.Value)
	}
	set(attrSig, base64.RawURLEncoding.EncodeToString(e.Signature[:]))
	set(HeaderMsgID, header[attrID][0])
	return Message{Subject: Subject(e.Practice, e.Patient), Header: header, Data: e.Sealed}, nil
}

// Decode reads a message. The event shares Sealed with the message. Headers that
// are no attributes (the broker's own) are passed over. Every error is a *BrokenError.
func Decode(m Message) (*Event, error) {
	d := decoder{message: m}
	e := &Event{Sealed: m.Data}

	id := d.text(attrID)
	e.ID = parse(&d, ParseID, id)
	for _, repeated := range m.Header[HeaderMsgID] {
		if repeated != id {
			d.fail("the broker's message id %q is another", clip(repeated))
		}
	}
	if v := d.text(attrSpecVersion); v != specVersion {
		d.fail("CloudEvents version %q: want %s", clip(v), specVersion)
	}
	e.Type = Type(d.text(attrType))
	var err error
	if e.Practice, e.Patient, err = ParseSubject(m.Subject); err != nil {
		d.fail("%v", err)
	}
	source := d.text(attrSource)
	practice, device, ok := cutSource(source)
	if !ok || practice != e.Practice {
		d.fail("source %q: want /practices/%s/devices/<device>", clip(source), clip(e.Practice))
	}
	e.Device = device
	e.Record = parse(&d, ParseRecord, d.text(attrSubject))
	e.Time = parse(&d, parseTime, d.text(attrTime))
	e.Author = d.text(attrAuthor)
	e.Parents = parse(&d, splitIDs, d.text(attrParents))
	e.Chain = parse(&d, ParseChain, d.text(attrChain))
	e.Replaces = parse(&d, parseReplaces, d.text(attrReplaces))
	e.ContentType = d.text(attrContentType)
	if e.Signature, ok = parseSignature(d.text(attrSig)); !ok {
		d.fail("its signature is not 64 bytes in base64url")
	}
	e.Extra = d.extra()
	if d.reason == "" {
		if err := e.fault(); err != nil {
			d.reason = err.Error()
		}
	}
	if d.reason != "" {
		return nil, &BrokenError{ID: id, Reason: d.reason}
	}
	return e, nil
}

// Peek reads only the id of a message and its record, both unchecked: enough to
// see whose event stands in a dossier, at a hundredth of the cost of Decode.
func (m Message) Peek() (id, record string) {
	if v := m.Header[attrID]; len(v) > 0 {
		id = v[0]
	}
	if v := m.Header[attrSubject]; len(v) > 0 {
		record = v[0]
	}
	return id, record
}

// Device reads only in which device's name a message is, unchecked; empty where it names none.
func (m Message) Device() string {
	if v := m.Header[attrSource]; len(v) > 0 {
		_, device, _ := cutSource(v[0])
		return device
	}
	return ""
}

// decoder collects the first fault of a message.
type decoder struct {
	message Message
	reason  string
}

func (d *decoder) fail(format string, args ...any) {
	if d.reason == "" {
		d.reason = fmt.Sprintf(format, args...)
	}
}

// text returns an attribute, empty where it is absent; one that stands twice or
// with nothing in it is a fault, since each event has one way to be written.
func (d *decoder) text(name string) string {
	values, ok := d.message.Header[name]
	switch {
	case !ok:
		return ""
	case len(values) != 1:
		d.fail("%s stands %d times", name, len(values))
		return ""
	case values[0] == "":
		d.fail("%s is empty", name)
	}
	return values[0]
}

// extra returns the attributes that this version does not know, sorted.
func (d *decoder) extra() []Attribute {
	var list []Attribute
	for name := range d.message.Header {
		if !isAttribute(name) || known(name) {
			continue
		}
		if len(list) == maxExtra {
			d.fail("more than %d unknown attributes", maxExtra)
			return nil
		}
		list = append(list, Attribute{name, d.text(name)})
	}
	slices.SortFunc(list, func(a, b Attribute) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// isAttribute reports whether a header is an attribute. Another spelling of the prefix
// makes it one too, so that it is a fault and not a header that nobody looks at.
func isAttribute(name string) bool {
	return len(name) >= len(prefix) && strings.EqualFold(name[:len(prefix)], prefix)
}

func known(name string) bool {
	switch name {
	case attrAuthor, attrChain, attrContentType, attrID, attrParents, attrReplaces, attrSig,
		attrSource, attrSpecVersion, attrSubject, attrTime, attrType:
		return true
	}
	return false
}

func parse[T any](d *decoder, f func(string) (T, error), s string) T {
	v, err := f(s)
	if err != nil {
		d.fail("%v", err)
	}
	return v
}

func cutSource(s string) (practice, device string, ok bool) {
	rest, ok1 := strings.CutPrefix(s, sourcePractice)
	practice, device, ok2 := strings.Cut(rest, sourceDevice)
	return practice, device, ok1 && ok2
}

// parseReplaces reads the digest of a set-aside. A zero would vanish when the event
// is written again, so it would be a second way to write one event.
func parseReplaces(s string) (Digest, error) {
	if s == "" {
		return Digest{}, nil
	}
	d, err := ParseDigest(s)
	if err == nil && d.IsZero() {
		return Digest{}, errors.New("it stands for an event whose digest is zero")
	}
	return d, err
}

// parseSignature reads 64 bytes in the one way that base64url can write them.
func parseSignature(s string) (sig [ed25519.SignatureSize]byte, ok bool) {
	if len(s) != base64.RawURLEncoding.EncodedLen(len(sig)) {
		return sig, false
	}
	// The decoder passes over line ends, which leaves fewer bytes than wanted.
	n, err := base64.RawURLEncoding.Strict().Decode(sig[:], []byte(s))
	return sig, err == nil && n == len(sig)
}

func splitIDs(s string) ([]ID, error) {
	if s == "" {
		return nil, nil
	}
	if len(s) > (ulid.EncodedSize+1)*MaxParents {
		return nil, fmt.Errorf("more than %d parents", MaxParents)
	}
	ids := make([]ID, 0, len(s)/(ulid.EncodedSize+1)+1)
	for part := range strings.SplitSeq(s, ",") {
		id, err := ParseID(part)
		if err != nil {
			return nil, fmt.Errorf("parents: %w", err)
		}
		ids = append(ids, id)
	}
	return ids, nil
}
