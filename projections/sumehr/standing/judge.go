package standing

import (
	"time"

	"github.com/carelog/carelog/projections/sumehr/check"
)

// Desk is what a judgement needs to know of the desk that makes it.
type Desk struct {
	Level  bool // it has all that the server has, by proof
	Queued bool // changes of this dossier are here and not on the server
	Hub    Hub
}

// Hub is what is known of the hub and of the last try to publish a patient's Sumehr there.
type Hub struct {
	SetUp   bool
	Session bool // of the author, and valid
	// Trouble is what the last try met, and still stands: NoConsent or NoRelation where the
	// hub says so, Invalid where it refused the message, NoSession where the one that there
	// was did not do, Unreachable, Unknown, Foreign or Twice; Waiting where only Next is to be said. Empty: nothing.
	Trouble Reason
	Detail  string    // what the hub said
	Next    time.Time // when it is tried again; zero: not by itself
}

// Judgement is how the Sumehr of a patient stands.
type Judgement struct {
	Reason Reason
	// Since is when the first change was made that the hub does not have; zero where the
	// hub has the newest, and where that is not known.
	Since    time.Time
	Next     time.Time // attempt; zero: none is planned
	Detail   string    // what the hub said
	Records  []string  // to blame: Type/id
	Findings []check.Finding
}

// Judge weighs the facts of a patient: whether the hub holds the newest and, if not, the
// first reason that holds.
func Judge(f Facts, d Desk) Judgement {
	j := Judgement{Reason: reason(f, d), Since: f.since}
	switch j.Reason {
	case Off, Newest:
		j.Since = time.Time{}
	case Refused:
		j.Records = f.Wish.Records
	case Number:
		j.Records, j.Findings = []string{"Patient/" + f.Patient}, f.number
	case NoConsent:
		j.Records = f.Consent.Records
	case NoRelation, NotOurs:
		j.Records = f.Relation.Records
	case Conflict:
		j.Records = f.Conflicts
	case Invalid:
		j.Findings = f.Errors
	}
	if d.Hub.Trouble == j.Reason {
		j.Next, j.Detail = d.Hub.Next, d.Hub.Detail
	}
	if f.Broken != nil && j.Reason == Invalid {
		j.Detail = f.Broken.Error()
	}
	return j
}

func reason(f Facts, d Desk) Reason {
	trouble := d.Hub.Trouble
	switch {
	case !f.Wished:
		return Off
	case f.Newest() && trouble != Foreign && trouble != Twice:
		return Newest
	case f.Refused:
		return Refused
	case len(f.number) > 0:
		return Number
	case !f.Consent.Holds || trouble == NoConsent:
		return NoConsent
	case !f.Relation.Holds || trouble == NoRelation:
		return NoRelation
	case len(f.Conflicts) > 0:
		return Conflict
	case !d.Level || d.Queued:
		return NotLevel
	case f.Broken != nil || len(f.Errors) > 0 || trouble == Invalid:
		return Invalid
	case !d.Hub.SetUp:
		return NoHub
	case !d.Hub.Session || trouble == NoSession:
		return NoSession
	case trouble == Unreachable || trouble == Unknown || trouble == Foreign || trouble == Twice:
		return trouble
	case !f.Ours:
		return NotOurs
	}
	return Waiting
}
