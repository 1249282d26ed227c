package projections

import (
	"time"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections/fhirsearch"
)

// Version is one event of a record, and what it made of it.
type Version struct {
	Event    *events.Event
	Sequence uint64    // place in the log; 0 while the server is not known to have it
	Stored   time.Time // when the broker stored it; zero where it is queued
	Arrived  time.Time // when it came here; never earlier than what came before it
	Arrival  int64     // its place among all that came here
	Body     []byte    // the resource, byte for byte; nil for a deletion and where Doubt says so
	Doubt    Doubt     // none, or DoubtUnopened
	Head     bool      // no other event names it as parent
}

// Deleted reports whether the version is a deletion.
func (v Version) Deleted() bool { return v.Event.Type == events.Deleted }

// State is a record as it stands.
type State struct {
	Record   events.Record
	Patient  string    // dossier of the version shown
	Shown    Version   // what stands until a person decides
	Heads    []Version // the version shown first
	Conflict bool      // two of the heads differ in content
	Since    time.Time // when the conflict came up here; zero without one
}

// Query says what to search. What is empty does not narrow; all that is set must hold, and
// of one live head of a record.
type Query struct {
	Type       string                 // of the records; may be empty where there are no conditions
	Conditions []fhirsearch.Condition // each for that type
	Text       string                 // words of a name, birth dates or values of identifiers, each from its beginning
	Order      fhirsearch.Order       // zero: by name where the type has one, else by the one date that is asked for, else by id
	Limit      int                    // at most so many; 0 means DefaultLimit, and MaxLimit is the most
	After      string                 // Page.Next of the page before; empty: the first
	CountOnly  bool                   // the page has nothing but its total
	Counted    bool                   // the total is worth its time, as long as there are no more than MaxCounted candidates
}

// Bounds of a search.
const (
	DefaultLimit = 50
	MaxLimit     = 1000
	// MaxCounted is how many candidates a search looks at to find all that there is. Of more
	// it finds a page at a time, in the order that the index has, and does not count them.
	MaxCounted = 10_000
)

// Page is a part of what a search found. It may hold fewer than were asked for and still
// have a next one.
type Page struct {
	States []State
	Next   string // for Query.After; empty at the end
	Total  int    // of all pages, at this moment; -1: not counted
	// Partial says that more may be found when the index is complete; see Indexed.
	Partial bool
	// Elsewhere names the heads that were found of records of which another one is shown.
	Elsewhere map[events.Record][]events.ID
}

// Change is a line of the feed of what came here.
type Change struct {
	Mark     // its place: ascending, with gaps
	Record   events.Record
	Patient  string
	Event    events.ID
	Type     events.Type
	Device   string
	Author   string
	Sequence uint64    // 0 while it is queued
	Arrived  time.Time // of the change
	Doubt    Doubt
	Removed  bool // the event was taken out again: the write was refused as stale
}

// Doubtful is something in the log that somebody may want to look at.
type Doubtful struct {
	Kind     Doubt
	Event    events.ID     // zero where the message has none that can be read
	Record   events.Record // zero where there is none
	Patient  string
	Device   string
	Counter  uint64 // of the device's chain
	Sequence uint64 // 0: not in the log
	Reason   string
}

// Counts says how much there is.
type Counts struct {
	Records  int // that have a version, deleted ones included
	Patients int // live Patient records
	Events   int
	Queued   int // events that the server does not have yet
	Concerns
}

// Concerns says how much there is that somebody may want to look at.
type Concerns struct {
	Conflicts int
	Doubts    map[Doubt]int
}

// Device is one that may sign, or might once.
type Device struct {
	ID          string
	Name        string
	PublicKey   []byte
	Certificate []byte
	FirstAt     uint64 // place in the log of its first version; 0: none is in the log yet
	Active      bool   // no version of its record says otherwise
	RevokedAt   uint64 // place in the log from which its events no longer count; 0: active, or the revocation is still queued
}
