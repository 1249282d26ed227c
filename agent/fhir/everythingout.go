package fhir

import (
	"bufio"
	"context"
	"errors"
	"iter"
	"slices"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
)

// Bounds of a Bundle that is written while it is read.
const (
	readAtOnce  = 64        // records
	readAhead   = 2         // such parts that are read while one is written
	writeBuffer = 128 << 10 // bytes
)

// everythingOut writes the Bundle.
type everythingOut struct {
	out     *bufio.Writer
	records Records
	base    string
	types   []string // the only ones that are wanted; none: all
	entries int
	queued  map[events.Record]bool // practice's own records that were referred to
	queue   []events.Record        // of them, those still to be written
	buffer  []byte                 // of one entry
}

func (e *everythingOut) bundle(ctx context.Context, header []byte, incomplete error, names []projections.Named) error {
	if _, err := e.out.Write(header); err != nil {
		return err
	}
	for list, err := range e.listed(ctx, names) {
		if err != nil {
			return err
		}
		if err := e.write(ctx, list, "match"); err != nil {
			return err
		}
	}
	if err := e.writeReferred(ctx); err != nil {
		return err
	}
	if incomplete != nil {
		e.entry(nil, "outcome", outcome(incompleteNote(incomplete)))
	}
	end := "\n]}"
	if e.entries == 0 {
		end = "}" // FHIR knows no empty lists
	}
	if _, err := e.out.WriteString(end); err != nil {
		return err
	}
	return e.out.Flush()
}

// listed reads versions, a few at a time and in their order; the next ones are read while
// somebody looks at the first. Whatever was begun is over when it ends.
func (e *everythingOut) listed(ctx context.Context, names []projections.Named) iter.Seq2[[]projections.Listed, error] {
	type part struct {
		list []projections.Listed
		err  error
	}
	return func(yield func([]projections.Listed, error) bool) {
		var coming []chan part
		defer func() {
			for _, c := range coming {
				<-c
			}
		}()
		next := func() bool {
			got := <-coming[0]
			coming = coming[1:]
			return yield(got.list, got.err)
		}
		for some := range slices.Chunk(names, readAtOnce) {
			c := make(chan part, 1)
			coming = append(coming, c)
			go func() {
				list, err := e.records.Listed(ctx, some)
				c <- part{list, err}
			}()
			if len(coming) > readAhead && !next() {
				return
			}
		}
		for len(coming) > 0 && next() {
		}
	}
}

// writeReferred writes the practice's own records that were referred to, and those that
// they refer to in turn.
func (e *everythingOut) writeReferred(ctx context.Context) error {
	for len(e.queue) > 0 {
		record := e.queue[0]
		e.queue = e.queue[1:]
		state, err := e.records.Record(ctx, record)
		switch {
		case errors.Is(err, projections.ErrNotFound):
			continue
		case errors.Is(err, agent.ErrIncomplete):
			e.entry(nil, "outcome", outcome(incompleteNote(err)))
			continue
		case err != nil:
			return err
		case state.Patient != "" || state.Shown.Deleted():
			continue
		}
		if err := e.write(ctx, []projections.Listed{{Version: standing(state), Conflict: state.Conflict}}, "include"); err != nil {
			return err
		}
	}
	return nil
}

// write writes a few versions.
func (e *everythingOut) write(ctx context.Context, list []projections.Listed, mode string) error {
	for _, v := range list {
		if unreadable(v.Version) {
			e.entry(nil, "outcome", outcome(issue{Severity: "warning", Code: "incomplete", Diagnostics: sealed(v.Event.Record, v.Version).text}))
			continue
		}
		eachReference(v.Body, e.refer)
		e.entry(&v.Event.Record, mode, stampListed(v))
	}
	return ctx.Err()
}

// entry writes one entry. An error of the writer stays, and is found by the next Flush.
func (e *everythingOut) entry(record *events.Record, mode string, resource []byte) {
	b := append(e.buffer[:0], ",\n{"...)
	if e.entries++; e.entries == 1 {
		b = append(e.buffer[:0], ",\"entry\":[\n{"...)
	}
	if record != nil {
		b = append(append(append(b, `"fullUrl":"`+e.base+"/"...), record.String()...), `",`...)
	}
	b = append(append(append(b, `"search":{"mode":"`...), mode...), `"},"resource":`...)
	b = append(append(b, resource...), '}')
	_, _ = e.out.Write(b)
	e.buffer = b
}

// ownTypes are the types of the practice's own records that a dossier refers to.
var ownTypes = map[string]bool{
	"Practitioner": true, "PractitionerRole": true, "Organization": true, "Location": true, "HealthcareService": true, "Medication": true, "Device": true,
}

// refer queues a record that was referred to, once.
func (e *everythingOut) refer(r events.Record) {
	if !ownTypes[r.Type] || e.queued[r] || len(e.types) > 0 && !slices.Contains(e.types, r.Type) {
		return
	}
	e.queued[r] = true
	e.queue = append(e.queue, r)
}
