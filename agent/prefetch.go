package agent

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/internal/localdisk"
)

// MaxPrefetch is how many patients one agenda may name.
const MaxPrefetch = 1000

// Prefetch is how far an agenda is.
type Prefetch struct {
	Done  int `json:"done"` // patients whose dossier is here, or that could not be fetched on their own
	Total int `json:"total"`
}

// agendaFile has the agenda that is not done, one patient a line: who gave it is not told of a kill. Behind them stands,
// with a mark before it, who is done.
const (
	agendaFile = "agenda"
	agendaDone = "+" // in no name of a patient
)

// agendaAtOnce is how many dossiers of the agenda are fetched at a time: each is a few questions, and waits for the line.
const agendaAtOnce = 4

// agenda is whose dossiers are fetched before the rest, in this order.
type agenda struct {
	path    string
	mu      sync.Mutex
	left    []string // not yet begun
	total   int
	done    int
	working int       // sessions that work on it: one or none
	made    uint64    // which agenda this is
	moved   time.Time // when the last of its dossiers came, or work began
	changed *signal   // there is another one, or all of it is done
}

// Prefetch lets the dossiers of patients be here before the others, in the order given:
// today's agenda. It returns at once; Status tells how far it is. A new agenda takes the
// place of the one before, and is kept over a restart until it is done. A desk that has read everything has nothing to do.
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
	g.set(list)
	if !a.readsFirst() && !a.readingAhead() {
		g.finish()
	} else if err := g.keep(list); err != nil {
		a.log.Warn("the agenda is not kept over a restart", "err", err)
	}
	a.changed.fire()
	return nil
}

func (a *Agent) readingAhead() bool {
	a.ahead.mu.RLock()
	defer a.ahead.mu.RUnlock()
	return a.ahead.session != nil // perhaps before its line stands
}

// workAgenda fetches what is on the agenda, until ctx ends.
func (a *Agent) workAgenda(ctx context.Context) {
	g := &a.ahead.agenda
	g.work(1)
	defer g.work(-1)
	var workers sync.WaitGroup
	for range agendaAtOnce {
		workers.Go(func() { a.fetchAgenda(ctx) })
	}
	workers.Wait()
}

func (a *Agent) fetchAgenda(ctx context.Context) {
	g := &a.ahead.agenda
	for ctx.Err() == nil {
		a.ahead.urgent.goFirst(ctx)
		changed := g.changed.wait()
		patient, made, ok := g.next()
		if !ok {
			select {
			case <-changed:
			case <-ctx.Done():
			}
			continue
		}
		err := a.fetchAhead(ctx, patient)
		if err != nil {
			if errors.Is(err, events.ErrOffline) || ctx.Err() != nil {
				g.giveBack(patient, made) // it is next, also in the next session
				wait(ctx, changed, lastPause)
				continue
			}
			// The read brings it too, only later: it must not hold up those behind it.
			a.log.Warn("a dossier of the agenda was not fetched ahead", "err", err)
		}
		if err := g.did(patient, made, err == nil); err != nil {
			a.log.Warn("how far the agenda is, is not kept over a restart", "err", err)
		}
		a.changed.fire()
	}
}

// open goes on with an agenda that was not done when the desk was closed or killed. Of whom nothing is here, as after the
// loss of the projection, is not done.
func (g *agenda) open(ctx context.Context, reached func(ctx context.Context, patient string) (uint64, error)) error {
	text, err := os.ReadFile(g.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var list []string
	done := make(map[string]bool)
	for _, p := range strings.Fields(string(text)) {
		if p, is := strings.CutPrefix(p, agendaDone); is {
			at, err := reached(ctx, p)
			if err != nil {
				return err
			}
			done[p] = at > 0
		} else if len(list) < MaxPrefetch {
			list = append(list, p)
		}
	}
	if slices.ContainsFunc(list, func(p string) bool { return events.ValidateID("patient", p) != nil }) {
		return g.keep(nil) // a file that cannot be read costs no more than the order of fetching
	}
	g.set(list)
	g.left = slices.DeleteFunc(g.left, func(p string) bool { return done[p] })
	g.done = g.total - len(g.left)
	return nil
}

// keep writes an agenda down, or removes it where nothing is on it.
func (g *agenda) keep(list []string) error {
	if len(list) == 0 {
		if err := os.Remove(g.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove the agenda: %w", err)
		}
		return nil
	}
	if err := localdisk.WriteFile(g.path, []byte(strings.Join(list, "\n")+"\n")); err != nil {
		return fmt.Errorf("keep the agenda: %w", err)
	}
	return nil
}

func (g *agenda) set(list []string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.left, g.total, g.done, g.made, g.moved = slices.Clone(list), len(list), 0, g.made+1, time.Now()
	g.changed.fire()
}

// work notes that a session begins to work on it, or ends.
func (g *agenda) work(n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.working += n
	g.moved = time.Now()
	g.changed.fire()
}

func (g *agenda) next() (patient string, made uint64, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.left) == 0 {
		return "", 0, false
	}
	patient, g.left = g.left[0], g.left[1:]
	return patient, g.made, true
}

// giveBack puts a patient of an agenda at its head again, if it is still that agenda.
func (g *agenda) giveBack(patient string, made uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.made == made && g.done < g.total {
		g.left = slices.Insert(g.left, 0, patient)
	}
}

// did notes that a patient of an agenda is done, if it is still that agenda, and whether the dossier came.
func (g *agenda) did(patient string, made uint64, came bool) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.made != made || g.done == g.total {
		return nil
	}
	if g.done++; g.done == g.total {
		g.changed.fire()
	}
	if !came {
		return nil
	}
	g.moved = time.Now()
	return g.keepDone(patient)
}

// keepDone writes behind the agenda that a patient of it is done. The disk is not waited for: after a power cut it is
// asked for again.
func (g *agenda) keepDone(patient string) (err error) {
	f, err := os.OpenFile(g.path, os.O_WRONLY|os.O_APPEND, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // it is not kept
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	_, err = f.WriteString(agendaDone + patient + "\n")
	return err
}

// finish notes that everything is here.
func (g *agenda) finish() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.left, g.done = nil, g.total
	g.changed.fire()
}

// busy reports whether dossiers of it are being fetched.
func (g *agenda) busy() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.working > 0 && g.done < g.total
}

// agendaFirst is for how long, at a time, the rest waits for the agenda: what is under way on the line does not come
// too late for that. Where no dossier of it came for as long, the rest does not wait until one does: it comes faster than that.
const agendaFirst = 10 * time.Second

// goFirst waits while dossiers of the agenda are being fetched.
func (g *agenda) goFirst(ctx context.Context) {
	moving := g.moving()
	if moving <= 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, moving)
	defer cancel()
	for {
		changed := g.changed.wait()
		if !g.busy() {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

// moving is for how long the rest waits for it now; 0 or less where it is done, or stands.
func (g *agenda) moving() time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.working == 0 || g.done == g.total {
		return 0
	}
	return agendaFirst - time.Since(g.moved)
}

// state is nil where there is no agenda.
func (g *agenda) state() *Prefetch {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.total == 0 {
		return nil
	}
	return &Prefetch{Done: g.done, Total: g.total}
}
