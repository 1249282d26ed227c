// Package pipetest serves HTTP over pipes in memory, for tests of what a caller does who is slow, or stops.
//
// It promises that nothing is on its way: what one end writes waits until the other reads it. In a bubble of
// testing/synctest the time of its deadlines is that of the bubble, so that a slow machine is no slow caller.
package pipetest
