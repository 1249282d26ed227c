package publish

import (
	"time"

	"github.com/carelog/carelog/agent/behind"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections/sumehr/standing"
)

// pending is a patient of whom the hub does not have the newest, as this desk sees it.
type pending struct {
	digest events.Digest // of what is to be sent
	first  time.Time     // when it was seen that something is
	ready  time.Time     // when it has been gathered

	trouble standing.Reason // that the last try met
	detail  string
	next    time.Time // try after it; zero with a trouble: none by itself
	tries   int       // that failed, one after the other
	known   events.ID // with Foreign: what the dossier said of the hub then
}

// over reports whether a foreign Sumehr was dealt with elsewhere: the dossier says something
// else of the hub by now.
func (o *pending) over(f standing.Facts) bool {
	return o.trouble == standing.Foreign && o.known != versionOf(f.Published)
}

// due is when it is sent; zero: not by itself.
func (o *pending) due() time.Time {
	if o.trouble != "" && o.next.IsZero() {
		return time.Time{}
	}
	return later(o.ready, o.next)
}

// see notes what is to be sent of a patient now. What changes is gathered, and another
// Sumehr than the one that was refused is a new matter.
func (o *pending) see(digest events.Digest, now time.Time, quiet, gather time.Duration) {
	if o.digest == digest && !o.first.IsZero() {
		return
	}
	if o.first.IsZero() {
		o.first = now
	}
	o.digest, o.ready = digest, now.Add(quiet)
	if last := o.first.Add(gather); last.Before(o.ready) {
		o.ready = last
	}
	if o.trouble != "" && o.next.IsZero() {
		o.next = o.ready
	}
}

// outage is how the hub does, for all patients.
type outage struct {
	failed int       // requests, one after the other
	since  time.Time // the first of them
	next   time.Time // request
	paused bool
	detail string
}

func (o *outage) down() bool { return o.paused }

// enough is how many patients in a row the hub may fail to take before it counts as down: one
// alone may be the message's fault.
const enough = 3

// backoff is how long is waited after so many failures: twice as long each time, and at
// random down to half of it, so that the desks do not come all at once.
func (p *Publisher) backoff(failures int) time.Duration {
	d := p.config.Longest
	if failures < 20 {
		d = min(d, p.config.Retry<<max(0, failures-1))
	}
	return d/2 + p.config.Jitter(d/2)
}

// tryable reports whether nothing stands in the way of a row but what a try may change.
func tryable(row behind.Row) bool {
	if row.Reason == standing.NotLevel {
		return false
	}
	j := standing.Judge(row.Facts, standing.Desk{Level: true, Hub: standing.Hub{SetUp: true, Session: row.Session}})
	return j.Reason == standing.Waiting || j.Reason == standing.Newest
}
