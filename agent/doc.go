// Package agent is the device: one desk of a practice, online or offline.
//
// It promises:
//
//   - Write returns when the change is safe: online, on the broker's disk; offline,
//     in this device's outbox. A change that meets a newer version of its record
//     while online is refused, and nothing is written; one that was made offline
//     becomes a conflict that a person settles. Nothing accepted is ever lost.
//   - Transact makes several changes as one: all of them or none, here and on the server,
//     also when they were queued, or when the program is killed.
//   - A read never waits for the network, but for a dossier that a desk which is still
//     reading the log does not have: that is fetched, within Config.Patience, by Need,
//     ahead of the rest. What cannot be had is said to be incomplete, not missing.
//   - The content of a letter or scan is never in an event: it is on this device's disk
//     when the write returns, and goes to the server beside the events.
//   - The light tells the truth: green only while everything is on the server, our
//     last event is the server's last by hash, and no other device contradicts it.
//   - Run ends when its context does, with nothing accepted unsaved; a kill at any
//     moment loses nothing either.
//
// It knows nothing of FHIR's rules, HTTP, or pages: those are its doors, in the
// packages below it. It is also the package that a Go program embeds.
package agent
