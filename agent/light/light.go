package light

import (
	"sync"
	"time"
)

// Color is the state of the light, in the words of the interface.
type Color string

const (
	// Online, steady: connected, nothing queued, and the broker's last event is our
	// last event by hash.
	Online Color = "online"
	// Synchronising, blinking: connected, and reading, pushing or healing.
	Synchronising Color = "synchronising"
	// Offline, off: no connection, or the user chose to work offline.
	Offline Color = "offline"
)

// Kind says what a synchronising device is doing.
type Kind string

const (
	Initial Kind = "initial"  // the first read of the whole log
	CatchUp Kind = "catch-up" // what came while we were away
	Push    Kind = "push"     // what was queued while we were away
	Heal    Kind = "heal"     // giving back what the server lost
)

// Activity is what is being done and how far it is.
type Activity struct {
	Kind       Kind   `json:"kind"`
	Done       uint64 `json:"done"`        // events
	Total      uint64 `json:"total"`       // events
	Bytes      uint64 `json:"bytes"`       // that were fetched so far, where that is counted
	Rate       uint64 `json:"rate"`        // events per second of late; 0: not known yet
	ETASeconds int64  `json:"eta_seconds"` // -1: not known yet
}

// State is the light at one moment.
type State struct {
	Color    Color     `json:"light"`
	Since    time.Time `json:"since"`
	Reason   string    `json:"reason"`
	Activity *Activity `json:"activity,omitempty"` // only while synchronising
}

// Light holds the state. The zero value is not usable; see New. Safe for use by
// several goroutines.
type Light struct {
	now   func() time.Time
	mu    sync.Mutex
	state State
	past  []Episode // oldest first; the last one may go on
}

// New returns a light that is off: nothing is known to be safe yet.
func New(now func() time.Time, reason string) *Light {
	return &Light{now: now, state: State{Color: Offline, Since: now(), Reason: reason}}
}

// Set sets the state and reports whether that changed anything. Since moves only
// when the color does.
func (l *Light) Set(c Color, reason string, activity *Activity) (changed bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	next := State{Color: c, Since: l.state.Since, Reason: reason}
	if c == Synchronising {
		next.Activity = activity
	}
	if c != l.state.Color {
		next.Since = l.now()
	}
	if same(next, l.state) {
		return false
	}
	l.note(next)
	l.state = next
	return true
}

// State returns the state.
func (l *Light) State() State {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state
}

func same(a, b State) bool {
	if a.Color != b.Color || a.Reason != b.Reason || (a.Activity == nil) != (b.Activity == nil) {
		return false
	}
	return a.Activity == nil || *a.Activity == *b.Activity
}
