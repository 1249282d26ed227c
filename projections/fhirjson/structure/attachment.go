package structure

import (
	"io"
	"slices"

	"github.com/carelog/carelog/projections/fhirjson"
)

// MaxInline is how many bytes of base64 an Attachment may have in its own data, some 96 KiB of
// content: a note, a signature, the picture of a page. What is longer is a letter or scan.
const MaxInline = 128 << 10

// attachmentElements are the elements of R4 that are an Attachment. Some have the name of another
// that is none; those have no data.
var attachmentElements = []string{
	"attachment", "content", "contentAttachment", "defaultValueAttachment", "document", "fixedAttachment", "form", "image", "legallyBindingAttachment",
	"patternAttachment", "photo", "presentedForm", "sequenceAttachment", "sourceAttachment", "valueAttachment",
}

// SplitAttachments reads a resource, or a Bundle of them, as it is sent, and takes the contents of more than
// MaxInline out of its Attachments; see fhirjson.Inline for take, and fhirjson.SplitContents for the rest.
func SplitAttachments(r io.Reader, take func() (content io.Writer, ticket string, err error)) (rest []byte, err error) {
	return fhirjson.SplitContents(r, fhirjson.Inline{In: isAttachment, Longer: MaxInline, Take: take})
}

// SplitRecord is SplitAttachments of one resource, which may be a Binary: its content is taken out as well.
func SplitRecord(r io.Reader, take func() (content io.Writer, ticket string, err error)) (rest []byte, err error) {
	return fhirjson.SplitContents(r, fhirjson.Inline{
		In:     func(name string) bool { return name == "" || isAttachment(name) }, // nothing else has a text under data at its root
		Longer: MaxInline, Take: take,
	})
}

// Stays reports whether an Attachment has no more data than may stay in its record.
func Stays(attachment fhirjson.Element) bool {
	return len(attachment.Member("data").Raw()) <= MaxInline+len(`""`)
}

func isAttachment(name string) bool {
	_, is := slices.BinarySearch(attachmentElements, name)
	return is
}

// MoveContents asks move, for each Attachment of a resource that Check lets pass, what is to stand in place of its
// member data: one or several members in JSON; empty: what stands there. path is that of the Attachment. Its
// errors are those of move; the resource must not be kept after the call.
func MoveContents(body []byte, move func(path string, attachment fhirjson.Element) (members string, err error)) ([]byte, error) {
	v, err := fhirjson.Look(body)
	if err != nil {
		return nil, err
	}
	defer v.Close()
	c := checker{table: table()}
	var swaps []fhirjson.Swap
	c.attachment = func(n fhirjson.Element) {
		data := n.Member("data")
		if data == fhirjson.None || err != nil {
			return
		}
		var members string
		if members, err = move(c.path(), n); members != "" {
			swaps = append(swaps, fhirjson.Swap{Member: data, With: members})
		}
	}
	c.resource(v, outermost)
	if err != nil {
		return nil, err
	}
	return v.Swapped(swaps), nil
}
