package fhir

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
	"github.com/carelog/carelog/projections/fhirjson"
)

// change is a write that was asked for, by a request or by an entry of a Bundle.
type change struct {
	*http.Request               // with the headers that are conditions
	record        events.Record // of a create: with an id of ours; of a conditional change: without one
	criteria      string        // of a conditional change, as in a search
	conditional   bool          // a search decides which record it is of
	dated         bool          // If-Unmodified-Since decides whether it is made
	body          []byte        // the resource, or the patch
	head          fhirjson.Head // of the resource
}

// target is the record that a change is of.
type target struct {
	record events.Record      // without an id: nothing matches
	found  *projections.State // what the criteria match; nil: nothing, or there are none
	fresh  bool               // it must not exist yet
}

// settled is what a change comes to, as the desk stands at that moment.
type settled struct {
	target
	drafted
	writes bool
	status int
	stands *projections.State // where nothing is written: what there is; nil: nothing
}

// change answers to a request that writes.
func (h *Handler) change(w http.ResponseWriter, r *http.Request, record events.Record) error {
	c, err := h.asked(w, r, record)
	if err != nil {
		return err
	}
	if c.conditional || c.dated || c.Method == http.MethodPatch || hasLetters(r) {
		return h.decided(w, c)
	}
	s, err := h.settle(c, target{record: c.record, fresh: c.Method == http.MethodPost})
	if err != nil {
		return err
	}
	if !s.writes {
		return h.answer(w, c, s, done{})
	}
	written, err := h.desk.Write(r.Context(), s.draft)
	if s.draft.Delete && errors.Is(err, agent.ErrGone) { // somebody was faster
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	if err != nil {
		return precondition(err, s.draft)
	}
	if made, ok := known(s.draft, written); ok {
		return h.answer(w, c, s, made)
	}
	return h.answer(w, c, s, h.readBack(r.Context(), written)[0])
}

// decided answers to a change that what the desk holds decides about: nothing else is
// written between the looking and the writing.
func (h *Handler) decided(w http.ResponseWriter, c *change) error {
	var s settled
	written, err := h.desk.Transact(c.Context(), func(context.Context) ([]agent.Draft, error) {
		t, err := h.target(c)
		if err != nil {
			return nil, err
		}
		if s, err = h.settle(c, t); err != nil || !s.writes {
			return nil, err
		}
		return s.all(), nil
	})
	var draft *agent.DraftError
	if errors.As(err, &draft) { // nobody asked for a transaction
		err = draft.Err
	}
	if err != nil {
		return precondition(err, s.draft)
	}
	made := done{}
	if n := len(written); n > 0 {
		made = h.readBack(c.Context(), written[n-1])[0]
	}
	return h.answer(w, c, s, made)
}

// asked reads a change that was asked for, and checks what can be checked without
// looking at what there is.
func (h *Handler) asked(w http.ResponseWriter, r *http.Request, record events.Record) (*change, error) {
	c := &change{Request: r, record: record}
	var err error
	switch r.Method {
	case http.MethodPost:
		c.criteria, c.conditional = r.Header.Get("If-None-Exist"), len(r.Header.Values("If-None-Exist")) > 0
		if c.conditional && strings.TrimSpace(c.criteria) == "" {
			return nil, saysNothing("If-None-Exist")
		}
	default:
		c.criteria, c.conditional = r.URL.RawQuery, record.ID == ""
		since, err := unmodifiedSince(r)
		if err != nil {
			return nil, err
		}
		c.dated = !since.IsZero()
	}
	switch r.Method {
	case http.MethodDelete:
		return c, nil
	case http.MethodPatch:
		if c.body, err = patchBody(w, r); err == nil && !json.Valid(c.body) {
			err = badRequest("structure", "the patch is no JSON")
		}
		return c, err
	}
	if c.body, err = resourceBody(w, r); err != nil {
		return nil, err
	}
	if c.head, err = headOf(c.body, record.Type); err != nil {
		return nil, err
	}
	if r.Method == http.MethodPost {
		c.record.ID = newID() // one in the body is ignored
	}
	return c, nil
}

// settle finds what a change of a target comes to.
func (h *Handler) settle(c *change, t target) (settled, error) {
	switch c.Method {
	case http.MethodPost:
		return h.settleCreate(c, t)
	case http.MethodPatch:
		return h.settlePatch(c, t)
	case http.MethodDelete:
		return h.settleDelete(c, t)
	}
	return h.settleUpdate(c, t)
}

func (h *Handler) settleCreate(c *change, t target) (settled, error) {
	if t.found != nil {
		return settled{target: t, stands: t.found, status: http.StatusOK}, nil
	}
	d, err := h.draft(c.Request, t.record, c.body)
	d.draft.Create = true
	return settled{target: t, drafted: d, writes: true, status: http.StatusCreated}, err
}

// settleUpdate writes a new version. Without If-Match it extends the version shown; a
// record that is not there yet is created under the id of the URL.
func (h *Handler) settleUpdate(c *change, t target) (settled, error) {
	if (!c.conditional || t.found != nil && c.head.ID != "") && c.head.ID != t.record.ID {
		p := badRequest("value", "the id in the body is %q: it must be that of the record, %q", c.head.ID, t.record.ID)
		p.path = c.record.Type + ".id"
		return settled{}, p
	}
	d, err := h.draft(c.Request, t.record, c.body)
	if err != nil {
		return settled{}, err
	}
	unless, err := parseCondition(c.Request, "If-None-Match")
	if err != nil {
		return settled{}, err
	}
	if unless.given && !unless.any {
		return settled{}, badRequest("not-supported", "with an update, If-None-Match can only be *: the record must not exist yet")
	}
	d.draft.Create = unless.any || t.fresh
	state, err := h.parents(c.Request, &d.draft, h.desk.Need(c.Context(), d.draft.Patient) == nil)
	if err != nil {
		return settled{}, err
	}
	if id := t.record.ID; state == nil && (id == "." || id == "..") {
		p := problemf(http.StatusUnprocessableEntity, "value", "the id is %q: clients and proxies take it out of an address, and would read something else: choose another", id)
		p.path = t.record.Type + ".id"
		return settled{}, p
	}
	if t.fresh && state != nil && !state.Shown.Deleted() {
		return settled{}, problemf(http.StatusConflict, "duplicate", "%s exists, and is not what %q matches: change it under its own address", t.record, c.criteria)
	}
	status := http.StatusOK
	if state == nil || state.Shown.Deleted() {
		status = http.StatusCreated
	}
	return settled{target: t, drafted: d, writes: true, status: status}, nil
}

// settleDelete writes a deletion. To delete what is not there is no error.
func (h *Handler) settleDelete(c *change, t target) (settled, error) {
	s := settled{target: t, status: http.StatusNoContent}
	if t.record.ID == "" {
		return s, nil
	}
	s.draft = agent.Draft{Record: t.record, Author: h.author(c.Request), Delete: true}
	state, err := h.parents(c.Request, &s.draft, false)
	if err != nil || state == nil {
		return s, err
	}
	s.stands, s.draft.Patient = state, state.Patient
	gone := state.Shown.Deleted() && (len(s.draft.Parents) == 0 || slices.Equal(s.draft.Parents, []events.ID{state.Shown.Event.ID}))
	s.writes = !gone
	return s, nil
}

// answer answers to a change that is done.
func (h *Handler) answer(w http.ResponseWriter, c *change, s settled, made done) error {
	switch {
	case c.Method == http.MethodDelete:
		if s.writes {
			setDone(w, made)
		} else if s.stands != nil {
			setVersion(w, s.stands.Shown)
		}
		w.WriteHeader(http.StatusNoContent)
		return nil
	case s.writes:
		return h.wrote(w, c.Request, s.record, made, s.moved, s.status, c.Method != http.MethodPatch)
	}
	return h.stands(w, c.Request, *s.stands)
}
