package agent

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/carelog/carelog/events"
)

// MaxPrefetch is how many patients one agenda may name.
const MaxPrefetch = 1000

// Prefetch is how far an agenda is.
type Prefetch struct {
	Done  int `json:"done"` // patients whose dossier is here, or that could not be fetched on their own
	Total int `json:"total"`
}

// agenda is whose dossiers are fetched before the rest, in this order.
type agenda struct {
	mu       sync.Mutex
	patients []string
	done     int
	made     uint64  // which agenda this is
	changed  *signal // there is another one
}

// Prefetch lets the dossiers of patients be here before the others, in the order given:
// today's agenda. It returns at once; Status tells how far it is. A new agenda takes the
// place of the one before. A desk that has read everything has nothing to do.
func (a *Agent) Prefetch(patients []string) error {
	if len(patients) > MaxPrefetch {
		return fmt.Errorf("an agenda of %d patients: at most %d can be fetched ahead", len(patients), MaxPrefetch)
	}
	seen := make(map[string]bool, len(patients))
	list := make([]string, 0, len(patients))
	for _, p := range patients {
		if err := events.ValidateID("patient", p); err != nil {
			return err
		}
		if !seen[p] {
			seen[p] = true
			list = append(list, p)
		}
	}
	g := &a.ahead.agenda
	g.mu.Lock()
	g.patients, g.done, g.made = list, 0, g.made+1
	g.mu.Unlock()
	if !a.readsFirst() && !a.readingAhead() {
		g.finish()
	}
	g.changed.fire()
	a.changed.fire()
	return nil
}

func (a *Agent) readingAhead() bool {
	a.ahead.mu.RLock()
	defer a.ahead.mu.RUnlock()
	return a.ahead.log != nil
}

// workAgenda fetches what is on the agenda, until ctx ends.
func (a *Agent) workAgenda(ctx context.Context) {
	g := &a.ahead.agenda
	for ctx.Err() == nil {
		changed := g.changed.wait()
		patient, made, ok := g.next()
		if !ok {
			select {
			case <-changed:
			case <-ctx.Done():
			}
			continue
		}
		if err := a.Need(ctx, patient); err != nil {
			if errors.Is(err, events.ErrOffline) || ctx.Err() != nil {
				wait(ctx, changed, lastPause) // it is next, also in the next session
				continue
			}
			// The read brings it too, only later: it must not hold up those behind it.
			a.log.Warn("a dossier of the agenda was not fetched ahead", "err", err)
		}
		g.did(made)
		a.changed.fire()
	}
}

func (g *agenda) next() (patient string, made uint64, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.done >= len(g.patients) {
		return "", 0, false
	}
	return g.patients[g.done], g.made, true
}

// did notes that the next patient of an agenda is done, if it is still that agenda.
func (g *agenda) did(made uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.made == made {
		g.done++
	}
}

// finish notes that everything is here.
func (g *agenda) finish() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.done = len(g.patients)
}

// state is nil where there is no agenda.
func (g *agenda) state() *Prefetch {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.patients) == 0 {
		return nil
	}
	return &Prefetch{Done: g.done, Total: len(g.patients)}
}
