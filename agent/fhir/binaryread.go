package fhir

import (
	"errors"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/carelog/carelog/agent/attachments"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
	"github.com/carelog/carelog/projections/fhirjson"
)

// readBinary answers with the version shown: its content, or the resource.
func (h *Handler) readBinary(w http.ResponseWriter, r *http.Request, record events.Record) error {
	state, err := h.records.Record(r.Context(), record)
	if err != nil {
		return err
	}
	v := state.Shown
	if !v.Deleted() && !unreadable(v) {
		w.Header().Set("Vary", "Accept")
		unless, err := parseCondition(r, "If-None-Match")
		if err != nil {
			return err
		}
		if state.Conflict || !unless.any && !slices.Contains(unless.ids, v.Event.ID) {
			return h.sendBinary(w, r, v, state.Conflict)
		}
	}
	return h.read(w, r, record)
}

// vreadBinary answers with one version.
func (h *Handler) vreadBinary(version string) answer {
	otherwise := h.vread(version)
	return func(w http.ResponseWriter, r *http.Request, record events.Record) error {
		id, err := events.ParseID(version)
		if err != nil {
			return otherwise(w, r, record)
		}
		v, err := h.records.Version(r.Context(), record, id)
		if err != nil || v.Deleted() || unreadable(v) {
			return otherwise(w, r, record)
		}
		return h.sendBinary(w, r, v, false)
	}
}

// sendBinary sends one version as it is asked for.
func (h *Handler) sendBinary(w http.ResponseWriter, r *http.Request, v projections.Version, conflict bool) error {
	if err := another(r, v.Event.Record, v.Event.ID, v.Event.ID); err != nil {
		return err
	}
	b, err := fhirjson.BinaryOf(v.Body)
	if err != nil {
		return err
	}
	asResource := wantsResource(r, b.ContentType)
	if !b.Attached {
		setVersion(w, v)
		if asResource {
			send(w, http.StatusOK, stamp(v, conflict))
		} else {
			w.WriteHeader(http.StatusNoContent)
		}
		return nil
	}
	content, err := h.attachments.OpenAttachment(r.Context(), v.Event.Patient, b.Attachment)
	if err != nil {
		return err
	}
	defer content.Close()
	if r.Method != http.MethodHead {
		if err := content.Await(); err != nil { // while there can still be an error
			return err
		}
	}
	setVersion(w, v)
	if asResource {
		return h.sendJSON(w, r, content, stamp(v, conflict))
	}
	if conflict {
		w.Header().Set(ConflictHeader, "true")
	}
	if v.Event.Patient != "" {
		w.Header().Set(securityHeader, "Patient/"+v.Event.Patient)
	}
	sendRaw(w, r, content, b.ContentType)
	return nil
}

// sendRaw sends a content in the type in which it was written. It may be a page that
// somebody has sent to the practice, and comes from our own address: a browser that
// opens it must run nothing of it.
func sendRaw(w http.ResponseWriter, r *http.Request, content *attachments.Content, stored string) {
	mediaType, _, err := mime.ParseMediaType(stored)
	if err != nil {
		stored = "application/octet-stream"
	}
	disposition := "attachment"
	if inline[mediaType] {
		disposition = "inline"
	}
	w.Header().Set("Content-Type", stored)
	w.Header().Set("Content-Disposition", disposition)
	w.Header().Set("Content-Security-Policy", "sandbox; default-src 'none'; style-src 'unsafe-inline'")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	plain := r.Clone(r.Context())
	plain.Header = http.Header{"Range": r.Header.Values("Range")}
	serveContent(w, plain, content)
}

// inline are the types that a browser may show by itself: it runs nothing of them.
var inline = map[string]bool{
	"image/png": true, "image/jpeg": true, "image/gif": true, "image/webp": true, "image/bmp": true, "image/tiff": true, "text/plain": true,
}

// sendJSON sends a Binary with its content in base64.
func (h *Handler) sendJSON(w http.ResponseWriter, r *http.Request, content *attachments.Content, resource []byte) error {
	parts, rest, err := fhirjson.CutAtContents(resource)
	if err == nil && len(parts) != 1 {
		err = errors.New("a version of a Binary has no place for its content")
	}
	if err != nil {
		return err
	}
	f := filled{parts, []*attachments.Content{content}, rest}
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.FormatInt(f.size(), 10))
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodHead {
		return nil
	}
	err = f.writeTo(w)
	if err != nil { // the answer is shorter than it said: the caller sees that it was cut
		h.log.Info("a Binary was not sent to its end", "path", r.URL.Path, "err", err)
	}
	return nil
}

// wantsResource reports whether a Binary is asked for as a resource, and not as its
// content. A content that is JSON itself is only meant by FHIR's own type to be wrapped.
func wantsResource(r *http.Request, stored string) bool {
	own, _, _ := mime.ParseMediaType(stored)
	is := func(mediaType string) bool {
		return isJSON(mediaType) && (mediaType != own || mediaType == "application/fhir+json")
	}
	if format := r.URL.Query().Get("_format"); format != "" {
		mediaType, _, _ := strings.Cut(format, ";")
		return is(strings.ReplaceAll(mediaType, " ", "+")) // an unescaped + in a URL
	}
	best, resource := 0.0, false
	for part := range strings.SplitSeq(strings.Join(r.Header.Values("Accept"), ","), ",") {
		mediaType, params, err := mime.ParseMediaType(part)
		if err != nil {
			continue
		}
		if weight := weightOf(params); weight > best { // of two that are asked for alike, the first
			best, resource = weight, is(mediaType)
		}
	}
	return resource
}
