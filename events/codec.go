package events

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Message is an event on the wire: a NATS message, or a line of an export.
type Message struct {
	Subject string
	Header  map[string][]string
	Data    []byte
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

	specVersion = "1.0"
	timeLayout  = "2006-01-02T15:04:05.000Z"
)

// maxExtra bounds the attributes of a newer version, in number and bytes of each.
const (
	maxExtra      = 32
	maxExtraValue = 4 << 10
)

// attributes returns all attributes but the signature, sorted by name: the event
// as it is written, and as it is hashed.
func (e *Event) attributes() []Attribute {
	list := make([]Attribute, 0, 12+len(e.Extra))
	add := func(name, value string) {
		if value != "" {
			list = append(list, Attribute{name, value})
		}
	}
	add(attrAuthor, e.Author)
	list = append(list, Attribute{attrChain, strconv.FormatUint(e.Chain.Counter, 10) + "." + e.Chain.Previous.String()})
	add(attrContentType, e.ContentType)
	list = append(list, Attribute{attrID, e.ID.String()})
	add(attrParents, joinIDs(e.Parents))
	if !e.Replaces.IsZero() {
		add(attrReplaces, e.Replaces.String())
	}
	list = append(list,
		Attribute{attrSource, "/practices/" + e.Practice + "/devices/" + e.Device},
		Attribute{attrSpecVersion, specVersion},
		Attribute{attrSubject, e.Record.String()},
		Attribute{attrTime, e.Time.Format(timeLayout)},
		Attribute{attrType, string(e.Type)},
	)
	if len(e.Extra) > 0 {
		list = append(list, e.Extra...)
		slices.SortFunc(list, func(a, b Attribute) int { return strings.Compare(a.Name, b.Name) })
	}
	return list
}

// Digest is the SHA-256 of the event without its signature:
//
//	carelog event v1\n
//	<subject on the broker>\n
//	<attribute>:<value>\n   for each attribute but ce-sig, sorted by name
//	\n
//	<SHA-256 of the sealed body, 32 bytes>
//
// It covers attributes that this version does not know, so that a newer device's
// events verify on an older one.
func (e *Event) Digest() Digest {
	buf := make([]byte, 0, 640+27*len(e.Parents))
	buf = append(buf, "carelog event v1\n"...)
	buf = append(buf, Subject(e.Practice, e.Patient)...)
	buf = append(buf, '\n')
	for _, a := range e.attributes() {
		buf = append(buf, a.Name...)
		buf = append(buf, ':')
		buf = append(buf, a.Value...)
		buf = append(buf, '\n')
	}
	buf = append(buf, '\n')
	body := sha256.Sum256(e.Sealed)
	return sha256.Sum256(append(buf, body[:]...))
}

// Encode writes an event as a message. The message shares Sealed with the event.
// An event that Decode would not accept is an error.
func Encode(e *Event) (Message, error) {
	if reason := e.fault(); reason != "" {
		return Message{}, &BrokenError{ID: e.ID.String(), Reason: reason}
	}
	header := make(map[string][]string, 14+len(e.Extra))
	for _, a := range e.attributes() {
		header[a.Name] = []string{a.Value}
	}
	header[attrSig] = []string{base64.RawURLEncoding.EncodeToString(e.Signature[:])}
	header[HeaderMsgID] = []string{e.ID.String()}
	return Message{Subject: Subject(e.Practice, e.Patient), Header: header, Data: e.Sealed}, nil
}

