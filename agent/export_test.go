package agent

import (
	"context"
	"time"

	"github.com/carelog/carelog/agent/light"
	"github.com/carelog/carelog/agent/snapshot"
	"github.com/carelog/carelog/projections"
)

// Estimate is estimate, for tests.
type Estimate struct{ estimate }

// NewEstimate begins an estimate.
func NewEstimate(began time.Time) *Estimate { return &Estimate{estimate{began: began}} }

// Note is estimate.note.
func (e *Estimate) Note(now time.Time, done, total uint64) (rate float64, left int64) {
	return e.note(now, done, total)
}

// Fetched is estimate.fetched.
func (e *Estimate) Fetched(now time.Time, p snapshot.Progress, leads, last uint64) *light.Activity {
	return e.fetched(now, p, leads, last)
}

// SetBusy is what a session says when it begins and ends what a person waits for.
func (a *Agent) SetBusy(is bool) { a.setBusy(is) }

// HurryOpened lets the desk repeat what it has open so often, and believe others for a little
// longer. It must be called before Run, and again after each start.
func (a *Agent) HurryOpened(every time.Duration) {
	a.dossiers.every, a.dossiers.life = every, 5*every/2
}

// ProblemOf is problemOf.
func ProblemOf(text string) *Problem { return problemOf(text) }

// Begin is Write of a new patient until the change is in the outbox with its key; carry is
// the rest of it.
func (a *Agent) Begin(ctx context.Context, d Draft) (carry func() error, err error) {
	if err := a.beginWriting(ctx); err != nil {
		return nil, err
	}
	made := a.newKeys()
	e, err := a.compose(d, nil, a.outbox.Next(), made)
	if err == nil {
		err = a.enqueueKeyed(ctx, e, made)
	}
	if err != nil {
		a.unlockWriting()
		return nil, err
	}
	return func() error {
		defer a.unlockWriting()
		_, err := a.carryOut(ctx, e, d.body(), condition{}, true)
		return err
	}, nil
}

// NeedKey is what is done before the content of a change of a new patient is kept.
func (a *Agent) NeedKey(ctx context.Context, patient string) error { return a.needKey(ctx, patient) }

// RetryKeys is what a session does now and then. It must be live.
func (a *Agent) RetryKeys(ctx context.Context) error { return a.retryKeys(ctx, a.live.log) }

// Files that tell of a first read that has not ended.
const (
	FirstReadFile = firstReadFile
	AgendaFile    = agendaFile
)

// PastFile has the last synchronisations.
const PastFile = pastFile

// ReserveFile is the room that a desk keeps on its disk.
const ReserveFile = reserveFile

// ShowLater is what is done with a change that the projection is said not to have taken in.
func (a *Agent) ShowLater(cause error, v projections.Version) {
	a.writing <- struct{}{}
	defer a.unlockWriting()
	a.showLater(cause, projections.Entry{Event: v.Event, Body: v.Body})
}

// UrgentFirst and RestTurn are how a dossier that is opened and a first read share the line.
const (
	UrgentFirst = urgentFirst
	RestTurn    = restTurn
)

// Urgent is urgent.
type Urgent struct{ urgent }

// Wait is urgent.wait.
func (u *Urgent) Wait() (done func()) { return u.wait() }

// GoFirst is urgent.goFirst.
func (u *Urgent) GoFirst(ctx context.Context) { u.goFirst(ctx) }
