package agenttest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/events/eventstest"
	"github.com/carelog/carelog/projections"
)

// Records is what a desk looks at before it writes.
type Records interface {
	Record(ctx context.Context, r events.Record) (projections.State, error)
}

// Versions is what a desk looks at before it settles a conflict.
type Versions interface {
	Records
	Version(ctx context.Context, r events.Record, id events.ID) (projections.Version, error)
}

// Change is what a desk makes of a draft, as far as its doors can see: for tests of doors that
// have a store and no agent. Errors are those of agent.Agent.Write.
func Change(ctx context.Context, records Records, d agent.Draft) (eventstest.Change, error) {
	c := eventstest.Change{Record: d.Record.String(), Patient: d.Patient, Author: d.Author, Body: string(d.Body), Parents: d.Parents}
	if d.Delete {
		c.Type, c.Body = events.Deleted, ""
	}
	state, err := records.Record(ctx, d.Record)
	switch {
	case errors.Is(err, projections.ErrNotFound):
		if len(d.Parents) > 0 || d.Delete {
			return c, agent.ErrNotFound
		}
		return c, nil
	case err != nil:
		return c, err
	case state.Patient != d.Patient:
		return c, &agent.MovedError{Record: d.Record, From: state.Patient, To: d.Patient}
	case d.Create && !state.Shown.Deleted():
		return c, agent.ErrExists
	case len(c.Parents) == 0:
		c.Parents = []events.ID{state.Shown.Event.ID}
	}
	heads := HeadsOf(state)
	for _, p := range c.Parents {
		if !slices.Contains(heads, p) {
			return c, &agent.StaleError{Record: d.Record, Heads: heads}
		}
	}
	return c, nil
}

// Choice is the draft that a resolution comes to. Errors are those of agent.Agent.Resolve.
func Choice(ctx context.Context, records Versions, r agent.Resolution) (agent.Draft, error) {
	state, err := records.Record(ctx, r.Record)
	if err != nil {
		return agent.Draft{}, err
	}
	sorted := func(ids []events.ID) []events.ID { return slices.SortedFunc(slices.Values(ids), events.ID.Compare) }
	if heads := HeadsOf(state); !slices.Equal(sorted(heads), sorted(r.Heads)) {
		return agent.Draft{}, &agent.StaleError{Record: r.Record, Heads: heads}
	}
	d := agent.Draft{Record: r.Record, Patient: state.Patient, Author: r.Author, Parents: r.Heads, Body: r.Body}
	for _, h := range state.Heads {
		if h.Event.ID == r.Keep {
			d.Body, d.Delete = h.Body, h.Deleted()
		}
	}
	if d.Body == nil && !d.Delete && r.Keep != (events.ID{}) {
		earlier, err := records.Version(ctx, r.Record, r.Keep)
		if err != nil {
			return agent.Draft{}, agent.ErrNoChoice
		}
		d.Body, d.Delete = earlier.Body, earlier.Deleted()
	}
	if d.Body == nil && !d.Delete {
		return agent.Draft{}, agent.ErrNoChoice
	}
	return d, nil
}

// Writer writes one draft.
type Writer interface {
	Write(ctx context.Context, d agent.Draft) (agent.Written, error)
}

// OneByOne is what a door sees of agent.Agent.Transact: a plan's drafts, written one after the other. What comes before one that is refused stays.
func OneByOne(ctx context.Context, w Writer, plan agent.Plan) (written []agent.Written, err error) {
	drafts, err := plan(ctx)
	for i, draft := range drafts {
		one, err := w.Write(ctx, draft)
		if err != nil {
			return nil, &agent.DraftError{Index: i, Err: err}
		}
		written = append(written, one)
	}
	return written, err
}

// NameFor is agent.Agent.NameFor without its key.
func NameFor(what string, number int) string {
	return fmt.Sprintf("%x", sha256.Sum256(fmt.Append(nil, what, number)))[:24]
}

// HeadsOf are the ids of a record's heads.
func HeadsOf(s projections.State) (ids []events.ID) {
	for _, h := range s.Heads {
		ids = append(ids, h.Event.ID)
	}
	return ids
}
