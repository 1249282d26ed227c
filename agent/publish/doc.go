// Package publish keeps the newest Sumehr of each wished patient on the hub.
//
// It promises:
//
//   - One device of the practice publishes at a time: it has the lease "sumehr", which the
//     broker gives, and which moves on a minute after that device went away.
//   - Nothing is sent but what standing.Judge lets through by a proof of that moment: the wish,
//     the duties, no conflict, no error, all of the dossier on the server, and a session of
//     the author at this desk.
//   - What the hub holds is read before anything is sent, every time. So what was sent and
//     never answered, or never recorded, is found there and recorded, not sent again; and what
//     another put there is not written over, but said (standing.Foreign).
//   - What others did on the hub is noticed within two hours, also where nothing changes here.
//   - What the hub holds of ours is a record of the dossier (DocumentReference), for every desk.
//   - Quick edits are gathered; what failed is tried again, ever later, and at random a little
//     sooner; a hub that is down is asked once for all patients.
//
// Where the hub takes in a first version that it was given a minute earlier, it holds two
// Sumehrs of the practice until that is seen, some minutes later: see DESIGN.md. What was tried
// here and when is next is in memory, and known to this desk alone.
package publish
