// Package light is the one thing that every user sees: whether all is safe.
//
// It promises a closed set of states, each with the time since which it holds and
// a reason in words, and no flicker: setting the state that already holds is no
// change. It decides nothing; the
// replica and the outbox tell it what is true.
package light
