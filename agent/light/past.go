package light

import (
	"slices"
	"time"
)

// KeptEpisodes is how many synchronisations are remembered.
const KeptEpisodes = 50

// Episode is one synchronisation, from its beginning to its end or until now.
type Episode struct {
	Kind  Kind      `json:"kind"`
	Began time.Time `json:"began"`
	Ended time.Time `json:"ended,omitzero"` // zero while it goes on
	Done  uint64    `json:"done"`           // events
	Bytes uint64    `json:"bytes"`
}

// Remember puts what was synchronised before the light was made, the newest first, before what it has seen itself. What has
// no end is left out: nobody saw it end, and it does not go on.
func (l *Light) Remember(past []Episode) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var ended []Episode
	for _, e := range slices.Backward(past) {
		if !e.Ended.IsZero() {
			ended = append(ended, e)
		}
	}
	l.past = append(ended, l.past...)
	l.past = l.past[max(0, len(l.past)-KeptEpisodes):]
}

// Past returns the last synchronisations, the newest first.
func (l *Light) Past() []Episode {
	l.mu.Lock()
	defer l.mu.Unlock()
	past := make([]Episode, 0, len(l.past))
	for i := len(l.past) - 1; i >= 0; i-- {
		past = append(past, l.past[i])
	}
	return past
}

// note writes down what the next state begins, continues or ends. l.mu is held.
func (l *Light) note(next State) {
	var current *Episode
	if n := len(l.past); n > 0 && l.past[n-1].Ended.IsZero() {
		current = &l.past[n-1]
	}
	doing := next.Activity
	if current != nil && (doing == nil || doing.Kind != current.Kind) {
		current.Ended = l.now()
		current = nil
	}
	if doing == nil {
		return
	}
	if current == nil {
		if len(l.past) == KeptEpisodes {
			l.past = append(l.past[:0], l.past[1:]...)
		}
		l.past = append(l.past, Episode{Kind: doing.Kind, Began: l.now()})
		current = &l.past[len(l.past)-1]
	}
	current.Done, current.Bytes = max(current.Done, doing.Done), max(current.Bytes, doing.Bytes)
}
