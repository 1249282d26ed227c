// Package light is the one thing that every user sees: whether all is safe.
//
// It promises a closed set of states, each with the time since which it holds and
// a reason in words, one notification per change, and no flicker: setting the state
// that already holds changes nothing but its activity. It decides nothing; the
// replica and the outbox tell it what is true.
package light