// Decode reads a message. The event shares Sealed with the message. Headers that
// are no attributes (the broker's own) are passed over. Every error is a *BrokenError.
func Decode(m Message) (*Event, error) {
	d := decoder{message: m}
	e := &Event{Sealed: m.Data}

	id := d.text(attrID)
	e.ID = parse(&d, ParseID, id)
	if msgID := m.Header[HeaderMsgID]; len(msgID) > 0 && msgID[0] != id {
		d.fail("the broker's message id %q is another", clip(msgID[0]))
	}
	if v := d.text(attrSpecVersion); v != specVersion {
		d.fail("CloudEvents version %q: want %s", clip(v), specVersion)
	}
	e.Type = Type(d.text(attrType))
	var err error
	if e.Practice, e.Patient, err = ParseSubject(m.Subject); err != nil {
		d.fail("%v", err)
	}
	practice, device, ok := cutSource(d.text(attrSource))
	if !ok || practice != e.Practice {
		d.fail("source %q: want /practices/%s/devices/<device>", clip(d.text(attrSource)), e.Practice)
	}
	e.Device = device
	e.Record = parse(&d, ParseRecord, d.text(attrSubject))
	e.Time = parse(&d, parseTime, d.text(attrTime))
	e.Author = d.text(attrAuthor)
	e.Parents = parse(&d, splitIDs, d.text(attrParents))
	e.Chain = parse(&d, parseChain, d.text(attrChain))
	if r := d.text(attrReplaces); r != "" {
		e.Replaces = parse(&d, ParseDigest, r)
	}
	e.ContentType = d.text(attrContentType)
	sig := d.text(attrSig)
	if n, err := base64.RawURLEncoding.Strict().Decode(e.Signature[:], []byte(sig[:min(len(sig), 86)])); err != nil || n != len(e.Signature) || len(sig) != 86 {
		d.fail("its signature is not 64 bytes in base64url")
	}
	e.Extra = d.extra()
	if d.reason == "" {
		d.reason = e.fault()
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

// fault says what keeps the event from being written or read, or nothing.
func (e *Event) fault() string {
	var err error
	check := func(cond bool, format string, args ...any) {
		if err == nil && !cond {
			err = fmt.Errorf(format, args...)
		}
	}
	ok := func(e error) { check(e == nil, "%w", e) }

	check(!e.ID.IsZero(), "it has no id")
	check(len(e.Type) > 0 && len(e.Type) <= 128 && all(string(e.Type), typeByte), "type %q: want 1 to 128 of a-z, 0-9 and dot", clip(string(e.Type)))
	ok(ValidateName("practice", e.Practice))
	ok(ValidateName("device", e.Device))
	ok(e.Record.Validate())
	if e.Patient != "" {
		ok(ValidateID("patient", e.Patient))
	}
	if e.Author != "" {
		ok(ValidateID("author", e.Author))
	}
	check(e.Time.Equal(e.Time.Truncate(time.Millisecond)) && e.Time.Location() == time.UTC && !e.Time.Before(earliest) && !e.Time.After(latest),
		"time %v: want UTC in whole milliseconds, years 1 to 9999", e.Time)
	check(len(e.Parents) <= MaxParents, "%d parents: at most %d", len(e.Parents), MaxParents)
	for i, p := range e.Parents {
		check(p.Compare(e.ID) < 0, "parent %s is not older than the event", p)
		check(i == 0 || e.Parents[i-1].Compare(p) < 0, "its parents are not sorted, or one stands twice")
	}
	check(e.Chain.Counter > 0, "its chain has no counter")
	check((e.Chain.Counter == 1) == e.Chain.Previous.IsZero(), "its chain's counter is %d and its previous digest %s", e.Chain.Counter, e.Chain.Previous)
	check(!e.Type.Known() || (e.Type == SetAside) != e.Replaces.IsZero(), "only a set-aside, and each of them, names the event it stands for")
	check(len(e.ContentType) <= 128 && all(e.ContentType, printable), "content type %q", clip(e.ContentType))
	check(len(e.Sealed) <= MaxSealed, "its body has %d bytes: at most %d", len(e.Sealed), MaxSealed)
	check(e.Type != Written || len(e.Sealed) > 0, "it has no body")
	check(e.Type != Deleted || len(e.Sealed) == 0, "it is a deletion with a body")
	check(len(e.Extra) <= maxExtra, "%d unknown attributes: at most %d", len(e.Extra), maxExtra)
	for i, a := range e.Extra {
		check(len(a.Name) <= 64 && len(a.Name) > len(prefix) && strings.HasPrefix(a.Name, prefix) && all(a.Name[len(prefix):], attributeByte) && !known(a.Name),
			"unknown attribute %q: want ce- and 1 to 61 of a-z and 0-9", clip(a.Name))
		check(len(a.Value) > 0 && len(a.Value) <= maxExtraValue && all(a.Value, printable) && strings.TrimSpace(a.Value) == a.Value,
			"attribute %s: want 1 to %d printable ASCII characters", clip(a.Name), maxExtraValue)
		check(i == 0 || e.Extra[i-1].Name < a.Name, "its unknown attributes are not sorted, or one stands twice")
	}
	if err != nil {
		return err.Error()
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
		if !strings.HasPrefix(strings.ToLower(name), prefix) || known(name) {
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
	rest, ok1 := strings.CutPrefix(s, "/practices/")
	practice, device, ok2 := strings.Cut(rest, "/devices/")
	return practice, device, ok1 && ok2
}

func parseTime(s string) (time.Time, error) {
	t, err := time.Parse(timeLayout, s)
	if err != nil || t.Format(timeLayout) != s {
		return time.Time{}, fmt.Errorf("time %q: want RFC 3339 in UTC with milliseconds", clip(s))
	}
	return t, nil
}

func parseChain(s string) (Chain, error) {
	number, digest, ok := strings.Cut(s, ".")
	counter, err := strconv.ParseUint(number, 10, 64)
	if !ok || err != nil || strconv.FormatUint(counter, 10) != number {
		return Chain{}, fmt.Errorf("chain %q: want <counter>.<digest>", clip(s))
	}
	previous, err := ParseDigest(digest)
	return Chain{counter, previous}, err
}

func joinIDs(ids []ID) string {
	if len(ids) == 0 {
		return ""
	}
	var b strings.Builder
	b.Grow(27 * len(ids))
	for i, id := range ids {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(id.String())
	}
	return b.String()
}

func splitIDs(s string) ([]ID, error) {
	if s == "" {
		return nil, nil
	}
	if len(s) > 27*MaxParents {
		return nil, fmt.Errorf("more than %d parents", MaxParents)
	}
	ids := make([]ID, 0, len(s)/27+1)
	for part := range strings.SplitSeq(s, ",") {
		id, err := ParseID(part)
		if err != nil {
			return nil, fmt.Errorf("parents: %w", err)
		}
		ids = append(ids, id)
	}
	return ids, nil
}

func typeByte(b byte) bool { return attributeByte(b) || b == '.' }

func attributeByte(b byte) bool { return 'a' <= b && b <= 'z' || '0' <= b && b <= '9' }

func printable(b byte) bool { return ' ' <= b && b <= '~' }
