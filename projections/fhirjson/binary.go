package fhirjson

import (
	"slices"
	"strconv"

	"github.com/carelog/carelog/events"
)

// AttachmentURL marks the server's own extension on Binary.data: it stands there in
// place of a content that is kept beside the log.
const AttachmentURL = "https://carelog.eu/fhir/StructureDefinition/attachment"

// Binary is what the server knows of a Binary.
type Binary struct {
	ContentType string // empty where it says none
	Attachment  events.Attachment
	Attached    bool // it refers to a content; Attachment says which
	Inline      bool // it has a member data, which no event may have
	Absent      bool // it says that it has a content, which could not be had where it was exported
}

// NewBinary writes a Binary whose content is still to be attached. securityContext is a
// reference, and left out where it is empty.
func NewBinary(contentType, securityContext string) []byte {
	out := appendMember([]byte("{"), "resourceType", "Binary")
	out = appendMember(append(out, ','), "contentType", contentType)
	if securityContext != "" {
		out = append(appendMember(append(out, `,"securityContext":{`...), "reference", securityContext), '}')
	}
	return append(out, `,"_data":{}}`...)
}

// BinaryOf reads a Binary. A reference to a content that makes no sense is an *Error.
func BinaryOf(body []byte) (b Binary, err error) {
	t, err := parse(body)
	if err != nil {
		return b, err
	}
	defer t.free()
	b.ContentType = t.textAt(root, "contentType")
	_, b.Inline = t.member(root, "data")
	data, ok := t.member(root, "_data")
	if !ok {
		return b, nil
	}
	b.Attachment, b.Attached, b.Absent, err = t.reference(data)
	return b, err
}

// reference reads what stands in _data: a reference to a content, or that there is none
// that could be had.
func (t *tree) reference(data uint32) (a events.Attachment, attached, absent bool, err error) {
	list, ok := t.member(data, "extension")
	if !ok {
		return a, false, false, nil
	}
	for c := range t.children(list) {
		switch t.textAt(c, "url") {
		case absentURL:
			absent = true
		case AttachmentURL:
			if attached {
				return a, true, absent, t.fault(c, "Binary.data.extension", "it stands twice")
			}
			attached = true
			if a, err = t.attachment(c); err != nil {
				return a, true, absent, err
			}
		}
	}
	return a, attached, absent, nil
}

// attachment reads the server's extension.
func (t *tree) attachment(extension uint32) (a events.Attachment, err error) {
	parts, _ := t.member(extension, "extension")
	for c := range t.children(parts) {
		value := t.textAt(c, "valueString")
		switch t.textAt(c, "url") {
		case "name":
			a.Name, err = value, events.ValidateAttachmentName(value)
		case "key":
			a.Key, err = events.ParseKeyID(value)
		case "sha256":
			err = a.Digest.UnmarshalText([]byte(value))
		case "size":
			if size, ok := t.member(c, "valueUnsignedInt"); ok {
				a.Size, err = strconv.ParseInt(string(t.raw(size)), 10, 64)
			}
		}
		if err != nil {
			return a, t.fault(c, "Binary.data.extension", err.Error())
		}
	}
	if a.Name == "" || a.Size < 1 || a.Size > events.MaxAttachment {
		return a, t.fault(extension, "Binary.data.extension", "it refers to no attachment")
	}
	return a, nil
}

// Attach makes a Binary refer to a content: in place of its member _data, which it must
// have.
func Attach(body []byte, a events.Attachment) ([]byte, error) {
	t, err := parse(body)
	if err != nil {
		return nil, err
	}
	defer t.free()
	data, ok := t.member(root, "_data")
	if !ok {
		return nil, t.fault(root, "Binary", "it has no place for a content")
	}
	return apply(t.body, []edit{{t.nodes[data].start, t.nodes[data].end, string(appendAttachment(nil, a))}}), nil
}

func appendAttachment(out []byte, a events.Attachment) []byte {
	part := func(name, value string) {
		out = appendMember(append(out, '{'), "url", name)
		out = append(appendMember(append(out, ','), "valueString", value), "},"...)
	}
	out = append(out, `{"extension":[{"extension":[`...)
	part("name", a.Name)
	part("key", a.Key.String())
	part("sha256", a.Digest.String())
	out = strconv.AppendInt(append(out, `{"url":"size","valueUnsignedInt":`...), a.Size, 10)
	out = appendMember(append(out, "}],"...), "url", AttachmentURL)
	return append(out, "}]}"...)
}

// Part is a piece of a body up to a Binary's reference to a content: what stands before
// the member, and the member itself.
type Part struct {
	Before     []byte
	Version    string // of the Binary, as Binary/id, and /_history/ with its version where it has one
	Attachment events.Attachment
	colon      []byte // between the name and the value, with its white space
}

// Around is what stands before and behind the base64 of the content in the member that
// it goes out in.
func (p Part) Around() (before, after []byte) {
	before = append(append([]byte(`"data"`), p.colon...), '"')
	return before, []byte{'"'}
}

// Absent is the member where the content cannot be had: it says so as FHIR does.
func (p Part) Absent() []byte {
	return slices.Concat([]byte(`"_data"`), p.colon, []byte(absent))
}

const (
	absentURL = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
	absent    = `{"extension":[{"url":"` + absentURL + `","valueCode":"temp-unknown"}]}`
)

// CutAtContents cuts a body, that of a Binary or one with Binaries in it, at each of their
// references to a content. rest is what stands behind the last. The parts are the body's
// own memory.
func CutAtContents(body []byte) (parts []Part, rest []byte, err error) {
	t, err := parse(body)
	if err != nil {
		return nil, body, err
	}
	defer t.free()
	from := uint32(0)
	for i := range uint32(len(t.nodes)) {
		if !t.is(i, object) || t.textAt(i, "resourceType") != "Binary" {
			continue
		}
		data, ok := t.member(i, "_data")
		if !ok {
			continue
		}
		a, attached, _, err := t.reference(data)
		if err != nil {
			return nil, body, err
		}
		if !attached {
			continue
		}
		n := t.nodes[data]
		if n.nameStart <= from { // one within another: from outside, since no door takes such
			return nil, body, t.fault(data, "Binary.data", "it stands within another Binary")
		}
		parts = append(parts, Part{Before: body[from : n.nameStart-1], Version: t.versionOf(i), Attachment: a, colon: body[n.nameEnd+1 : n.start]})
		from = n.end
	}
	return parts, body[from:], nil
}

// versionOf names a resource and its version.
func (t *tree) versionOf(resource uint32) string {
	name := t.textAt(resource, "resourceType") + "/" + t.textAt(resource, "id")
	if meta, ok := t.member(resource, "meta"); ok {
		if version := t.textAt(meta, "versionId"); version != "" {
			name += "/_history/" + version
		}
	}
	return name
}
