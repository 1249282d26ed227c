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
	d := headersOf(m)
	return d.event()
}

// DecodeAndDigest is Decode, and the digest of the event that it gives: of the message's own words, since an
// event has one way to be written, which takes half as long as to write them again.
func DecodeAndDigest(m Message) (*Event, Digest, error) {
	d := headersOf(m)
	e, err := d.event()
	if err != nil {
		return nil, Digest{}, err
	}
	return e, d.digest(e.Extra), nil
}

func (d *decoder) event() (*Event, error) {
	m := d.message
	e := &Event{Sealed: m.Data}

	id := d.text(atID)
	e.ID = parse(d, ParseID, id)
	for _, repeated := range d.found[atMsgID] {
		if repeated != id {
			d.fail("the broker's message id %q is another", clip(repeated))
		}
	}
	if v := d.text(atSpecVersion); v != specVersion {
		d.fail("CloudEvents version %q: want %s", clip(v), specVersion)
	}
	e.Type = Type(d.text(atType))
	var err error
	if e.Practice, e.Patient, err = ParseSubject(m.Subject); err != nil {
		d.fail("%v", err)
	}
	source := d.text(atSource)
	practice, device, ok := cutSource(source)
	if !ok || practice != e.Practice {
		d.fail("source %q: want /practices/%s/devices/<device>", clip(source), clip(e.Practice))
	}
	e.Device = device
	e.Record = parse(d, ParseRecord, d.text(atSubject))
	e.Time = parse(d, parseTime, d.text(atTime))
	e.Author = d.text(atAuthor)
	e.Parents = parse(d, splitIDs, d.text(atParents))
	e.Chain = parse(d, ParseChain, d.text(atChain))
	e.Replaces = parse(d, parseReplaces, d.text(atReplaces))
	e.ContentType = d.text(atContentType)
	if e.Signature, ok = parseSignature(d.text(atSig)); !ok {
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

// digest is Event.Digest of a message that was found to be an event with these further attributes.
func (d *decoder) digest(extra []Attribute) Digest {
	var space [1024]byte // as in Event.Digest
	b := append(space[:0], digestHead...)
	b = append(append(b, d.message.Subject...), '\n')
	for i, name := range signed {
		for len(extra) > 0 && extra[0].Name < name {
			b = appendLine(b, extra[0].Name, extra[0].Value)
			extra = extra[1:]
		}
		if values := d.found[i]; len(values) > 0 {
			b = appendLine(b, name, values[0])
		}
	}
	for _, a := range extra {
		b = appendLine(b, a.Name, a.Value)
	}
	return digestOf(b, d.message.Data)
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

// Places of what is known of a message's headers: the attributes as they stand in signed, and two more.
const (
	atAuthor = iota
	atChain
	atContentType
	atID
	atParents
	atReplaces
	atSource
	atSpecVersion
	atSubject
	atTime
	atType
	atSig
	atMsgID
	places
)

// placeOf is where a header stands; places where it is none that is known.
func placeOf(name string) int {
	switch name {
	case attrAuthor:
		return atAuthor
	case attrChain:
		return atChain
	case attrContentType:
		return atContentType
	case attrID:
		return atID
	case attrParents:
		return atParents
	case attrReplaces:
		return atReplaces
	case attrSource:
		return atSource
	case attrSpecVersion:
		return atSpecVersion
	case attrSubject:
		return atSubject
	case attrTime:
		return atTime
	case attrType:
		return atType
	case attrSig:
		return atSig
	case HeaderMsgID:
		return atMsgID
	}
	return places
}

// decoder collects the first fault of a message. It goes through the headers once: to look for each attribute costs
// twice as much.
type decoder struct {
	message Message
	found   [places][]string
	others  []string // names of the attributes that this version does not know
	reason  string
}

func headersOf(m Message) decoder {
	d := decoder{message: m}
	for name, values := range m.Header {
		at := placeOf(name)
		switch {
		case at == places && isAttribute(name):
			d.others = append(d.others, name)
		case at == places:
		case values == nil:
			d.found[at] = []string{} // it is there
		default:
			d.found[at] = values
		}
	}
	return d
}

func (d *decoder) fail(format string, args ...any) {
	if d.reason == "" {
		d.reason = fmt.Sprintf(format, args...)
	}
}

// text returns an attribute, empty where it is absent; one that stands twice or
// with nothing in it is a fault, since each event has one way to be written.
func (d *decoder) text(at int) string {
	values := d.found[at]
	if values == nil {
		return ""
	}
	name := attrSig
	if at < len(signed) {
		name = signed[at]
	}
	return d.single(name, values)
}

func (d *decoder) single(name string, values []string) string {
	switch {
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
	if len(d.others) > maxExtra {
		d.fail("more than %d unknown attributes", maxExtra)
		return nil
	}
	var list []Attribute
	slices.Sort(d.others)
	for _, name := range d.others {
		list = append(list, Attribute{name, d.single(name, d.message.Header[name])})
	}
	return list
}

// isAttribute reports whether a header is an attribute. Another spelling of the prefix
// makes it one too, so that it is a fault and not a header that nobody looks at.
func isAttribute(name string) bool {
	return len(name) >= len(prefix) && strings.EqualFold(name[:len(prefix)], prefix)
}

func known(name string) bool { return placeOf(name) <= atSig }

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
