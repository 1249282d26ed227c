package agent

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/carelog/carelog/events"
)

// ErrIncomplete says that this desk has not read the whole log yet, and that what was
// asked for may be among what is missing.
var ErrIncomplete = errors.New("this PC is still reading the practice's records for the first time, and this may be among those that are not here yet")

// firstReadFile stands in the data folder until the log was read to its end once.
const firstReadFile = "first-read"

// startGrace is how long after its start a desk that has not read everything lets a
// question wait for the connection.
const startGrace = time.Second

// ahead is the way to dossiers that the read has not reached.
type ahead struct {
	unfinished atomic.Bool // the log was never read to its end
	opened     *signal     // session was set
	agenda     agenda
	urgent     urgent

	// mu is held for reading while a dossier is fetched, and for writing by what must
	// not happen meanwhile: the end of a session, and a store that takes another's place.
	mu      sync.RWMutex
	session context.Context // ends what is being fetched
	log     Log             // nil: nothing is fetched; with a session, not yet
}

// goFirst waits while dossiers are fetched that the mass of the log must not hold up.
func (a *ahead) goFirst(ctx context.Context) {
	a.urgent.goFirst(ctx)
	a.agenda.goFirst(ctx)
}

// openAhead learns whether the first read was ever finished.
func (a *Agent) openAhead(ctx context.Context) error {
	if err := a.ahead.agenda.open(ctx, a.store.DossierSequence); err != nil {
		return err
	}
	position, _, _ := a.replica.Position()
	path := filepath.Join(a.config.Data, firstReadFile)
	_, err := os.Stat(path)
	switch {
	case err == nil:
	case !errors.Is(err, fs.ErrNotExist):
		return err
	case position.Sequence > 0:
		return nil
	default:
		if err := os.WriteFile(path, []byte("The practice's log was not read to its end yet. This file goes when it was.\n"), 0o600); err != nil {
			return err
		}
	}
	a.ahead.unfinished.Store(true)
	return nil
}

// beginAhead lets dossiers be fetched from a log that this desk has not read to its end,
// but not where the server is to get something back: then all that it had is here. end
// says why, waits for what is under way, and may be called again.
func (s *session) beginAhead(ctx context.Context, state events.LogState) (end func(why error), err error) {
	a := s.agent
	owes, err := a.replica.Owes(ctx)
	position, _, _ := a.replica.Position()
	if err != nil || owes || position.Sequence >= state.Last {
		return func(error) {}, err
	}
	// What is fetched ahead must be known to be of this stream.
	if err := a.replica.Begin(ctx, state, ""); err != nil {
		return nil, err
	}
	return a.openLine(ctx, s.log, state.Last-position.Sequence), nil
}

// errReadToEnd ends the fetching of dossiers because all of them are here.
var errReadToEnd = errors.New("the log was read to its end")

// openLine lets dossiers be fetched over a log until end is called.
func (a *Agent) openLine(ctx context.Context, log Log, behind uint64) (end func(why error)) {
	ctx, cancel := context.WithCancelCause(ctx)
	var tasks sync.WaitGroup
	if behind > ownLineFrom {
		a.fetchIn(ctx, nil) // until its own line stands
		tasks.Go(func() { a.holdOwnLine(ctx, log) })
	} else {
		a.fetchIn(ctx, log)
	}
	tasks.Go(func() { a.workAgenda(ctx) })
	return func(why error) {
		cancel(why)
		tasks.Wait()
		a.ahead.mu.Lock()
		if a.ahead.session == ctx {
			a.ahead.session, a.ahead.log = nil, nil
		}
		a.ahead.mu.Unlock()
		a.ahead.opened.fire()
	}
}

// fetchIn lets what is fetched ahead end with a session, and come over a log. What is under way is waited for.
func (a *Agent) fetchIn(session context.Context, log Log) {
	a.ahead.mu.Lock()
	a.ahead.session, a.ahead.log = session, log
	a.ahead.mu.Unlock()
	a.ahead.opened.fire()
}

