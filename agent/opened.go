package agent

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/carelog/carelog/events"
)

// Opened is a dossier that is open at a desk of the practice.
type Opened struct {
	Patient string `json:"patient"`
	Author  string `json:"author"`
	Device  string `json:"device"`
}

// Bounds of what is said of open dossiers.
const (
	openedEvery = 3 * time.Second // so often a desk repeats it
	openedLife  = 7 * time.Second // so long it is believed
	maxTabs     = 200             // pages of this desk that say so
	// MaxOpenFor is how long the word of a page holds, at most.
	MaxOpenFor = 5 * time.Minute
)

// openedLine carries what desks have open to each other. A log without one carries nothing.
type openedLine interface {
	SayOpened(sealed []byte) error
	HearOpened(heard func(device string, sealed []byte)) (stop func(), err error)
}

// openDossiers is who has which dossier open, here and elsewhere. It is a hint and no lock: nothing
// is decided by it, and nothing keeps it.
type openDossiers struct {
	say   *signal // what is open here is to be said at once
	every time.Duration
	life  time.Duration

	mu    sync.Mutex
	here  map[string]tab       // by the name that a page gave itself
	there map[string]otherDesk // by device
}

type tab struct {
	events.Opened
	until time.Time
}

type otherDesk struct {
	list  []events.Opened
	until time.Time
}

func newOpenDossiers() *openDossiers {
	return &openDossiers{say: newSignal(), every: openedEvery, life: openedLife, here: make(map[string]tab), there: make(map[string]otherDesk)}
}

// OpenDossier notes that a page of this desk has a dossier open, for so long, up to MaxOpenFor;
// the page says so again before that is over. An empty patient: it has none open any more.
func (a *Agent) OpenDossier(page, patient, author string, lasts time.Duration) error {
	o := a.dossiers
	o.mu.Lock()
	defer o.mu.Unlock()
	before := o.here[page].Opened
	now := events.Opened{Patient: patient, Author: author}
	if patient == "" {
		now = events.Opened{}
		delete(o.here, page)
	} else if _, known := o.here[page]; !known && len(o.here) >= maxTabs {
		return fmt.Errorf("%d pages have a dossier open already: %w", maxTabs, ErrTooManyPages)
	} else {
		o.here[page] = tab{now, time.Now().Add(min(lasts, MaxOpenFor))}
	}
	if before != now {
		o.say.fire()
		a.changed.fire()
	}
	return nil
}

// ErrTooManyPages says that no more pages can say what they have open.
var ErrTooManyPages = errors.New("close some of them")

// OpenElsewhere is what the other desks of the practice have open, by device, as far as this one
// has heard in the last seconds; without a connection, nothing.
func (a *Agent) OpenElsewhere() []Opened {
	o := a.dossiers
	o.mu.Lock()
	defer o.mu.Unlock()
	list := []Opened{}
	for device, d := range o.there {
		for _, one := range d.list {
			list = append(list, Opened{one.Patient, one.Author, device})
		}
	}
	slices.SortFunc(list, func(x, y Opened) int {
		if x.Device != y.Device {
			return strings.Compare(x.Device, y.Device)
		}
		return strings.Compare(x.Patient+" "+x.Author, y.Patient+" "+y.Author)
	})
	return list
}

// OpenHere is what the pages of this desk have open, each dossier once for each person.
func (a *Agent) OpenHere() []Opened {
	list := []Opened{}
	for _, one := range a.dossiers.openHere(time.Now()) {
		list = append(list, Opened{one.Patient, one.Author, a.config.Enrolment.Device})
	}
	return list
}

// openHere drops what no page repeated, and returns the rest, each once.
func (o *openDossiers) openHere(now time.Time) (list []events.Opened) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for page, t := range o.here {
		if now.After(t.until) {
			delete(o.here, page)
		} else if !slices.Contains(list, t.Opened) {
			list = append(list, t.Opened)
		}
	}
	slices.SortFunc(list, func(x, y events.Opened) int { return strings.Compare(x.Patient+" "+x.Author, y.Patient+" "+y.Author) })
	return list
}

// hint tells the other desks what is open here and hears what is open there, until ctx ends or
// the function that it returns is called, which waits for the end.
func (s *session) hint(ctx context.Context) (end func()) {
	line, ok := s.log.(openedLine)
	if !ok {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	wait := beside(func() error { return s.agent.exchangeOpened(ctx, line) })
	return func() {
		cancel()
		if err := wait(); err != nil {
			s.agent.log.Warn("who has a dossier open is not known", "err", err)
		}
	}
}

func (a *Agent) exchangeOpened(ctx context.Context, line openedLine) error {
	stop, err := line.HearOpened(func(device string, sealed []byte) {
		if ctx.Err() == nil {
			a.hearOpened(device, sealed)
		}
	})
	if err != nil {
		return err
	}
	defer a.forgetOpened()
	defer stop()
	said := false // the others believe that something is open here
	for ctx.Err() == nil {
		again := a.dossiers.say.wait() // taken before looking
		a.dossiers.expire(time.Now(), a.changed)
		list := a.dossiers.openHere(time.Now())
		if len(list) > 0 || said {
			said = a.sayOpened(line, list) && len(list) > 0
		}
		if len(list) > 0 || a.dossiers.heard() {
			wait(ctx, again, a.dossiers.every)
			continue
		}
		select { // nothing to repeat, and nothing that could grow old
		case <-again:
		case <-ctx.Done():
		}
	}
	if said {
		a.sayOpened(line, nil)
	}
	return nil
}

// sayOpened reports whether it was said: without a connection it is not, and there is nobody
// to hear.
func (a *Agent) sayOpened(line openedLine, list []events.Opened) bool {
	sealed, err := a.practice.SealOpened(a.config.Enrolment.Practice, a.config.Enrolment.Device, list)
	return err == nil && line.SayOpened(sealed) == nil
}

// hearOpened takes another desk's word. One that does not open is nobody's.
func (a *Agent) hearOpened(device string, sealed []byte) {
	if device == a.config.Enrolment.Device || a.replica.Revoked(device) {
		return
	}
	list, err := a.practice.ReadOpened(a.config.Enrolment.Practice, device, sealed)
	if err != nil {
		return
	}
	o := a.dossiers
	o.mu.Lock()
	defer o.mu.Unlock()
	before, known := o.there[device]
	if len(list) == 0 {
		delete(o.there, device)
	} else {
		o.there[device] = otherDesk{list, time.Now().Add(o.life)}
	}
	if !slices.Equal(before.list, list) {
		a.changed.fire()
	}
	if !known && len(list) > 0 {
		o.say.fire() // who just came has not heard of us
	}
}

// heard reports whether another desk has something open.
func (o *openDossiers) heard() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.there) > 0
}

// expire drops what no other desk repeated.
func (o *openDossiers) expire(now time.Time, changed *signal) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for device, d := range o.there {
		if now.After(d.until) {
			delete(o.there, device)
			changed.fire()
		}
	}
}

// forgetOpened drops what the others have open: without a line to them nobody knows.
func (a *Agent) forgetOpened() {
	a.dossiers.mu.Lock()
	defer a.dossiers.mu.Unlock()
	if len(a.dossiers.there) > 0 {
		clear(a.dossiers.there)
		a.changed.fire()
	}
}
