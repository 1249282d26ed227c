package fhir

import (
	"io"
	"net/http"
	"time"
)

// serveContent sends a content, or the part of it that is asked for. http.ServeContent
// says in plain text what it cannot send; here that is an OperationOutcome too.
func serveContent(w http.ResponseWriter, r *http.Request, content io.ReadSeeker) {
	http.ServeContent(&ranged{ResponseWriter: w}, r, "", time.Time{}, content)
}

// ranged puts an OperationOutcome in the place of what http.ServeContent says of an error.
type ranged struct {
	http.ResponseWriter
	refused bool
}

// Unwrap lets http.ResponseController find what stands below.
func (w *ranged) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeader answers in full where there is an error.
func (w *ranged) WriteHeader(status int) {
	if status < http.StatusBadRequest {
		w.ResponseWriter.WriteHeader(status)
		return
	}
	w.refused = true
	code, text := "processing", "it cannot be sent: ask for all of it"
	switch status {
	case http.StatusRequestedRangeNotSatisfiable:
		code, text = "value", "there is no such range: Content-Range says how long it is"
	case http.StatusPreconditionFailed:
		code, text = "conflict", "it is another one than the request is for: ask for all of it"
	}
	for _, name := range []string{"Content-Disposition", "Content-Length"} { // of the content
		w.Header().Del(name)
	}
	send(w.ResponseWriter, status, outcome(issue{Severity: "error", Code: code, Diagnostics: text}))
}

// Write passes a content on, and drops what is said of an error.
func (w *ranged) Write(p []byte) (int, error) {
	if w.refused {
		return len(p), nil
	}
	return w.ResponseWriter.Write(p)
}
