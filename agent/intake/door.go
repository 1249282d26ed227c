package intake

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections/fhirjson"
	"github.com/carelog/carelog/projections/fhirjson/structure"
)

// Line is one resource on its way to a desk, as a line of JSON. Body is a string, so
// that the bytes of the resource arrive as they are. What HTML wants escaped stays as it
// is in the line (json.Encoder.SetEscapeHTML): in six bytes for one, a resource that is not
// too large would make a line that is.
type Line struct {
	Source string `json:"source"`
	Type   string `json:"type"`
	ID     string `json:"id"`
	Body   string `json:"body"`
}

// Result says what became of the lines of one request.
type Result struct {
	Written   int       `json:"written"`
	Unchanged int       `json:"unchanged"`
	Refused   []Refusal `json:"refused"`
	Warnings  []Warning `json:"warnings,omitempty"`
}

// Refusal is a resource that was not taken in.
type Refusal struct {
	Source string `json:"source"`
	Error  string `json:"error"`
}

// Warning is what is doubtful in a resource that was taken in as it is.
type Warning struct {
	Source string `json:"source"`
	Text   string `json:"text"`
}

// Writer is what the door needs of an agent.
type Writer interface {
	WriteMany(ctx context.Context, drafts []agent.Draft) ([]agent.Outcome, error)
}

// Bounds of one request, in bytes; a client splits what is more.
const (
	maxRequest = 64 << 20
	maxLine    = 2*events.MaxPlain + 1<<10 // a quote, a backslash or a tab has two bytes in a string
)

// NewDoor answers POST /api/import: NDJSON of Line in, a Result out. It is the way of
// a bulk load: what it takes is in the outbox when it answers, and goes to the server
// from there.
func NewDoor(w Writer, author func(*http.Request) string) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			rw.Header().Set("Allow", http.MethodPost)
			refuse(rw, http.StatusMethodNotAllowed, "method", "want POST")
			return
		}
		result, err := take(r.Context(), w, http.MaxBytesReader(rw, r.Body, maxRequest), author(r))
		var tooLarge *http.MaxBytesError
		switch {
		case errors.As(err, &tooLarge):
			refuse(rw, http.StatusRequestEntityTooLarge, "too-large", fmt.Sprintf("more than %d MiB in one request: send it in parts", maxRequest>>20))
		case errors.Is(err, bufio.ErrTooLong):
			refuse(rw, http.StatusRequestEntityTooLarge, "too-large", fmt.Sprintf("a line has more than %d bytes: no record can be that large", maxLine))
		case errors.Is(err, errLine):
			refuse(rw, http.StatusBadRequest, "line", err.Error())
		case errors.Is(err, agent.ErrRevoked):
			refuse(rw, http.StatusForbidden, "revoked", err.Error())
		case err != nil:
			refuse(rw, http.StatusInternalServerError, "failed", err.Error())
		default:
			rw.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(rw).Encode(result)
		}
	})
}

var errLine = errors.New("the request is no NDJSON of resources")

func take(ctx context.Context, w Writer, body io.Reader, author string) (result Result, err error) {
	result.Refused = []Refusal{}
	var drafts []agent.Draft
	var sources []string
	lines := bufio.NewScanner(body)
	lines.Buffer(make([]byte, 64<<10), maxLine)
	for n := 1; lines.Scan(); n++ {
		var line Line
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			return result, fmt.Errorf("line %d: %w: %w", n, errLine, err)
		}
		d, err := draftOf(line, author)
		if err != nil {
			result.Refused = append(result.Refused, Refusal{line.Source, fmt.Sprintf("%s/%s: %v", line.Type, line.ID, err)})
			continue
		}
		drafts, sources = append(drafts, d), append(sources, line.Source)
	}
	if err := lines.Err(); err != nil {
		return result, fmt.Errorf("%w: nothing was taken of what does not come to its end: %w", errLine, err)
	}
	outcomes, err := w.WriteMany(ctx, drafts)
	if err != nil {
		return result, err
	}
	for i, o := range outcomes {
		switch {
		case o.Err != nil:
			result.Refused = append(result.Refused, Refusal{sources[i], o.Err.Error()})
			continue
		case o.Unchanged:
			result.Unchanged++
		default:
			result.Written++
		}
		for _, doubt := range structure.Warnings(drafts[i].Body) {
			result.Warnings = append(result.Warnings, Warning{sources[i], fmt.Sprintf("%s: %v", drafts[i].Record, doubt)})
		}
	}
	return result, nil
}

// draftOf checks a resource as every door does.
func draftOf(line Line, author string) (agent.Draft, error) {
	body := []byte(line.Body)
	head, err := fhirjson.Check(body)
	if err != nil {
		return agent.Draft{}, err
	}
	if head.ResourceType != line.Type {
		return agent.Draft{}, fmt.Errorf("it is a %s, not a %s", head.ResourceType, line.Type)
	}
	if line.Type == "Parameters" || line.Type == "OperationOutcome" {
		return agent.Draft{}, fmt.Errorf("a %s is a question or an answer, and no record", line.Type)
	}
	if body, err = fhirjson.Prepare(body, line.ID); err != nil {
		return agent.Draft{}, err
	}
	if err := structure.Check(body); err != nil {
		return agent.Draft{}, err
	}
	patient, err := fhirjson.PatientOf(body)
	if err != nil {
		return agent.Draft{}, err
	}
	record := events.Record{Type: line.Type, ID: line.ID}
	if err := record.Validate(); err != nil {
		return agent.Draft{}, err
	}
	return agent.Draft{Record: record, Patient: patient, Author: author, Body: body}, nil
}

func refuse(w http.ResponseWriter, status int, code, text string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"error": map[string]string{"code": code, "text": text}})
}
