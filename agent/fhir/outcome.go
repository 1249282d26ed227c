package fhir

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
	"github.com/carelog/carelog/projections/fhirjson"
	"github.com/carelog/carelog/projections/fhirjson/structure"
)

// problem is an answer that is not what was asked for.
type problem struct {
	status int
	code   string // of FHIR's issue-type
	text   string
	path   string      // FHIRPath of the place in the body; empty where it is the whole
	header http.Header // beside the usual ones
	heads  []events.ID // what stands now, where the caller's is stale
	issues []issue     // in place of code, text and path, where there may be several
}

// Error is the text.
func (p *problem) Error() string { return p.text }

func problemf(status int, code, format string, args ...any) *problem {
	return &problem{status: status, code: code, text: fmt.Sprintf(format, args...)}
}

func notFound(format string, args ...any) *problem {
	return problemf(http.StatusNotFound, "not-found", format, args...)
}

func badRequest(code, format string, args ...any) *problem {
	return problemf(http.StatusBadRequest, code, format, args...)
}

func notAllowed(methods map[string]answer, method string) *problem {
	allowed := slices.Sorted(maps.Keys(methods))
	if slices.Contains(allowed, http.MethodGet) {
		allowed = append(allowed, http.MethodHead)
	}
	p := problemf(http.StatusMethodNotAllowed, "not-supported", "%s is not possible here: only %s", method, strings.Join(allowed, ", "))
	p.header = http.Header{"Allow": {strings.Join(allowed, ", ")}}
	return p
}

// sendApart is what to do with what is too large for a record.
const sendApart = "send a letter or scan of up to 50 MiB by itself (POST " + Root + "/Binary, and refer to it by attachment.url), or as attachment.data"

// fail answers with the OperationOutcome of an error.
func (h *Handler) fail(w http.ResponseWriter, r *http.Request, err error) {
	p := problemOf(err)
	if p.status >= http.StatusInternalServerError {
		h.log.Error("request failed", "method", r.Method, "path", r.URL.Path, "request", w.Header().Get(requestID), "err", err)
	}
	maps.Copy(w.Header(), p.header)
	issues := p.issues
	if issues == nil {
		issues = []issue{{Severity: "error", Code: p.code, Diagnostics: clipped(p.text)}}
		if p.path != "" {
			issues[0].Expression = []string{p.path}
		}
	}
	for _, head := range p.heads {
		issues = append(issues, issue{Severity: "information", Code: "informational", Details: &concept{
			Coding: []coding{{System: fhirjson.ConflictTag.System, Code: "head"}}, Text: head.String(),
		}})
	}
	send(w, p.status, outcome(issues...))
}

// maxSaid bounds the text of an error, in bytes: the value that it names may be as long as a
// request.
const maxSaid = 2000

func clipped(text string) string {
	if len(text) <= maxSaid {
		return text
	}
	return strings.ToValidUTF8(text[:maxSaid], "") + "…"
}

