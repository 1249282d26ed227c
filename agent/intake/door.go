package intake

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/attachments"
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

	apart bool // of a Binary: its content was taken out of the body
}

// Result says what became of the lines of one request.
type Result struct {
	Written   int       `json:"written"`
	Unchanged int       `json:"unchanged"`
	Kept      int       `json:"kept"` // came in just so before, and were changed or deleted here since
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

// Writer is what makes the changes.
type Writer interface {
	WriteMany(ctx context.Context, drafts []agent.Draft) ([]agent.Outcome, error)
}

// Desk is what the door needs of an agent.
type Desk interface {
	Writer
	NewContent() (*attachments.Spool, error)
}

// Bounds of one request, in bytes; a client splits what is more.
const (
	maxRequest = 64 << 20
	maxLine    = 2*events.MaxPlain + 1<<10 // a quote, a backslash or a tab has two bytes in a string
)

// Path is where the door of a desk is, and LetterPath where it takes the Binary of an id.
const (
	Path       = "/api/import"
	letterPath = Path + "/Binary/{id}"
)

// LetterPath is where the Binary of an id is sent by itself, as JSON of up to MaxLetter
// bytes; source is where it comes from.
func LetterPath(id, source string) string {
	return Path + "/Binary/" + url.PathEscape(id) + "?" + url.Values{"source": {source}}.Encode()
}

// NewDoor answers POST of Path, NDJSON of Line in, a Result out, and of LetterPath, a
// Binary in, a Result out; no content is in memory as a whole. It is the way of
// a bulk load: what it takes is in the outbox when it answers, and goes to the server
// from there.
func NewDoor(desk Desk, author func(*http.Request) string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc(Path, answer(func(rw http.ResponseWriter, r *http.Request) (Result, error) {
		return take(r.Context(), desk, http.MaxBytesReader(rw, r.Body, maxRequest), author(r))
	}))
	mux.HandleFunc(letterPath, answer(func(rw http.ResponseWriter, r *http.Request) (Result, error) {
		line := Line{Source: r.URL.Query().Get("source"), Type: "Binary", ID: r.PathValue("id")}
		return takeLetter(r.Context(), desk, http.MaxBytesReader(rw, r.Body, MaxLetter), line, author(r))
	}))
	return mux
}

func answer(take func(http.ResponseWriter, *http.Request) (Result, error)) http.HandlerFunc {
	return func(rw http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			rw.Header().Set("Allow", http.MethodPost)
			refuse(rw, http.StatusMethodNotAllowed, "method", "want POST")
			return
		}
		result, err := take(rw, r)
		var tooLarge *http.MaxBytesError
		switch {
		case errors.As(err, &tooLarge):
			refuse(rw, http.StatusRequestEntityTooLarge, "too-large", fmt.Sprintf("more than %d MiB in one request: send it in parts", tooLarge.Limit>>20))
		case errors.Is(err, bufio.ErrTooLong):
			refuse(rw, http.StatusRequestEntityTooLarge, "too-large", fmt.Sprintf("a line has more than %d bytes: no record can be that large", maxLine))
		case errors.Is(err, errLine):
			refuse(rw, http.StatusBadRequest, "line", err.Error())
		case errors.Is(err, attachments.ErrNoRoom):
			refuse(rw, http.StatusServiceUnavailable, "no-room", err.Error())
		case errors.Is(err, agent.ErrRevoked):
			refuse(rw, http.StatusForbidden, "revoked", err.Error())
		case err != nil:
			refuse(rw, http.StatusInternalServerError, "failed", err.Error())
		default:
			rw.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(rw).Encode(result)
		}
	}
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
			result.refuse(line, err)
			continue
		}
		drafts, sources = append(drafts, d), append(sources, line.Source)
	}
	if err := lines.Err(); err != nil {
		return result, fmt.Errorf("%w: nothing was taken of what does not come to its end: %w", errLine, err)
	}
	return result, write(ctx, w, drafts, sources, &result)
}

// takeLetter takes a Binary, whose content goes to the disk while it comes.
func takeLetter(ctx context.Context, desk Desk, body io.Reader, line Line, author string) (result Result, err error) {
	result.Refused = []Refusal{}
	spool, err := desk.NewContent()
	if err != nil {
		return result, err
	}
	defer func() { err = errors.Join(err, spool.Close()) }()
	rest, found, err := fhirjson.SplitContent(body, spool)
	var wrong *fhirjson.Error
	switch {
	case errors.As(err, &wrong), errors.Is(err, events.ErrAttachmentSize):
		result.refuse(line, err)
		return result, nil
	case err != nil && !errors.Is(err, attachments.ErrNoRoom):
		return result, fmt.Errorf("%w: %w", errLine, err)
	case err != nil:
		return result, err
	}
	line.Body, line.apart = string(rest), found
	d, err := draftOf(line, author)
	if err != nil {
		result.refuse(line, err)
		return result, nil
	}
	if found {
		d.Content = spool
	}
	return result, write(ctx, desk, []agent.Draft{d}, []string{line.Source}, &result)
}

// write makes the changes, and adds to the result what becomes of each. What came in before just so
// undoes nothing that was done here since.
func write(ctx context.Context, w Writer, drafts []agent.Draft, sources []string, result *Result) error {
	for i := range drafts {
		drafts[i].Once = true
	}
	outcomes, err := w.WriteMany(ctx, drafts)
	if err != nil {
		return err
	}
	for i, o := range outcomes {
		switch {
		case o.Unchanged, drafts[i].Create && errors.Is(o.Err, agent.ErrExists):
			result.Unchanged++
		case o.Kept:
			result.Kept++
			result.Warnings = append(result.Warnings, Warning{sources[i], fmt.Sprintf("%s: it came in just so before, and was changed or deleted here since: it stays as it is now", drafts[i].Record)})
			continue
		case o.Err != nil:
			result.Refused = append(result.Refused, Refusal{sources[i], o.Err.Error()})
			continue
		default:
			result.Written++
		}
		for _, doubt := range structure.Warnings(drafts[i].Body) {
			result.Warnings = append(result.Warnings, Warning{sources[i], fmt.Sprintf("%s: %v", drafts[i].Record, doubt)})
		}
	}
	return nil
}

func (r *Result) refuse(line Line, err error) {
	r.Refused = append(r.Refused, Refusal{line.Source, fmt.Sprintf("%s/%s: %v", line.Type, line.ID, err)})
}

// draftOf checks a resource as every door does. A Binary whose content could not be had
// where it was exported is only made where there is none: it takes no content away.
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
	check := structure.Check
	if line.apart {
		check = structure.CheckApart
	}
	if err := check(body); err != nil {
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
	d := agent.Draft{Record: record, Patient: patient, Author: author, Body: body}
	if record.Type == "Binary" {
		b, err := fhirjson.BinaryOf(body)
		if err != nil {
			return agent.Draft{}, err
		}
		d.Create = b.Absent && !b.Inline && !b.Attached && !line.apart
	}
	return d, nil
}

func refuse(w http.ResponseWriter, status int, code, text string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"error": map[string]string{"code": code, "text": text}})
}
