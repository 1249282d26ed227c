// Package events is the language of the log: what an event is, how it looks on
// the wire, who signed it and how its content is sealed.
//
// It promises:
//
//   - One canonical wire form. Encode gives the same bytes for the same event,
//     Decode accepts those bytes and nothing else, and Digest is a function of
//     them alone. A golden file of every form ever written stays in testdata.
//   - One hash of a log, whatever version reads it: Message.Fingerprint does not
//     depend on what Decode understands.
//   - Ids that sort causally: Clock.Next returns an id greater than every parent,
//     however wrong the clock of the PC is.
//   - Content that only the practice can read: Seal compresses and encrypts under
//     the patient's key and binds the result to the event's id and record.
//   - Contents of letters and scans in pieces that open only in their place of their
//     content, under a name that tells nothing; the same content makes the same bytes.
//   - A chain per device that has no gap and no fork unseen: an event carries the
//     device's counter and the fingerprint of the event before it, under an Ed25519
//     signature that still verifies when the patient's key is gone.
//   - Broken input is an error that names the event and says what is wrong with
//     it. Nothing panics, hangs, or allocates more than MaxPlain for a body.
//
// It does not promise that an event is new, wanted, or allowed: who may sign is
// decided by the reader, from the Device records of the log. It knows nothing of
// FHIR: a record is a type, an id and bytes. It imports nothing of this module.
package events
