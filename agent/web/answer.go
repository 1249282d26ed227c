package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strings"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/snapshot"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
	"github.com/carelog/carelog/projections/fhirjson"
)

// route answers a path by method, and every failure as JSON.
func (h *Handler) route(pattern string, byMethod methods) {
	allow := strings.Join(slices.Sorted(maps.Keys(byMethod)), ", ")
	h.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		answer, ok := byMethod[r.Method]
		if !ok {
			w.Header().Set("Allow", allow)
			h.fail(w, r, &apiError{http.StatusMethodNotAllowed, "method", fmt.Sprintf("%s takes %s, not %s", r.URL.Path, allow, r.Method), nil})
			return
		}
		if err := answer(w, r); err != nil {
			h.fail(w, r, err)
		}
	})
}

// apiError is a failure in the words of the API.
type apiError struct {
	status int
	code   string // stable, for scripts
	text   string
	extra  map[string]any // beside "error", where the answer says more
}

// Error is the text that a caller is given.
func (e *apiError) Error() string { return e.text }

func badRequest(format string, args ...any) error {
	return &apiError{http.StatusBadRequest, "request", fmt.Sprintf(format, args...), nil}
}

func notFound(format string, args ...any) error {
	return &apiError{http.StatusNotFound, "not-found", fmt.Sprintf(format, args...), nil}
}

// fail answers with an error; what is not the caller's is logged as well.
func (h *Handler) fail(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() != nil {
		return // nobody is there to be told
	}
	e := explain(err)
	if e.status >= http.StatusInternalServerError {
		h.log.Error("request failed", "method", r.Method, "path", r.URL.Path, "error", err)
	}
	body := map[string]any{"error": map[string]string{"code": e.code, "text": e.text}}
	maps.Copy(body, e.extra)
	_ = writeJSON(w, e.status, body)
}

// explain finds the answer for an error of the agent or the store.
func explain(err error) *apiError {
	var own *apiError
	var moved *agent.MovedError
	var content *fhirjson.Error
	var refused *events.RefusedError
	var taken *events.LeaseTakenError
	var full *projections.DiskError
	switch {
	case errors.As(err, &own):
		return own
	case errors.Is(err, projections.ErrNotFound), errors.Is(err, agent.ErrNotFound):
		return &apiError{http.StatusNotFound, "not-found", err.Error(), nil}
	case errors.Is(err, agent.ErrIncomplete):
		return &apiError{http.StatusServiceUnavailable, "incomplete", err.Error(), nil}
	case errors.Is(err, agent.ErrRevoked):
		return &apiError{http.StatusForbidden, "revoked", err.Error(), nil}
	case errors.Is(err, agent.ErrProtected):
		return &apiError{http.StatusForbidden, "protected", err.Error(), nil}
	case errors.Is(err, agent.ErrGone):
		return &apiError{http.StatusGone, "gone", err.Error(), nil}
	case errors.As(err, &moved):
		return &apiError{http.StatusUnprocessableEntity, "moved", err.Error(), nil}
	case errors.As(err, &content):
		return &apiError{http.StatusUnprocessableEntity, "content", err.Error(), nil}
	case errors.Is(err, agent.ErrNoChoice):
		return &apiError{http.StatusUnprocessableEntity, "choice", err.Error(), nil}
	case errors.As(err, &refused):
		return &apiError{http.StatusUnprocessableEntity, "refused", err.Error(), nil}
	case errors.As(err, &taken):
		return &apiError{http.StatusConflict, "taken", err.Error(), nil}
	case errors.Is(err, agent.ErrNotLevel), errors.Is(err, events.ErrOffline):
		return &apiError{http.StatusServiceUnavailable, "not-level", err.Error(), nil}
	case errors.Is(err, events.ErrFull), errors.Is(err, snapshot.ErrNoRoom), errors.As(err, &full):
		return &apiError{http.StatusInsufficientStorage, "full", err.Error(), nil}
	case errors.Is(err, agent.ErrDisk):
		return &apiError{http.StatusInsufficientStorage, "disk", err.Error(), nil}
	case errors.Is(err, events.ErrTooLarge):
		return &apiError{http.StatusRequestEntityTooLarge, "too-large", err.Error(), nil}
	}
	return &apiError{http.StatusInternalServerError, "internal", err.Error(), nil}
}

// answerTo says how an error is answered.
type answerTo struct {
	is     error
	status int
	code   string
}

// answered is err as the first of the answers to it; nil: it has none.
func answered(err error, answers []answerTo) error {
	for _, a := range answers {
		if errors.Is(err, a.is) {
			return &apiError{a.status, a.code, err.Error(), nil}
		}
	}
	return nil
}

// writeJSON answers with v. It is marshalled whole first, so that a failure can still
// be answered as one; the bytes within a json.RawMessage keep their digits.
func writeJSON(w http.ResponseWriter, status int, v any) error {
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return fmt.Errorf("write the answer: %w", err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body.Bytes()) // a caller that went away misses nothing
	return nil
}

// readJSON reads the one JSON value of a request: no unknown names, nothing after it.
// The content type is part of the guard: a form of another site cannot send it.
func readJSON(w http.ResponseWriter, r *http.Request, limit int64, v any) error {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return &apiError{http.StatusUnsupportedMediaType, "content-type", "the request must be application/json", nil}
	}
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, limit))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(v); err != nil {
		return refuseJSON(err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return badRequest("there is more than one JSON value in the request")
	}
	return nil
}

func refuseJSON(err error) error {
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return &apiError{http.StatusRequestEntityTooLarge, "too-large", fmt.Sprintf("the request has more than %d bytes", large.Limit), nil}
	}
	return badRequest("the request cannot be read: %v", err)
}

// noBody refuses a body where none means anything, so that a mistake is not taken
// for a success.
func noBody(w http.ResponseWriter, r *http.Request) error {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<10))
	if err != nil {
		return refuseJSON(err)
	}
	if text := bytes.TrimSpace(body); len(text) > 0 && string(text) != "{}" {
		return badRequest("%s takes no content", r.URL.Path)
	}
	return nil
}

// recordOf reads the record that a path names.
func recordOf(r *http.Request) (events.Record, error) {
	record := events.Record{Type: r.PathValue("type"), ID: r.PathValue("id")}
	if err := record.Validate(); err != nil {
		return record, badRequest("the path names no record: %v", err)
	}
	return record, nil
}