// finishedReading notes that the whole log is here.
func (a *Agent) finishedReading() error {
	if a.ahead.unfinished.Swap(false) {
		if err := os.Remove(filepath.Join(a.config.Data, firstReadFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("note that the log was read: %w", err)
		}
	}
	a.ahead.agenda.finish()
	a.changed.fire()
	return a.ahead.agenda.keep(nil)
}

// readsFirst reports whether this desk has never yet read the log to its end.
func (a *Agent) readsFirst() bool { return a.ahead.unfinished.Load() }

// Incomplete is an error that wraps ErrIncomplete where what is not found here may exist: this
// desk has never yet read the log to its end, or cannot show a change that was made here.
func (a *Agent) Incomplete(ctx context.Context) error {
	if err := a.unseen(ctx, func(*events.Event) bool { return true }); err != nil {
		return asIncomplete(err)
	}
	if a.readsFirst() {
		return ErrIncomplete
	}
	return nil
}

// asIncomplete is an error of unseen as one that wraps ErrIncomplete.
func asIncomplete(err error) error {
	if errors.Is(err, ErrIncomplete) {
		return err
	}
	return fmt.Errorf("wait until the last change is shown: %w: %w", ErrIncomplete, err)
}

// Need sees to it that the dossier of a patient (empty: the practice's own records) is
// here as far as the server had it when it was asked. Where the desk has caught up that
// is so already; else the dossier is fetched by its own subject, ahead of the rest. It
// waits for the server for Config.Patience at most, and not at all where there is no
// connection, save in the first second after Open. An error wraps ErrIncomplete: what
// is here may then be less than what the practice knows, as where a change that was made here
// cannot be shown. While it waits the mass of the log leaves it the line.
func (a *Agent) Need(ctx context.Context, patient string) error {
	defer a.ahead.urgent.wait()()
	return a.fetchAhead(ctx, patient)
}

// fetchAhead is Need for whom nobody waits.
func (a *Agent) fetchAhead(ctx context.Context, patient string) error {
	if patient != "" && events.ValidateID("patient", patient) != nil {
		return nil // no dossier has such a name
	}
	if err := a.unseen(ctx, func(e *events.Event) bool { return e.Patient == patient }); err != nil {
		return asIncomplete(err)
	}
	ctx, cancel := context.WithTimeout(ctx, a.config.Patience)
	defer cancel()
	if err := a.awaitAhead(ctx); err != nil {
		return err
	}
	a.ahead.mu.RLock()
	defer a.ahead.mu.RUnlock()
	if a.ahead.log == nil {
		if a.readsFirst() {
			return fmt.Errorf("fetch the dossier of patient %q: %w", patient, ErrIncomplete)
		}
		return nil
	}
	defer context.AfterFunc(a.ahead.session, cancel)()
	came, err := a.replica.Ahead(ctx, a.ahead.log, patient)
	if came {
		a.changed.fire()
	}
	if err != nil && !errors.Is(context.Cause(a.ahead.session), errReadToEnd) {
		return fmt.Errorf("fetch the dossier of patient %q: %w: %w", patient, ErrIncomplete, err)
	}
	return nil
}

// awaitAhead gives a desk that has just started, and has not read everything, a moment
// to be connected, and waits for the line that is made for what is fetched ahead.
func (a *Agent) awaitAhead(ctx context.Context) error {
	left := startGrace - a.config.Now().Sub(a.opened)
	if left > startGrace {
		left = 0
	}
	grace := time.NewTimer(left)
	defer grace.Stop()
	late := left <= 0
	for {
		opened := a.ahead.opened.wait()
		a.ahead.mu.RLock()
		there, coming := a.ahead.log != nil, a.ahead.session != nil
		a.ahead.mu.RUnlock()
		if there || !coming && (late || !a.readsFirst() || a.chosenOffline()) {
			return nil
		}
		select {
		case <-opened:
		case <-grace.C:
			late = true
		case <-ctx.Done():
			return fmt.Errorf("wait for the server: %w: %w", ErrIncomplete, context.Cause(ctx))
		}
	}
}

// needAll is Need for many dossiers, each as far as it can be had within the time for
// one: a change is made all the same, and what it did not see becomes a conflict.
func (a *Agent) needAll(ctx context.Context, drafts []Draft) {
	wait, cancel := context.WithTimeout(ctx, a.config.Patience)
	defer cancel()
	asked := make(map[string]bool)
	for _, d := range drafts {
		if asked[d.Patient] {
			continue
		}
		asked[d.Patient] = true
		if a.Need(wait, d.Patient) != nil && wait.Err() != nil {
			return
		}
	}
}
