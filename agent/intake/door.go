package intake

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/attachments"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
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
	Kept      int       `json:"kept"` // came in just so before, and were changed or deleted here since
	Refused   []Refusal `json:"refused"`
	Unlisted  int       `json:"unlisted,omitempty"` // were refused as well, beside so many that are listed
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
	Transact(ctx context.Context, plan agent.Plan) ([]agent.Written, error)
	Said(ctx context.Context, d agent.Draft, asGood ...[]byte) (agent.Outcome, error)
	NameFor(what string, number int) string
}

// Standing is what is asked of the records that stand: errors wrap projections.ErrNotFound where there is none.
type Standing interface {
	Record(ctx context.Context, r events.Record) (projections.State, error)
}

// Bounds of one request of lines, in bytes; a client splits what is more.
const (
	maxRequest = 64 << 20
	maxLine    = 2*events.MaxPlain + 1<<10 // a quote, a backslash or a tab has two bytes in a string
)

// Path is where the door of a desk is, and LetterPath where it takes one resource with a content in it.
const (
	Path       = "/api/import"
	letterPath = Path + "/{type}/{id}"
)

// NDJSON is the type of FHIR's own lines, as $export gives them out.
const NDJSON = "application/fhir+ndjson"

// LetterPath is where a resource is sent by itself, as JSON of up to MaxLetter bytes; source is where
// it comes from.
func LetterPath(typ, id, source string) string {
	return Path + "/" + url.PathEscape(typ) + "/" + url.PathEscape(id) + "?" + url.Values{"source": {source}}.Encode()
}

// NewDoor answers POST of Path, NDJSON of Line in, or resources of FHIR as lines (NDJSON) without end, and of LetterPath, one
// resource in; a Result out. No content is in memory as a whole. It is the way of
// a bulk load: what it takes is in the outbox when it answers, and goes to the server
// from there.
func NewDoor(desk Desk, standing Standing, author func(*http.Request) string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc(Path, answer(func(rw http.ResponseWriter, r *http.Request, in *taking) error {
		if mediaType, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); mediaType == NDJSON {
			return in.stream(r.Context(), r.Body)
		}
		return in.lines(r.Context(), http.MaxBytesReader(rw, r.Body, maxRequest))
	}, desk, standing, author))
	mux.HandleFunc(letterPath, answer(func(rw http.ResponseWriter, r *http.Request, in *taking) error {
		return in.letter(r.Context(), http.MaxBytesReader(rw, r.Body, MaxLetter), Line{Source: r.URL.Query().Get("source"), Type: r.PathValue("type"), ID: r.PathValue("id")})
	}, desk, standing, author))
	return mux
}

func answer(take func(http.ResponseWriter, *http.Request, *taking) error, desk Desk, standing Standing, author func(*http.Request) string) http.HandlerFunc {
	return func(rw http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			rw.Header().Set("Allow", http.MethodPost)
			refuse(rw, http.StatusMethodNotAllowed, "method", "want POST")
			return
		}
		in := newTaking(desk, standing, author(r))
		err := errors.Join(take(rw, r, in), in.bag.Close())
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
			_ = json.NewEncoder(rw).Encode(in.result)
		}
	}
}

var errLine = errors.New("the request is no NDJSON of resources")

// draftOf checks a resource as every door does. A Binary whose content could not be had
// where it was exported is only made where there is none: it takes no content away.
func draftOf(line Line, author string) (agent.Draft, error) {
	return draftWith(line, []byte(line.Body), nil, author)
}

// draftWith is draftOf of a body, from which the content of a Binary may have been taken out.
func draftWith(line Line, body []byte, content *attachments.Spool, author string) (agent.Draft, error) {
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
	if content != nil {
		check = structure.CheckApart
	}
	if err := check(body); err != nil {
		return agent.Draft{}, err
	}
	patient, err := fhirjson.PatientOf(body, structure.IsType)
	if err != nil {
		return agent.Draft{}, err
	}
	record := events.Record{Type: line.Type, ID: line.ID}
	if err := record.Validate(); err != nil {
		return agent.Draft{}, err
	}
	d := agent.Draft{Record: record, Patient: patient, Author: author, Body: body, Content: content}
	if record.Type == "Binary" {
		b, err := fhirjson.BinaryOf(body)
		if err != nil {
			return agent.Draft{}, err
		}
		d.Create = b.Absent && !b.Inline && !b.Attached && content == nil
	}
	return d, nil
}

func refuse(w http.ResponseWriter, status int, code, text string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"error": map[string]string{"code": code, "text": text}})
}
