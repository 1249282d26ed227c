package fhir

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
)

// maxLookedAt bounds the versions that one page is made of; it then ends with what it has.
const maxLookedAt = 1000

// provenances answers a search for Provenance: first of what the log says, newest first,
// and then of the records that clients wrote.
func (h *Handler) provenances(w http.ResponseWriter, r *http.Request, _ events.Record) error {
	values, err := searchValues(w, r)
	if err != nil {
		return err
	}
	a, err := understandProvenance(values, base(r), preference(r, "handling") == "strict")
	if err != nil {
		return err
	}
	searched(w, values)
	h.named(r.Context(), w, a.records.query)
	h.sawNamed(r.Context(), w, a.past.Patient)
	b := newBundle("searchset", -1)
	b.link("self", a.address(r, ""))
	notes := ignoredNotes(a.ignored)
	switch {
	case a.stage == stageLog:
		more, err := h.saidByLog(w, r, a, b)
		if err != nil {
			return err
		}
		notes = append(notes, more...)
	case a.only == nil:
		return h.writtenByClients(w, r, a, b)
	}
	if a.only != nil {
		notes = append(notes, issue{Severity: "warning", Code: "not-supported", Diagnostics: "Provenance that clients wrote is not in this answer: " + a.only.text})
	}
	if len(notes) > 0 {
		b.add(entry{Search: &entrySearch{Mode: "outcome"}, Resource: outcome(notes...)})
	}
	send(w, http.StatusOK, b.bytes())
	return nil
}

// saidByLog puts a page of what the log says into an answer, and says what may be missing.
func (h *Handler) saidByLog(w http.ResponseWriter, r *http.Request, a *provenanceAsked, b *bundle) (notes []issue, err error) {
	find := h.versionsMade
	if a.ids != nil {
		find = h.versionsNamed
	}
	fitting, end, err := find(r.Context(), a)
	if err != nil {
		return nil, err
	}
	switch {
	case end != "":
		b.link("next", a.address(r, stageLog+"."+end))
	case a.only == nil:
		b.link("next", a.address(r, stageRecords))
	}
	people := h.people(r.Context())
	for _, v := range fitting {
		saw(w, v)
		b.add(entry{FullURL: base(r) + "/Provenance/" + v.Event.ID.String(), Search: &entrySearch{Mode: "match"}, Resource: provenance(v, people.who(v.Event.Author))})
	}
	if err := h.desk.Incomplete(r.Context()); err != nil && (!a.ofOne() || h.desk.Need(r.Context(), a.past.Patient) != nil) {
		notes = append(notes, incompleteNote(err))
	}
	return notes, nil
}

// writtenByClients answers with a page of what clients wrote. How many there are in all, with
// those of the log, nobody counts.
func (h *Handler) writtenByClients(w http.ResponseWriter, r *http.Request, a *provenanceAsked, b *bundle) error {
	incomplete := h.incomplete(r.Context(), a.records.query)
	page, err := h.records.Search(r.Context(), a.records.query)
	if err != nil {
		return err
	}
	if page.Next != "" {
		b.link("next", a.address(r, stageRecords+"."+page.Next))
	}
	return h.answerSearch(w, r, a.records, page, b, incomplete)
}

// versionsMade finds a page of what the log says, and where the next one begins; "" at its end.
func (h *Handler) versionsMade(ctx context.Context, a *provenanceAsked) (list []projections.Version, next string, err error) {
	limit, past := cmp.Or(a.past.Limit, projections.DefaultLimit), a.past
	for looked := 0; looked < maxLookedAt; {
		past.Limit = limit - len(list)
		page, err := h.records.Past(ctx, past)
		if errors.Is(err, projections.ErrNotFound) {
			return list, "", nil
		}
		if err != nil {
			return nil, "", err
		}
		looked += max(len(page.Versions), 1)
		for _, v := range page.Versions {
			if a.fits(v.Version) {
				list = append(list, v.Version)
			}
		}
		if next = page.Next; next == "" || len(list) == limit {
			break
		}
		past.After = next
	}
	return list, next, nil
}

// versionsNamed is versionsMade of those whose ids are given, in the order of these.
func (h *Handler) versionsNamed(ctx context.Context, a *provenanceAsked) (list []projections.Version, next string, err error) {
	var ids []events.ID
	for _, text := range a.ids {
		if id, err := events.ParseID(text); err == nil { // others are of records
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, events.ID.Compare)
	ids = slices.Compact(ids)
	if a.past.After != "" {
		after, err := events.ParseID(a.past.After)
		if err != nil {
			return nil, "", projections.ErrCursor
		}
		ids = slices.DeleteFunc(ids, func(id events.ID) bool { return id.Compare(after) <= 0 })
	}
	for i, id := range ids {
		v, err := h.records.ByID(ctx, id)
		if errors.Is(err, projections.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, "", err
		}
		if a.fits(v) && (a.past.Patient == "" || a.past.Patient == v.Event.Patient) {
			list = append(list, v)
		}
		if len(list) == cmp.Or(a.past.Limit, projections.DefaultLimit) && i < len(ids)-1 {
			return list, id.String(), nil
		}
	}
	return list, "", nil
}
