package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/guard"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
	"github.com/carelog/carelog/projections/fhirjson"
	"github.com/carelog/carelog/projections/fhirjson/structure"
)

// maxResolve bounds a resolution, in bytes: a resource, and the ids of its heads.
const maxResolve = events.MaxPlain + events.MaxParents*32 + 1<<10

// conflict is a line of the conflict table.
type conflict struct {
	Type    string     `json:"type"`
	ID      string     `json:"id"`
	Patient string     `json:"patient"`
	Since   *time.Time `json:"since,omitempty"`
	Heads   []head     `json:"heads"`
}

// comparison is a conflict behind the magnifying glass.
type comparison struct {
	conflict
	Conflict bool  `json:"conflict"` // false: it was settled
	Ancestor *head `json:"ancestor"` // the latest version that all heads build on; null where there is none
	// Differences compares each head with the first one, which is the one shown. Heads
	// that cannot be read are left out; a deletion lacks every field.
	Differences []headDifference `json:"differences"`
}

// headDifference is how one head (b) differs from the first one (a).
type headDifference struct {
	A      events.ID             `json:"a"`
	B      events.ID             `json:"b"`
	Fields []fhirjson.Difference `json:"fields"`
}

func newConflict(s projections.State, withContent bool) conflict {
	c := conflict{Type: s.Record.Type, ID: s.Record.ID, Patient: s.Patient, Heads: newHeads(s.Heads, withContent)}
	if !s.Since.IsZero() {
		c.Since = &s.Since
	}
	return c
}

// conflicts answers GET /api/conflicts; "incomplete" says that it may lack one, or have one that is
// settled: this desk has not read everything yet, or cannot show a change that was made here.
func (h *Handler) conflicts(w http.ResponseWriter, r *http.Request) error {
	incomplete := h.desk.Incomplete(r.Context()) != nil // before the list: what is shown in between would else be missing unsaid
	states, err := h.records.Conflicts(r.Context())
	if err != nil {
		return err
	}
	list := make([]conflict, len(states))
	for i, s := range states {
		list[i] = newConflict(s, false)
	}
	return writeJSON(w, http.StatusOK, map[string]any{"conflicts": list, "incomplete": incomplete})
}

// conflict answers GET /api/conflicts/<Type>/<id>. A record that is not in conflict
// is answered as well, with its one version: whoever had it open wants to know.
func (h *Handler) conflict(w http.ResponseWriter, r *http.Request) error {
	record, err := recordOf(r)
	if err != nil {
		return err
	}
	state, err := h.records.Record(r.Context(), record)
	if err != nil {
		return err
	}
	answer := comparison{conflict: newConflict(state, true), Conflict: state.Conflict}
	ancestor, ok, err := h.records.Ancestor(r.Context(), record)
	if err != nil {
		return err
	}
	if ok {
		shared := newHead(ancestor, true)
		answer.Ancestor = &shared
	}
	answer.Differences = compare(ancestor.Body, state.Heads)
	h.saw(r, record.String(), state.Patient)
	return writeJSON(w, http.StatusOK, answer)
}

// compare sets each head beside the first one that can be read: the cost is linear in
// the heads, also where there are a thousand.
func compare(ancestor []byte, heads []projections.Version) []headDifference {
	differences := []headDifference{}
	first := -1
	for i, head := range heads {
		if head.Body == nil && !head.Deleted() {
			continue
		}
		if first < 0 {
			first = i
			continue
		}
		differences = append(differences, headDifference{
			A: heads[first].Event.ID, B: head.Event.ID,
			Fields: fhirjson.Compare(ancestor, heads[first].Body, head.Body),
		})
	}
	return differences
}

// choice is the request of a resolution: one of Keep, Content and Take.
type choice struct {
	Heads   []events.ID     `json:"heads"`
	Keep    *events.ID      `json:"keep"`    // one of heads; where heads is the one that settled a conflict, also one of those it settled
	Content json.RawMessage `json:"content"` // kept byte for byte
	// Take puts the content together: by member of the resource the id of the version that it is taken from, or "union"
	// for the items of all. Every member in which the versions differ must be in it.
	Take map[string]string `json:"take"`
}

