package bench

import (
	"bytes"
	"context"
	"fmt"
	"iter"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/events"
)

// draft is a change that one of the devices of a log writes.
type draft struct {
	agent.Draft
	first *first // it is the version on which two others build; nil: on which none does
	on    *first // the version on which it builds; nil: none
}

// first is a version of a record whose id is known once its device has written it.
type first struct {
	id    events.ID
	known chan struct{} // closed once it is
}

// event makes the event of the draft. It waits for what the draft builds on, which stands
// before it in the log: no two devices wait for each other.
func (d *draft) event(ctx context.Context, w *scribe) (*events.Event, error) {
	if d.on != nil {
		select {
		case <-d.on.known:
			d.Parents = []events.ID{d.on.id}
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	e, err := w.event(d.Draft)
	if err == nil && d.first != nil {
		d.first.id = e.ID
		close(d.first.known)
	}
	return e, err
}

// once writes each record once.
func once(list iter.Seq2[agent.Draft, error]) iter.Seq2[draft, error] {
	return func(yield func(draft, error) bool) {
		for d, err := range list {
			if !yield(draft{Draft: d}, err) {
				return
			}
		}
	}
}

// forked writes each record once, but for one record in each two turns of that many drafts:
// that one is changed in both of the next two turns, which are those of two other devices.
// Neither has seen the change of the other, so the record is in conflict.
func forked(list iter.Seq2[agent.Draft, error], inTurn int) iter.Seq2[draft, error] {
	return func(yield func(draft, error) bool) {
		var base draft
		at, n := 0, 0 // where the base stands, and the next draft
		for d, err := range list {
			for base.first != nil && (n == at+inTurn || n == at+2*inTurn) {
				if !yield(base.changed(n), nil) {
					return
				}
				n++
			}
			next := draft{Draft: d}
			if d.Patient != "" && (base.first == nil || n > at+2*inTurn) {
				next.first = &first{known: make(chan struct{})}
				base, at = next, n
			}
			if !yield(next, err) {
				return
			}
			n++
		}
	}
}

// changed is the record with a text of its own.
func (d draft) changed(n int) draft {
	was, text := bytes.TrimSuffix(d.Body, []byte("}")), `<div xmlns=\"http://www.w3.org/1999/xhtml\">As it is in draft %d</div>`
	d.Body = fmt.Appendf(bytes.Clone(was), `,"text":{"status":"additional","div":"`+text+`"}}`, n)
	d.first, d.on = nil, d.first
	return d
}
