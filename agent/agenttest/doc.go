// Package agenttest runs desks of one made-up practice in a test, over the real
// broker or the log in memory, and checks them all at its end.
//
// It promises that a desk which a test started has stopped, passed the full check of
// its projection, and closed its files when the test ends. It is for tests only.
package agenttest
