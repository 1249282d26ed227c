// Package projections is record.db: a device's copy of the log, and what is made of
// it. It is one SQLite file that can be deleted at any time and rebuilt from the log.
//
// It promises:
//
//   - The set of entries decides everything. Any order, any repetition and any size of
//     batches gives the same tables, byte for byte, except for the arrival numbers and
//     times (Dump leaves these out). Nothing is decided by a clock.
//   - An Apply is all or nothing, its position included. After a crash the file holds
//     what was committed, perhaps without the last batches: synchronous is NORMAL,
//     since the log has them and what it has not is in the outbox.
//   - Nothing that came is dropped. An event with a verdict, a message that is no
//     event, an event that stands in the log again, one whose id is taken, both sides
//     of a forked chain: each is kept, counted and shown. Log gives the messages back
//     byte for byte as events.Encode writes them.
//   - Heads are exactly the versions that no version of the same record names. Every
//     live head of a record is found by Search, not only the one that is shown.
//   - A small batch is found by all its values as soon as it is committed: one that was not
//     to wait for them (Batch.Later) is indexed by the next Search. A large one is found by dossier, id, name, identifier and birth date; by the rest when Index has come to it. Until then a Search that may have missed something says so, and the index is the
//     same in the end, whenever it was made.
//   - A question sees one state, never half of a change. Nothing is remembered between
//     changes, so two programs may have the file open.
//   - Copy is of one moment, and what a replay of the log up to its position makes: with
//     that and the rest of the log another store comes to the same Dump. Replace leaves
//     the old file or the new one, whole, whenever it is killed.
//   - ReadOnly reads the copy of the log beside whoever keeps it, of the file's own version
//     only, and changes nothing in the file.
//   - Check works everything out again from the events, the plain way, and names the
//     first difference.
//
// It does not promise that an event is genuine: the verdict comes with the entry, and
// whoever gives it stands for it. It does not judge the log: a sequence that two
// different messages claim is kept as it came, and it is for the reader of the log to
// call Distrust before it reads another one. It does not act on an erasure: the event
// is kept, and the words and values by which the patient is found stay until the file is
// rebuilt without the key. The words, unlike the bodies, stand in the file unsealed, and so
// do the digests of codes. The content digests in it belong to the version of this package
// that wrote it.
package projections
