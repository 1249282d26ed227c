package agent

import (
	"context"
	"errors"
	"fmt"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
)

// Records is the projection as the doors read it: what is asked for by name is fetched
// first where this desk is still reading the log. What cannot be fetched is answered
// from what is here; that something is not found then wraps ErrIncomplete as well. For
// a whole dossier, or a search, the door asks Agent.Need itself.
type Records struct {
	*projections.Store
	agent *Agent
}

// Records is the projection for the doors.
func (a *Agent) Records() Records { return Records{Store: a.store, agent: a} }

// need fetches what a record belongs to. Only a Patient's name tells its dossier;
// another record's is known once any version of it is here, or it is the practice's own.
func (r Records) need(ctx context.Context, record events.Record) error {
	if !r.agent.readsFirst() && !r.agent.readingAhead() {
		return nil // nearly always: no question for that
	}
	if record.Type == "Patient" {
		return r.agent.Need(ctx, record.ID)
	}
	state, err := r.Store.Record(ctx, record)
	if err == nil {
		return r.agent.Need(ctx, state.Patient)
	}
	if !errors.Is(err, projections.ErrNotFound) {
		return err
	}
	err = r.agent.Need(ctx, "")
	if _, here := r.Store.Record(ctx, record); errors.Is(here, projections.ErrNotFound) {
		return ErrIncomplete // it may be in any dossier that is not here
	}
	return err
}

// missed adds that what was not found may be among what is not here yet.
func missed(err, need error) error {
	if need == nil || !errors.Is(err, projections.ErrNotFound) {
		return err
	}
	return fmt.Errorf("%w: %w", err, need)
}

// Record is Store.Record; where the last change of it cannot be shown, the error is ErrIncomplete.
func (r Records) Record(ctx context.Context, record events.Record) (projections.State, error) {
	if err := r.agent.unseen(ctx, func(e *events.Event) bool { return e.Record == record }); err != nil {
		return projections.State{}, fmt.Errorf("read %s: %w", record, err)
	}
	need := r.need(ctx, record)
	state, err := r.Store.Record(ctx, record)
	return state, missed(err, need)
}

// Version is Store.Version; one that cannot be shown is ErrIncomplete.
func (r Records) Version(ctx context.Context, record events.Record, id events.ID) (projections.Version, error) {
	if err := r.unseen(ctx, id); err != nil {
		return projections.Version{}, err
	}
	need := r.need(ctx, record)
	v, err := r.Store.Version(ctx, record, id)
	return v, missed(err, need)
}

// ByID is Store.ByID; a version that cannot be shown is ErrIncomplete.
func (r Records) ByID(ctx context.Context, id events.ID) (projections.Version, error) {
	if err := r.unseen(ctx, id); err != nil {
		return projections.Version{}, err
	}
	return r.Store.ByID(ctx, id)
}

func (r Records) unseen(ctx context.Context, id events.ID) error {
	if err := r.agent.unseen(ctx, func(e *events.Event) bool { return e.ID == id }); err != nil {
		return fmt.Errorf("read version %s: %w", id, err)
	}
	return nil
}
