package agent

import (
	"time"

	"github.com/carelog/carelog/agent/light"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
)

// Status is the state of a desk, as /api/status and `carelog status --json` give it.
type Status struct {
	light.State
	Problem    *Problem  `json:"problem,omitempty"`  // the cause in Reason, where there is one
	ByChoice   bool      `json:"by_choice"`          // the user chose to work offline
	Incomplete bool      `json:"incomplete"`         // what is not found here may exist: the log was never read to its end, or something is unshown
	Unshown    int       `json:"unshown"`            // changes that are safe, and that this PC cannot show yet
	Prefetch   *Prefetch `json:"prefetch,omitempty"` // of the agenda that /api/prefetch was given
	// Index is how far the records are that can be searched by all their values; nil: all are.
	// Of the others a search takes in projections.Few by itself.
	Index        *projections.Indexed `json:"index,omitempty"`
	Outbox       int                  `json:"outbox"`        // events that the server does not have yet
	Attachments  int                  `json:"attachments"`   // contents of letters and scans that the server does not have yet
	SetAside     int                  `json:"set_aside"`     // events that the server refused for good
	Conflicts    int                  `json:"conflicts"`     // records
	SumehrBehind int                  `json:"sumehr_behind"` // patients
	Hub          *HubStatus           `json:"hub,omitempty"` // nil: none is set up here
	Position     events.Position      `json:"position"`
	Server       ServerStatus         `json:"server"`
	Practice     string               `json:"practice"`
	Device       string               `json:"device"`
	DeviceName   string               `json:"device_name"`
	Doubts       Doubts               `json:"doubts"`
	Warnings     []Warning            `json:"warnings"`     // what somebody should look at
	Acknowledged []Acknowledged       `json:"acknowledged"` // what somebody has looked at, and what does not end by that
}

// HubStatus is how the hub does on which Sumehrs are published, as this desk met it.
type HubStatus struct {
	URL       string    `json:"url"`
	DownSince time.Time `json:"down_since,omitzero"` // zero: it answers, or was not asked yet
	Error     string    `json:"error,omitempty"`
	Next      time.Time `json:"next,omitzero"` // try
}

// Doubts counts the events that were kept but are not trusted in full, by kind.
type Doubts map[projections.Doubt]int

// ServerStatus is what the desk last heard of the server.
type ServerStatus struct {
	Sequence uint64    `json:"sequence"` // end of the log
	URL      string    `json:"url"`
	Agreed   time.Time `json:"agreed"` // last time that both ends of the log were the same by hash
}

// Warning is something that a person should know, with words ready to be shown.
type Warning struct {
	Code  string    `json:"code"` // stable, for scripts
	Text  string    `json:"text"` // what is wrong, and what to do
	Since time.Time `json:"since"`
	// Fact names exactly what it is of, and is what Acknowledge takes. Empty: the warning ends
	// by itself once it is seen to, and is said until then.
	Fact string `json:"fact,omitempty"`
}

// Acknowledged is a warning that somebody has seen.
type Acknowledged struct {
	Warning
	By     string    `json:"by"` // id of the Practitioner
	At     time.Time `json:"at"` // by the clock of the PC where it was
	Reason string    `json:"reason"`
}

// Queued is an event of this device that the server does not have.
type Queued struct {
	ID        events.ID `json:"event"`
	Type      string    `json:"type"` // of the record
	RecordID  string    `json:"id"`
	Patient   string    `json:"patient"`
	Author    string    `json:"author"`
	Time      time.Time `json:"time"`
	Deleted   bool      `json:"deleted"`
	Attempts  int       `json:"attempts"`
	LastError string    `json:"last_error,omitempty"`
	Problem   *Problem  `json:"problem,omitempty"` // the same as a code
	SetAside  bool      `json:"set_aside"`         // the server refused it for good
	// Transaction is the id of the first event of the transaction that it is a part of:
	// what has the same is sent, set aside, retried and discarded as one.
	Transaction string `json:"transaction,omitempty"`
}

// Resolution is a person's choice between the heads of a record.
type Resolution struct {
	Record events.Record
	Heads  []events.ID // all heads that the person saw
	Keep   events.ID   // the version to keep: a head, or an earlier one that shall stand again; zero where Body is the choice
	Body   []byte      // a merge
	Author string
}
