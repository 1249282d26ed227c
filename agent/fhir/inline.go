package fhir

import (
	"context"
	"net/http"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/letters"
)

// bagKey is where a request carries the contents that came within its records.
type bagKey struct{}

// bagOf is where the contents are that came with a request, or with the Bundle that it is
// an entry of; nil where there is no place for any.
func bagOf(r *http.Request) *letters.Bag {
	bag, _ := r.Context().Value(bagKey{}).(*letters.Bag)
	return bag
}

// withBag gives a request that may write a place for contents. done takes back what was not kept.
func (h *Handler) withBag(r *http.Request) (with *http.Request, done func()) {
	if h.attachments == nil || r.Method == http.MethodGet || r.Method == http.MethodHead {
		return r, func() {}
	}
	bag := letters.NewBag(h.attachments.NewContent)
	return r.WithContext(context.WithValue(r.Context(), bagKey{}, bag)), func() {
		if err := bag.Close(); err != nil {
			h.log.Warn("a content that came in stays on the disk until the next start", "err", err)
		}
	}
}

// drafted is what the desk is to write for a body.
type drafted struct {
	draft  agent.Draft
	beside []agent.Draft   // Binaries of the contents that came in it: written with it, or not at all
	moved  []letters.Moved // those contents
}

// all are the drafts in the order in which they are written: that of the body is last.
func (d drafted) all() []agent.Draft { return append(d.beside[:len(d.beside):len(d.beside)], d.draft) }

// apart takes the contents out of a draft whose body is sound.
func (h *Handler) apart(r *http.Request, d agent.Draft) (drafted, error) {
	out := drafted{draft: d}
	bag := bagOf(r)
	if bag == nil {
		return out, nil
	}
	var err error
	out.beside, out.moved, err = bag.Apart(r.Context(), letters.Desk{Record: h.records.Record, NameFor: h.desk.NameFor}, &out.draft)
	return out, err
}

// hasLetters reports whether a content came within a request: it is then written in one
// transaction with what it came in.
func hasLetters(r *http.Request) bool {
	bag := bagOf(r)
	return bag != nil && bag.Len() > 0
}
