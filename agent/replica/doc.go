// Package replica keeps the device's copy of the log: it reads, checks, opens and
// applies what the server has, and gives back what the server lost.
//
// It promises that a position is only reached with everything before it committed
// in the same transaction; that nothing which is not signed by a device of the
// practice enters the graph; that what cannot be read or trusted is kept, counted
// and never stops what comes after it; and that a server whose log is not the one
// that was read before is found out at the first meeting (another identity, a
// shorter log, another event at our position, gaps that are not here), re-read from the start, and healed:
// what it no longer has is pushed back, each event once, whoever made it.
//
// A dossier can be read ahead of the rest (Ahead), without moving the position and
// without touching what the read knows of chains: the read comes to the
// same verdicts as if nothing had been read ahead, wherever it was cut off.
//
// Who may sign follows from the Device records and their places in the log, and not from the order
// in which they are read: a certificate counts wherever it stands, also one whose key comes late, and a
// revocation from the first place on at which its device may sign, but for what the chain that it names
// vouches for. What was judged before all of them
// were known is judged again when they are (LeftOut tells of what still waits).
//
// It does not push what this device wrote; that is the outbox's.
//
// What is checked when: the digest of every event and its link in its device's chain
// always; an event's own signature when it comes alone, and in a batch only the last
// of each device, which vouches for those before it through the chain; every
// signature one by one where a link does not fit, and in `carelog audit verify`.
package replica