// problemOf says over HTTP what an error says in Go.
func problemOf(err error) *problem {
	var (
		p       *problem
		body    *fhirjson.Error
		wrong   *structure.Error
		stale   *agent.StaleError
		moved   *agent.MovedError
		refused *events.RefusedError
		patch   *fhirjson.PatchError
	)
	if p := attachmentProblem(err); p != nil {
		return p
	}
	switch {
	case errors.As(err, &p):
		return p
	case errors.As(err, &body) && body.TooLarge, errors.Is(err, events.ErrTooLarge):
		return problemf(http.StatusRequestEntityTooLarge, "too-long", "%v: %s", err, sendApart)
	case errors.As(err, &body):
		p = badRequest("structure", "%v", body)
		p.path = body.Path
		return p
	case errors.As(err, &wrong):
		return structureProblem(wrong)
	case errors.As(err, &patch) && patch.Malformed:
		return badRequest("structure", "%v", patch)
	case errors.As(err, &patch):
		return problemf(http.StatusUnprocessableEntity, "processing", "%v", patch)
	case errors.As(err, &stale):
		return staleProblem(stale)
	case errors.Is(err, agent.ErrTooMany):
		return problemf(http.StatusRequestEntityTooLarge, "too-costly", "%v", err)
	case errors.Is(err, agent.ErrBusy):
		return transient("lock-error", 1, err)
	case errors.Is(err, agent.ErrExists):
		return problemf(http.StatusPreconditionFailed, "conflict", "%v", err)
	case errors.Is(err, agent.ErrIncomplete) && errors.Is(err, projections.ErrNotFound):
		p = problemf(http.StatusNotFound, "incomplete", "%v", err)
		p.header = http.Header{"Retry-After": {"5"}}
		return p
	case errors.Is(err, agent.ErrNotFound), errors.Is(err, projections.ErrNotFound):
		return notFound("%v", err)
	case errors.Is(err, agent.ErrIncomplete):
		return transient("incomplete", 5, err)
	case errors.Is(err, agent.ErrProtected), errors.Is(err, agent.ErrRevoked):
		return problemf(http.StatusForbidden, "forbidden", "%v", err)
	case errors.Is(err, agent.ErrGone):
		return problemf(http.StatusGone, "deleted", "%v", err)
	case errors.As(err, &moved):
		return problemf(http.StatusUnprocessableEntity, "business-rule", "%v", err)
	case errors.Is(err, agent.ErrNoChoice):
		return badRequest("required", "%v", err)
	case errors.As(err, &refused):
		return problemf(http.StatusUnprocessableEntity, "processing", "%v", err)
	case errors.Is(err, agent.ErrDisk):
		return transient("no-store", 30, err)
	case errors.Is(err, projections.ErrFeed):
		return problemf(http.StatusGone, "not-found", "%v: begin again at the first page", err)
	case errors.Is(err, projections.ErrCursor), errors.Is(err, projections.ErrQuery):
		return badRequest("value", "%v", err)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return transient("timeout", 1, err)
	}
	return problemf(http.StatusInternalServerError, "exception", "%v", err)
}

// structureProblem says in what a body that can be read is no resource of R4.
func structureProblem(wrong *structure.Error) *problem {
	p := problemf(http.StatusUnprocessableEntity, string(wrong.Issues[0].Code), "%v", wrong)
	p.issues = issuesOf("error", wrong.Issues)
	if wrong.More {
		p.issues = append(p.issues, issue{Severity: "information", Code: "incomplete",
			Diagnostics: fmt.Sprintf("there is more than these %d: correct them and send it again", len(wrong.Issues))})
	}
	return p
}

// transient is a failure that passes, after so many seconds.
func transient(code string, after int, err error) *problem {
	p := problemf(http.StatusServiceUnavailable, code, "%v: try again", err)
	p.header = http.Header{"Retry-After": {strconv.Itoa(after)}}
	return p
}

// staleProblem carries what stands now, so that the caller can read it and decide.
func staleProblem(stale *agent.StaleError) *problem {
	p := problemf(http.StatusPreconditionFailed, "conflict", "%v", stale)
	p.heads = stale.Heads
	if len(stale.Heads) > 0 {
		p.header = http.Header{"Etag": {etag(stale.Heads[0])}}
	}
	return p
}

type coding struct {
	System string `json:"system,omitempty"`
	Code   string `json:"code,omitempty"`
}

type concept struct {
	Coding []coding `json:"coding,omitempty"`
	Text   string   `json:"text,omitempty"`
}

// issue is one of an OperationOutcome.
type issue struct {
	Severity    string   `json:"severity"`
	Code        string   `json:"code"`
	Details     *concept `json:"details,omitempty"`
	Diagnostics string   `json:"diagnostics,omitempty"`
	Expression  []string `json:"expression,omitempty"`
}

// issuesOf says in an OperationOutcome what was found in a resource.
func issuesOf(severity string, found []structure.Issue) []issue {
	issues := make([]issue, len(found))
	for i, f := range found {
		issues[i] = issue{Severity: severity, Code: string(f.Code), Diagnostics: f.Text, Expression: []string{f.Path}}
	}
	return issues
}

// outcome writes an OperationOutcome. What an error names came from outside, and may have what
// no text of FHIR may.
func outcome(issues ...issue) []byte {
	for i := range issues {
		issues[i].Diagnostics = strings.Map(printable, issues[i].Diagnostics)
	}
	return encode(struct {
		ResourceType string  `json:"resourceType"`
		Issue        []issue `json:"issue"`
	}{"OperationOutcome", issues})
}

// printable puts a mark where a control character stands that a string of R4 has not.
func printable(r rune) rune {
	if r < ' ' && r != '\t' && r != '\r' && r != '\n' {
		return '\uFFFD'
	}
	return r
}

// encode writes what we made ourselves as JSON. It is not for resources of others:
// encoding/json would set their white space anew.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err) // our own types all have a JSON form
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
