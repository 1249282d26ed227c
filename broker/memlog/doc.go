// Package memlog is the log of a practice in memory: the same methods as broker.Log,
// the same decisions (package broker/internal/writing makes them for both), and
// faults on command. It is for simulations: it opens no socket, keeps no goroutine,
// and takes the time from package time, so that it runs in a bubble of
// testing/synctest, in virtual time.
//
// It promises what the conformance suite broker/logtest asks of the real one too.
// Each device has its own line to the server, and each line its own faults.
//
// It does not model a cluster, a log with holes, or permissions beyond those of the
// suite: another practice's subjects and another device's position are refused.
package memlog