// resolve answers POST /api/conflicts/<Type>/<id>/resolve.
func (h *Handler) resolve(w http.ResponseWriter, r *http.Request) error {
	record, err := recordOf(r)
	if err != nil {
		return err
	}
	var c choice
	if err := readJSON(w, r, maxResolve, &c); err != nil {
		return err
	}
	resolution, err := h.resolution(r, record, c)
	if err != nil {
		return err
	}
	written, err := h.desk.Resolve(r.Context(), resolution)
	if stale(err) {
		return h.changedMeanwhile(r, record, err)
	}
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, map[string]any{
		"event": written.ID, "sequence": written.Sequence, "queued": written.Queued(),
	})
}

// resolution checks the request, and makes of it what the agent is asked for.
func (h *Handler) resolution(r *http.Request, record events.Record, c choice) (agent.Resolution, error) {
	resolution := agent.Resolution{Record: record, Heads: c.Heads, Author: guard.Author(r)}
	choices := 0
	for _, chosen := range []bool{c.Keep != nil, c.Content != nil, c.Take != nil} {
		if chosen {
			choices++
		}
	}
	var err error
	switch {
	case len(c.Heads) == 0:
		return resolution, badRequest(`"heads" must name all versions that were seen`)
	case choices != 1:
		return resolution, badRequest(`want one of "keep", the version to keep, "content", a resource, and "take", a version for each field`)
	case c.Content != nil:
		if resolution.Body, err = content(record, c.Content); err == nil {
			err = withoutLetters(resolution.Body)
		}
		return resolution, err
	case c.Keep != nil && slices.Contains(c.Heads, *c.Keep):
		resolution.Keep = *c.Keep
		return resolution, nil
	}
	if c.Keep != nil && len(c.Heads) > 1 {
		return resolution, badRequest(`"keep" must be one of "heads"`)
	}
	from, err := h.candidatesFor(r, record, c)
	if err != nil {
		return resolution, err
	}
	if c.Keep != nil {
		resolution.Keep = *c.Keep
		return resolution, nil
	}
	taken, err := from.taken(c.Take)
	if err != nil {
		return resolution, err
	}
	merged, err := from.merge(taken)
	if err != nil {
		return resolution, err
	}
	resolution.Body, err = content(record, merged)
	return resolution, err
}

// content checks a resource as every door does, and returns it as it will be kept.
func content(record events.Record, sent []byte) ([]byte, error) {
	if sent[0] != '{' {
		return nil, badRequest(`"content" must be a resource`)
	}
	head, err := fhirjson.Check(sent)
	if err != nil {
		return nil, badRequest(`"content": %v`, err)
	}
	if head.ResourceType != record.Type || head.ID != "" && head.ID != record.ID {
		return nil, badRequest(`"content" is %s/%s: it must be %s`, head.ResourceType, head.ID, record)
	}
	kept, err := fhirjson.Prepare(sent, record.ID)
	if err != nil {
		return nil, badRequest(`"content": %v`, err)
	}
	if err := structure.Check(kept); err != nil {
		return nil, &apiError{http.StatusUnprocessableEntity, "structure", fmt.Sprintf(`"content": %v`, err), nil}
	}
	return kept, nil
}

// withoutLetters refuses what no version may bring into the log: the door of FHIR makes Binaries of it. What is taken from the
// versions that there are stays as it is.
func withoutLetters(body []byte) error {
	_, err := structure.MoveContents(body, func(path string, a fhirjson.Element) (string, error) {
		if !structure.Stays(a) {
			return "", &apiError{http.StatusUnprocessableEntity, "structure",
				fmt.Sprintf(`"content": %s.data: it is too long to stay in the record: send the merge to $resolve of /fhir, which makes a Binary of it`, path), nil}
		}
		return "", nil
	})
	return err
}

// stale reports whether the heads were no longer those that the person saw.
func stale(err error) bool {
	var here *agent.StaleError
	var there *events.StaleError
	return errors.As(err, &here) || errors.As(err, &there)
}

// changedMeanwhile answers 412 with the heads as they are now.
func (h *Handler) changedMeanwhile(r *http.Request, record events.Record, why error) error {
	state, err := h.records.Record(r.Context(), record)
	if err != nil {
		return err
	}
	return staleHeads(state, why.Error())
}

func staleHeads(state projections.State, why string) error {
	return &apiError{http.StatusPreconditionFailed, "stale", why, map[string]any{"heads": newHeads(state.Heads, true), "conflict": state.Conflict}}
}
