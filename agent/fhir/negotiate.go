package fhir

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/carelog/carelog/agent/letters"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections/fhirjson"
)

const contentType = "application/fhir+json; charset=utf-8"

// send writes an answer. An error means that the caller went away.
func send(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// isJSON reports whether a media type is FHIR's JSON or may pass for it.
func isJSON(mediaType string) bool {
	switch mediaType {
	case "application/fhir+json", "application/json", "text/json", "application/json+fhir", "json":
		return true
	}
	return false
}

// acceptable checks that the caller takes JSON. `_format` goes before Accept.
func acceptable(r *http.Request) error {
	if format := r.URL.Query().Get("_format"); format != "" {
		mediaType, _, _ := strings.Cut(format, ";")
		if isJSON(strings.ReplaceAll(mediaType, " ", "+")) { // an unescaped + in a URL
			return nil
		}
		return problemf(http.StatusNotAcceptable, "not-supported", "there is JSON only, not _format=%s", format)
	}
	accept := strings.Join(r.Header.Values("Accept"), ",")
	if strings.TrimSpace(accept) == "" {
		return nil
	}
	for part := range strings.SplitSeq(accept, ",") {
		mediaType, params, err := mime.ParseMediaType(part)
		if err != nil || weightOf(params) == 0 || !versionFits(params) {
			continue
		}
		if isJSON(mediaType) || mediaType == "*/*" || mediaType == "application/*" {
			return nil
		}
	}
	return problemf(http.StatusNotAcceptable, "not-supported", "there is application/fhir+json of FHIR 4.0 only, not %s", accept)
}

// weightOf is how much a caller wants a media type, from 0 to 1; 0 where nobody can tell.
func weightOf(params map[string]string) float64 {
	q, ok := params["q"]
	if !ok {
		return 1
	}
	weight, err := strconv.ParseFloat(q, 64)
	if err != nil || !(weight >= 0 && weight <= 1) {
		return 0
	}
	return weight
}

// versionFits reports whether a media type asks for our version of FHIR, or for none.
func versionFits(params map[string]string) bool {
	v, ok := params["fhirversion"]
	return !ok || v == "4.0" || strings.HasPrefix(v, "4.0.")
}

// resourceBody reads a resource that was sent, up to what a record may have beside the contents
// that leave it. One that is larger is refused without being read.
func resourceBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	mediaType, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	charset := strings.ToLower(params["charset"])
	if err != nil || !isJSON(mediaType) || !versionFits(params) || charset != "" && charset != "utf-8" {
		return nil, problemf(http.StatusUnsupportedMediaType, "not-supported",
			"send application/fhir+json of FHIR 4.0 in UTF-8, not %q", r.Header.Get("Content-Type"))
	}
	if bag := bagOf(r); bag != nil {
		return readBody(w, r, letters.MaxBody, bag.Read)
	}
	return readBody(w, r, events.MaxPlain, io.ReadAll)
}

// patchType is the only form of a patch that is taken.
const patchType = "application/json-patch+json"

// patchBody reads a JSON Patch that was sent.
func patchBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	mediaType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || mediaType != patchType {
		p := problemf(http.StatusUnsupportedMediaType, "not-supported", "send a patch as %s, not %q", patchType, r.Header.Get("Content-Type"))
		p.header = http.Header{"Accept-Patch": {patchType}}
		return nil, p
	}
	body, err := readBody(w, r, events.MaxPlain, io.ReadAll)
	if err != nil && problemOf(err).status == http.StatusRequestEntityTooLarge {
		err = problemf(http.StatusRequestEntityTooLarge, "too-long", "the patch is over %d bytes: send a letter or scan of up to 50 MiB by itself (POST %s/Binary, and refer to it by attachment.url), or the whole resource with PUT", events.MaxPlain, Root)
	}
	return body, err
}

// readBody reads a body, of which read leaves no more than a record may have.
func readBody(w http.ResponseWriter, r *http.Request, limit int64, read func(io.Reader) ([]byte, error)) ([]byte, error) {
	tooLarge := problemf(http.StatusRequestEntityTooLarge, "too-long",
		"the body is over %d bytes: %s", limit, sendApart)
	if r.ContentLength > limit {
		w.Header().Set("Connection", "close") // what is on its way is not read
		return nil, tooLarge
	}
	var from io.Reader = http.MaxBytesReader(serverOf(w), r.Body, limit)
	switch encoding := r.Header.Get("Content-Encoding"); encoding {
	case "", "identity":
	case "gzip":
		unpacked, err := unpack(from)
		if err != nil {
			return nil, badRequest("structure", "the body is no gzip: %v", err)
		}
		from = unpacked
	default:
		p := problemf(http.StatusUnsupportedMediaType, "not-supported", "send the body as it is or in gzip, not in %q", encoding)
		p.header = http.Header{"Accept-Encoding": {"gzip"}}
		return nil, p
	}
	body, err := read(http.MaxBytesReader(serverOf(w), io.NopCloser(from), limit)) // what is unpacked, too
	var over *http.MaxBytesError
	var wrong *fhirjson.Error
	switch {
	case errors.As(err, &over):
		return nil, tooLarge
	case errors.As(err, &wrong), attachmentProblem(err) != nil:
		w.Header().Set("Connection", "close") // as above
		return nil, err
	case stopped(err) != nil:
		return nil, stopped(err)
	case err != nil:
		return nil, badRequest("incomplete", "the body ended too early: %v", err)
	}
	return body, nil
}

// preference returns what a Prefer header says of one thing, such as return=minimal.
func preference(r *http.Request, name string) string {
	for _, header := range r.Header.Values("Prefer") {
		for part := range strings.FieldsFuncSeq(header, func(c rune) bool { return c == ',' || c == ';' }) {
			if key, value, ok := strings.Cut(strings.TrimSpace(part), "="); ok && strings.EqualFold(key, name) {
				return strings.Trim(value, `"`)
			}
		}
	}
	return ""
}
