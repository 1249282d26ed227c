// Package largetest sets the tests of what is large apart: their time goes over bytes, one by
// one, and the race detector makes minutes of it.
//
// It promises that such a test runs in make test where the race detector does not watch. It does
// not promise that nothing races there: what a large content does with goroutines, a small one
// does as well, and has a test of its own that is watched.
package largetest
