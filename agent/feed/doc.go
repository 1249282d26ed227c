// Package feed tells a reader over HTTP what comes in at this desk, as server-sent
// events. It is one mechanism for both doors: each says in its own words what a change is.
//
// It promises:
//
//   - Nothing is passed over. A reader resumes with the id of the last event that it
//     saw, whatever that stood on, and gets every change after it, each in its place.
//   - A reader whose id is of another file (the records were built anew, or a snapshot
//     took their place) is told so with an event reset, also in the middle of a stream.
//   - A silence ends with a comment after Config.Heartbeat at the latest, so that a dead
//     connection can be told from a quiet practice. A reader that does not read is let go
//     after half a minute.
//   - It starts no goroutine. Serve returns when the reader goes or when Config.Closed
//     is closed.
//
// It does not promise that a change is still true when it is read: an event names what
// changed and not what it says.
package feed
