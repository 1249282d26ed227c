package fhirjson

import (
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
	list, ok := t.member(data, "extension")
	if !ok {
		return b, nil
	}
	for c := range t.children(list) {
		if t.textAt(c, "url") != AttachmentURL {
			continue
		}
		if b.Attached {
			return b, t.fault(c, "Binary.data.extension", "it stands twice")
		}
		b.Attached = true
		if b.Attachment, err = t.attachment(c); err != nil {
			return b, err
		}
	}
	return b, nil
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

// AroundContent returns what stands before and behind the base64 of the content in the
// JSON form of a Binary that refers to one; ok is false where body is none.
func AroundContent(body []byte) (before, after []byte, ok bool) {
	t, err := parse(body)
	if err != nil {
		return nil, nil, false
	}
	defer t.free()
	data, ok := t.member(root, "_data")
	if !ok {
		return nil, nil, false
	}
	n := t.nodes[data]
	before = append(before, body[:n.nameStart]...)
	before = append(append(append(before, "data"...), body[n.nameEnd:n.start]...), '"')
	return before, append([]byte{'"'}, body[n.end:]...), true
}
