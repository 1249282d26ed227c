package fhir

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/events"
)

// transaction makes the changes of a Bundle, all of them or none, and answers what it
// reads after them. With an error nothing was written.
func (h *Handler) transaction(r *http.Request, parts []*part) error {
	sorted := inOrder(parts)
	var changes, reads []*part
	for _, p := range sorted {
		if err := p.open(r); err != nil {
			return p.blame(err)
		}
		if p.Method == http.MethodGet || p.Method == http.MethodHead {
			reads = append(reads, p)
			continue
		}
		if err := h.askedBy(p); err != nil {
			return p.blame(err)
		}
		changes = append(changes, p)
	}
	var writers []*part // that the drafts of the last plan are of
	written, err := h.desk.Transact(r.Context(), func(ctx context.Context) (drafts []agent.Draft, err error) {
		writes, err := h.plan(ctx, changes)
		writers = writers[:0]
		for _, p := range writes {
			for _, d := range p.settled.all() {
				drafts, writers = append(drafts, d), append(writers, p)
			}
		}
		return drafts, err
	})
	if err != nil {
		return blamed(err, writers)
	}
	for i, made := range h.readBack(r.Context(), written...) {
		p := writers[i]
		if i+1 < len(writers) && writers[i+1] == p { // the content of a letter: the record is its last
			continue
		}
		if err := h.answer(&p.answer, p.change, p.settled, made); err != nil {
			return p.blame(err)
		}
	}
	for _, p := range changes {
		if !p.settled.writes {
			if err := h.answer(&p.answer, p.change, p.settled, done{}); err != nil {
				return p.blame(err)
			}
		}
	}
	h.batch(r, reads)
	return nil
}

// askedBy reads the change that a part asks for.
func (h *Handler) askedBy(p *part) error {
	steps := strings.Split(path(p.request), "/")
	_, place, err := h.route(steps)
	if err != nil {
		return err
	}
	alone := p.Method == http.MethodPost
	if len(steps) > 2 || len(steps) == 2 && alone {
		return p.fault("request.url", "not-supported", "%s %s cannot be part of a transaction: it creates, updates, patches, deletes and reads records", p.Method, p.URL)
	}
	p.change, err = h.asked(&p.answer, p.request, place)
	return err
}

// blamed says which entry of a transaction is to blame.
func blamed(err error, writers []*part) error {
	var draft *agent.DraftError
	if errors.As(err, &draft) && draft.Index < len(writers) {
		p := writers[draft.Index]
		return p.blame(precondition(draft.Err, p.settled.draft))
	}
	return err
}

// plan finds what the changes of a transaction come to, and returns those that write.
// First which record each is of, then what its references become, then its draft.
func (h *Handler) plan(ctx context.Context, changes []*part) (writers []*part, err error) {
	links := newLinks(h, ctx)
	taken := make(map[events.Record]*part)
	for _, p := range changes {
		if p.target, err = h.target(p.change); err != nil {
			return nil, p.blame(err)
		}
		record := p.target.record
		if other := taken[record]; other != nil {
			return nil, p.blame(badRequest("duplicate", "%s is in the transaction twice: %s is of it as well", record, other.path()))
		}
		if record.ID != "" && (p.Method != http.MethodPost || p.target.found == nil) {
			taken[record] = p
		}
		if err := links.add(p); err != nil {
			return nil, p.blame(err)
		}
	}
	for _, p := range changes {
		c := *p.change
		if c.body, err = links.rewrite(p); err != nil {
			return nil, p.blame(err)
		}
		if p.settled, err = h.settle(&c, p.target); err != nil {
			return nil, p.blame(err)
		}
		if p.settled.writes {
			writers = append(writers, p)
		}
	}
	return writers, nil
}
