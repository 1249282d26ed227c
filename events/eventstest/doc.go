// Package eventstest makes up practices for tests: a root key, patient keys and
// devices that write, branch, delete and revoke, and the log that comes of it.
//
// It promises signed events that events.Decode accepts, on gapless chains, with ids
// and times that depend on nothing but the order of the calls. Only the nonces of
// the sealed bodies come from chance, so digests differ between two runs.
//
// It promises no sense: a test may name parents that do not exist, sign with the
// wrong device or push in any order, since faults are what most tests are about.
// It knows nothing of FHIR: what a Device record looks like is given to New.
// A Practice and its devices belong to one goroutine.
package eventstest
