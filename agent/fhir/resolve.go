package fhir

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/letters"
	"github.com/carelog/carelog/events"
)

// parametersResource is what $resolve takes.
type parametersResource struct {
	Parameter []struct {
		Name        string
		ValueID     string          `json:"valueId"`
		ValueString string          `json:"valueString"`
		Resource    json.RawMessage // its bytes as they were sent
	}
}

// resolve answers $resolve: Parameters with every head that the person saw (head, by
// its version id) and the choice: the head to keep (keep), or the content that stands
// from now on (resource). Where the heads have changed since, nothing is written and
// the answer is 412 with those that stand now.
func (h *Handler) resolve(w http.ResponseWriter, r *http.Request, record events.Record) error {
	body, err := resourceBody(w, r)
	if err != nil {
		return err
	}
	if _, err := headOf(body, "Parameters"); err != nil {
		return err
	}
	var sent parametersResource
	if err := json.Unmarshal(body, &sent); err != nil {
		return badRequest("structure", "the Parameters cannot be read: %v", err)
	}
	choice := agent.Resolution{Record: record, Author: h.author(r)}
	var resource []byte
	for _, p := range sent.Parameter {
		switch p.Name {
		case "head", "keep":
			id, err := events.ParseID(p.ValueID + p.ValueString)
			if err != nil {
				return badRequest("value", "%s: %v: want it as valueId", p.Name, err)
			}
			if p.Name == "head" {
				choice.Heads = append(choice.Heads, id)
				continue
			}
			if !choice.Keep.IsZero() && choice.Keep != id {
				return badRequest("invariant", "keep names two heads: only one can stand")
			}
			choice.Keep = id
		case "resource":
			if choice.Body != nil {
				return badRequest("invariant", "two resources are given: only one can stand")
			}
			merged, err := h.merged(r, record, p.Resource)
			if err != nil {
				return err
			}
			choice.Body, resource = merged.draft.Body, p.Resource
		default:
			return badRequest("not-supported", "$resolve knows no parameter %q: want head, keep, resource", p.Name)
		}
	}
	switch {
	case len(choice.Heads) == 0:
		return badRequest("required", "no head is named: send the version id of each head that was seen as a parameter head")
	case choice.Keep.IsZero() == (choice.Body == nil):
		return badRequest("required", "send one choice: keep with the version id of a head, or resource with the content")
	}
	if !choice.Keep.IsZero() && !slices.Contains(choice.Heads, choice.Keep) {
		p := badRequest("value", "keep names %s, which is no head of %s: name one of its heads, %s, or send the content as resource", choice.Keep, record, listed(choice.Heads))
		p.heads = choice.Heads
		return p
	}
	written, moved, err := h.settleConflict(r, choice, resource)
	if err != nil {
		return err
	}
	return h.wrote(w, r, record, h.readBack(r.Context(), written)[0], moved, http.StatusOK, choice.Body != nil)
}

// settleConflict writes what a person chose, with the contents that came in the resource, if any.
func (h *Handler) settleConflict(r *http.Request, choice agent.Resolution, resource []byte) (agent.Written, []letters.Moved, error) {
	if resource == nil || !hasLetters(r) {
		written, err := h.desk.Resolve(r.Context(), choice)
		return written, nil, err
	}
	seen := slices.Compact(slices.SortedFunc(slices.Values(choice.Heads), events.ID.Compare))
	var merged drafted
	written, err := h.desk.Transact(r.Context(), func(ctx context.Context) ([]agent.Draft, error) {
		state, err := h.records.Record(ctx, choice.Record)
		if err != nil {
			return nil, err
		}
		if heads := headsOf(state); !slices.Equal(slices.SortedFunc(slices.Values(heads), events.ID.Compare), seen) {
			return nil, &agent.StaleError{Record: choice.Record, Heads: heads}
		}
		if merged, err = h.merged(r.WithContext(ctx), choice.Record, resource); err != nil {
			return nil, err
		}
		merged.draft.Parents = choice.Heads
		return merged.all(), nil
	})
	var draft *agent.DraftError
	if errors.As(err, &draft) { // nobody asked for a transaction
		err = draft.Err
	}
	if err != nil {
		return agent.Written{}, nil, err
	}
	return written[len(written)-1], merged.moved, nil
}

func listed(ids []events.ID) string {
	names := make([]string, len(ids))
	for i, id := range ids {
		names[i] = id.String()
	}
	return strings.Join(names, ", ")
}

// merged checks the content that a person chose: it must be of this record and stay in
// its dossier.
func (h *Handler) merged(r *http.Request, record events.Record, body []byte) (drafted, error) {
	head, err := headOf(body, record.Type)
	if err != nil {
		return drafted{}, err
	}
	if head.ID != "" && head.ID != record.ID {
		return drafted{}, badRequest("value", "the resource's id is %q: it must be that of the URL, %q", head.ID, record.ID)
	}
	d, err := h.draft(r, record, body)
	if err != nil {
		return drafted{}, err
	}
	state, err := h.records.Record(r.Context(), record)
	if err != nil {
		return drafted{}, err
	}
	if d.draft.Patient != state.Patient {
		return drafted{}, &agent.MovedError{Record: record, From: state.Patient, To: d.draft.Patient}
	}
	return d, nil
}
