package agent

import "time"

// Estimate is estimate, for tests.
type Estimate struct{ estimate }

// NewEstimate begins an estimate.
func NewEstimate(began time.Time) *Estimate { return &Estimate{estimate{began: began}} }

// Note is estimate.note.
func (e *Estimate) Note(now time.Time, done, total uint64) (rate float64, left int64) {
	return e.note(now, done, total)
}

// SetBusy is what a session says when it begins and ends what a person waits for.
func (a *Agent) SetBusy(is bool) { a.setBusy(is) }
