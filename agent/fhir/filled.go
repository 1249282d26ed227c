package fhir

import (
	"encoding/base64"
	"errors"
	"io"

	"github.com/carelog/carelog/agent/attachments"
	"github.com/carelog/carelog/projections/fhirjson"
)

// filled is a resource with the contents of its Binaries where it refers to them: FHIR's
// JSON as it was sent, in base64. It is never in memory as a whole.
type filled struct {
	parts    []fhirjson.Part
	contents []*attachments.Content // one for each part; nil where it cannot be had
	rest     []byte
}

// size is how many bytes it has.
func (f filled) size() int64 {
	n := int64(len(f.rest))
	for i, part := range f.parts {
		n += int64(len(part.Before))
		if f.contents[i] == nil {
			n += int64(len(part.Absent()))
			continue
		}
		before, after := part.Around()
		n += int64(len(before)) + (part.Attachment.Size+2)/3*4 + int64(len(after))
	}
	return n
}

// writeTo writes it, with the contents from where they stand on.
func (f filled) writeTo(w io.Writer) error {
	for i, part := range f.parts {
		if _, err := w.Write(part.Before); err != nil {
			return err
		}
		if f.contents[i] == nil {
			if _, err := w.Write(part.Absent()); err != nil {
				return err
			}
			continue
		}
		before, after := part.Around()
		if _, err := w.Write(before); err != nil {
			return err
		}
		base64Of := base64.NewEncoder(base64.StdEncoding, w)
		_, err := io.Copy(base64Of, f.contents[i])
		if err = errors.Join(err, base64Of.Close()); err != nil {
			return err
		}
		if _, err := w.Write(after); err != nil {
			return err
		}
	}
	_, err := w.Write(f.rest)
	return err
}
