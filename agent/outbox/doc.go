// Package outbox is the device's durable queue: every change a user made that the
// server has not confirmed, and the end of the device's chain.
//
// It promises that what Enqueue accepted is on disk (SQLite, synchronous FULL)
// before it returns, in one transaction with the chain and with the keys that the
// events need; that reading does not remove; and that an event leaves only by
// Arrived or Confirm (the log has it), Withdraw (the author was told that it was not written)
// or Discard (a named user gave it up, and that is kept).
//
// A key leaves with the first event that it seals, but one that the server refused
// (KeyRefused) only when the server has it (KeyTaken).
//
// The events of a transaction stay together: Pending never ends within one, and SetAside,
// Requeue and Discard are of all its events.
//
// A file of an older schema is taken over when it is opened; an older carelog refuses it
// from then on.
//
// It does not push: it knows no broker. One process has it open at a time, which
// the lock of the data folder sees to.
package outbox
