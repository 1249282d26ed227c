package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/enrolment"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
)

// headCounts are how many heads one record gets: the cost of a head must not depend
// on how many there are already.
var headCounts = []int{100, 500, 1000}

// measureHeads is a record that many wrote at once: its heads are applied one by one,
// listed with their bodies and their ancestor, and settled by one event that names
// them all. Beside each stands the same in bare rows.
func measureHeads(ctx context.Context, g *ground, report func(Figure) error) error {
	for _, n := range headCounts {
		var ours, limit headTimes
		for range min(g.Rounds, 3) {
			if err := g.heads(ctx, n, &ours, &limit); err != nil {
				return err
			}
		}
		if err := errors.Join(
			report(inTime("heads-apply", n, ours.apply.median(), limit.apply.median(), "as many bare rows, a NORMAL commit each")),
			report(inTime("heads-list", n, ours.list.median(), limit.list.median(), "reading as many bare rows")),
			report(inTime("heads-resolve", n, ours.resolve.median(), limit.resolve.median(), "replacing them by one row, in one FULL commit")),
		); err != nil {
			return err
		}
	}
	return nil
}

type headTimes struct{ apply, list, resolve series }

// note is the record of which all heads are versions.
var note = agent.Draft{Record: events.Record{Type: "Condition", ID: "note"}, Patient: "patient-1", Author: author}

func noteBody(says string) []byte {
	return fmt.Appendf(nil, `{"resourceType":"Condition","id":"note","subject":{"reference":"Patient/patient-1"},"code":{"text":%q}}`, says)
}

// heads lets a desk and a bare table go through the life of a record with n heads.
func (g *ground) heads(ctx context.Context, n int, ours, limit *headTimes) (err error) {
	s, err := g.practice(ctx)
	if err != nil {
		return err
	}
	d, err := g.desk(ctx, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.close()) }()
	first := note
	first.Body = noteBody("as all saw it")
	base, err := d.Write(ctx, first)
	if err != nil {
		return err
	}
	colleague, err := s.Enrol(g.name("scribe"), "A scribe")
	if err != nil {
		return err
	}
	entries, err := diverging(ctx, d, colleague, base.ID, n)
	if err != nil {
		return err
	}
	return errors.Join(ours.desk(ctx, d, entries), limit.bare(g.file("bare"), entries))
}

// diverging makes n versions of the note that all build on base, as the log has them.
func diverging(ctx context.Context, d *desk, colleague enrolment.Enrolment, base events.ID, n int) ([]projections.Entry, error) {
	w, err := newScribe(colleague)
	if err != nil {
		return nil, err
	}
	for k, err := range d.Store().Keys(ctx) {
		if err != nil {
			return nil, err
		}
		if err := w.ring.Add(k); err != nil {
			return nil, err
		}
	}
	entries := make([]projections.Entry, n)
	var position events.Position
	for i := range entries {
		version := note
		version.Parents, version.Body = []events.ID{base}, noteBody(fmt.Sprintf("as number %d saw it", i))
		e, err := w.event(version)
		if err != nil {
			return nil, err
		}
		position = position.Next(uint64(i+1), e.Fingerprint())
		entries[i] = projections.Entry{Sequence: position.Sequence, Hash: position.Hash, Stored: time.Now(), Event: e, Body: version.Body}
	}
	return entries, nil
}

// desk clocks a desk. All is checked: a figure of something else would be worthless.
func (t *headTimes) desk(ctx context.Context, d *desk, entries []projections.Entry) error {
	if err := t.apply.clock(func() error {
		for _, e := range entries {
			one := projections.Batch{Entries: []projections.Entry{e}, Position: events.Position{Sequence: e.Sequence, Hash: e.Hash}}
			if _, err := d.Store().Apply(ctx, one); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		return err
	}
	var conflicts []projections.State
	if err := t.list.clock(func() (err error) {
		if conflicts, err = d.Store().Conflicts(ctx); err == nil {
			_, _, err = d.Store().Ancestor(ctx, note.Record)
		}
		return err
	}); err != nil {
		return err
	}
	if len(conflicts) != 1 || len(conflicts[0].Heads) != len(entries) {
		return fmt.Errorf("the desk has %d conflicts, want one with %d heads", len(conflicts), len(entries))
	}
	choice := agent.Resolution{Record: note.Record, Keep: conflicts[0].Shown.Event.ID, Author: author}
	for _, h := range conflicts[0].Heads {
		choice.Heads = append(choice.Heads, h.Event.ID)
	}
	if err := t.resolve.clock(func() error { _, err := d.Resolve(ctx, choice); return err }); err != nil {
		return err
	}
	state, err := d.Store().Record(ctx, note.Record)
	if err == nil && (state.Conflict || len(state.Heads) != 1) {
		err = fmt.Errorf("%d heads are left of %d, want one", len(state.Heads), len(entries))
	}
	return err
}

// bare clocks a bare table that goes through the same.
func (t *headTimes) bare(path string, entries []projections.Entry) (err error) {
	rows := make([]row, len(entries))
	for i, e := range entries {
		m, err := events.Encode(e.Event)
		if err != nil {
			return err
		}
		rows[i] = rowOfMessage(m)
	}
	table, err := openBare(path, normal)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, table.close()) }()
	if err := t.apply.clock(func() error {
		for _, r := range rows {
			if err := table.addOne(r); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		return err
	}
	if err := t.list.clock(func() error { return table.readAll(len(rows)) }); err != nil {
		return err
	}
	if err := table.wait(); err != nil {
		return err
	}
	return t.resolve.clock(func() error { return table.replaceAll(rows[0]) })
}
