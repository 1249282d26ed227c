// Package audit reads a log again: what stands in it (Rows), what a record or a
// dossier was at any moment (Show), whether all of it is as it was written (Verify),
// and whether a projection is what the log makes of it (VerifyProjection).
//
// It works over any log: an iterator of events.Stored, from a broker, from a device's
// file or from an export. It reads from the first message, each message once (before that the Device records, and what
// revoked devices have sent), and changes nothing.
//
// It promises:
//
//   - What a message says is checked, never assumed: a message that cannot be decoded
//     is a row and a finding, and no input makes it panic.
//   - A finding is a value with a code that does not change its meaning, and names the
//     event. It is passed on as soon as it is certain, in the order of the log; what
//     only the end can tell comes at the end.
//   - A log in which any signed byte or any signature was changed is never called
//     clean, as long as the root key and the practice's keys are given.
//   - Time linear in the messages. Verify holds for every million events about 80 MB:
//     the table of ids 37 to 73 MB, the chains 8 MB, and 40 bytes for each event of a device that was revoked; and one batch of messages, at
//     most 512 or 8 MiB of bodies with one message more. Show holds the heads of what
//     was asked for, and the ids of their versions.
//   - All cores decode, open and check signatures; when a function returns, none of
//     its goroutines is left.
//
// It does not promise to see what nothing points to: that the newest events of a
// device are missing, or that events of two devices changed places, only a position
// that somebody signed can tell (Check.Expect). It cannot know that a device's key was
// in other hands before it was revoked. It checks content only as far as that it
// opens; whether it is good FHIR is asked where it is written.
//
// A clean log without keys does not exist: what could not be checked is a warning.
package audit
