package fhir

import (
	"bytes"
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/carelog/carelog/agent/attachments"
	"github.com/carelog/carelog/agent/letters"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections/fhirjson"
)

// Attachments keeps the contents of Binaries. Errors: attachments.ErrNoRoom, ErrAway and
// ErrUnsent, events.ErrAttachmentSize, ErrForeignAttachment and ErrNoKey, *events.DamagedError.
type Attachments interface {
	NewContent() (*attachments.Spool, error)
	OpenAttachment(ctx context.Context, patient string, of events.Attachment) (*attachments.Content, error)
}

// securityHeader names, with a content that is sent or read as it is, the record by which
// access to it is decided: the patient.
const securityHeader = "X-Security-Context"

// ConflictHeader stands, as "true", on a content whose record is in conflict: it has no
// place for a tag.
const ConflictHeader = "Carelog-Conflict"

// binaryType is the type whose contents are kept beside the records.
const binaryType = "Binary"

// isContent reports whether a record is one whose content is kept beside it: such a
// content is sent and asked for in its own type.
func (h *Handler) isContent(record events.Record) bool {
	return record.Type == binaryType && h.attachments != nil
}

// routeContent puts the answers for a Binary in the place of those for every record.
func (h *Handler) routeContent(steps []string, methods map[string]answer) {
	for method, next := range methods {
		switch {
		case method == http.MethodPost && len(steps) == 1, method == http.MethodPut:
			methods[method] = h.withContent(next)
		case method == http.MethodGet && len(steps) == 2:
			methods[method] = h.readBinary
		case method == http.MethodGet && len(steps) == 4:
			methods[method] = h.vreadBinary(steps[3])
		}
	}
}

// contentKey is where a request carries the content that was taken in.
type contentKey struct{}

// contentOf is the content that came with a request; nil where none did.
func contentOf(r *http.Request) *attachments.Spool {
	spool, _ := r.Context().Value(contentKey{}).(*attachments.Spool)
	return spool
}

// withContent takes the content out of a request that writes a Binary, and hands on what
// is left of it: a resource like any other.
func (h *Handler) withContent(next answer) answer {
	return func(w http.ResponseWriter, r *http.Request, record events.Record) error {
		spool, err := h.attachments.NewContent()
		if err != nil {
			return err
		}
		defer spool.Close()
		body, err := h.takeContent(w, r, record, spool)
		if err != nil {
			return err
		}
		ctx := r.Context()
		if spool.Size() > 0 {
			ctx = context.WithValue(ctx, contentKey{}, spool)
		}
		rest := r.WithContext(ctx)
		rest.Header = r.Header.Clone()
		rest.Header.Set("Content-Type", contentType)
		rest.Body, rest.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		return next(w, rest, record)
	}
}

// takeContent reads a Binary as it is sent, in JSON or as its content alone. It returns
// the resource without the content, which goes to spool.
func (h *Handler) takeContent(w http.ResponseWriter, r *http.Request, record events.Record, spool *attachments.Spool) ([]byte, error) {
	if encoding := r.Header.Get("Content-Encoding"); encoding != "" && encoding != "identity" {
		return nil, problemf(http.StatusUnsupportedMediaType, "not-supported", "send the body as it is, not in %q", encoding)
	}
	given := r.Header.Get("Content-Type")
	mediaType, params, err := mime.ParseMediaType(given)
	if err != nil || !strings.Contains(mediaType, "/") {
		return nil, problemf(http.StatusUnsupportedMediaType, "not-supported", "say in Content-Type what is sent, not %q: a content of any type, or a Binary as application/fhir+json", given)
	}
	if !isJSON(mediaType) {
		return h.takeRaw(w, r, record, given, spool)
	}
	if !versionFits(params) {
		return nil, problemf(http.StatusUnsupportedMediaType, "not-supported", "send application/fhir+json of FHIR 4.0, not %q", given)
	}
	body, found, err := fhirjson.SplitContent(bounded(w, r, letters.MaxBody), spool)
	if err != nil {
		return nil, tooLarge(err)
	}
	if found && spool.Size() == 0 {
		p := badRequest("value", "data is empty: leave it out, or send the content")
		p.path = "Binary.data"
		return nil, p
	}
	return body, nil
}

// takeRaw reads a content that is sent as it is.
func (h *Handler) takeRaw(w http.ResponseWriter, r *http.Request, record events.Record, mediaType string, spool *attachments.Spool) ([]byte, error) {
	if _, err := io.Copy(spool, bounded(w, r, events.MaxAttachment)); err != nil {
		return nil, tooLarge(err)
	}
	if spool.Size() == 0 {
		return nil, badRequest("required", "the body is empty: send the content")
	}
	if len(r.Header.Values(securityHeader)) > 1 {
		return nil, badRequest("value", "%s stands more than once", securityHeader)
	}
	security := r.Header.Get(securityHeader)
	if security == "" && record.ID != "" {
		// A new version of what belongs to a dossier belongs there too.
		if state, err := h.records.Record(r.Context(), record); err == nil && state.Patient != "" {
			security = "Patient/" + state.Patient
		}
	}
	body := fhirjson.NewBinary(mediaType, security)
	if record.ID == "" {
		return body, nil
	}
	return fhirjson.Prepare(body, record.ID)
}

// bounded reads a body up to a limit. One that says that it is larger is not read.
func bounded(w http.ResponseWriter, r *http.Request, limit int64) io.Reader {
	if r.ContentLength > limit {
		w.Header().Set("Connection", "close") // what is on its way is not read
		return errorReader{events.ErrAttachmentSize}
	}
	return http.MaxBytesReader(serverOf(w), r.Body, limit)
}

type errorReader struct{ err error }

func (e errorReader) Read([]byte) (int, error) { return 0, e.err }

// tooLarge sorts the errors of reading a content.
func tooLarge(err error) error {
	var over *http.MaxBytesError
	var body *fhirjson.Error
	switch {
	case errors.As(err, &over):
		return events.ErrAttachmentSize
	case stopped(err) != nil:
		return stopped(err)
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, http.ErrBodyReadAfterClose):
		return badRequest("incomplete", "the body ended too early: %v", err)
	case errors.As(err, &body), attachmentProblem(err) != nil:
		return err
	}
	return badRequest("incomplete", "the body could not be read: %v", err)
}

// attachmentProblem says what an error of a content is over HTTP; nil for all others.
func attachmentProblem(err error) *problem {
	var damaged *events.DamagedError
	switch {
	case errors.Is(err, events.ErrAttachmentSize):
		return problemf(http.StatusRequestEntityTooLarge, "too-long", "%v: at most %d bytes", events.ErrAttachmentSize, events.MaxAttachment)
	case errors.Is(err, attachments.ErrNoRoom):
		return transient("no-store", 30, err)
	case errors.Is(err, attachments.ErrAway), errors.Is(err, attachments.ErrUnsent):
		return transient("incomplete", 5, err)
	case errors.Is(err, events.ErrForeignAttachment), errors.Is(err, events.ErrNoKey):
		return problemf(http.StatusUnprocessableEntity, "value", "%v", err)
	case errors.As(err, &damaged):
		return problemf(http.StatusInternalServerError, "exception", "%v", err)
	}
	return nil
}
