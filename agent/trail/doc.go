// Package trail keeps who looked at what at this desk: which dossier was opened, what was
// searched for, log-ins and exports. Who changed what stands in the log of the practice.
//
// It promises:
//
//   - An entry is in the file before the answer that it tells of goes out, so a kill
//     loses none. It is on the disk within SyncEvery: that much a power cut may cost.
//
//   - Nothing waits for the disk: Add is a write to the end of a file.
//
//   - It only grows. There is no way to change or remove an entry but with the file.
//
//   - It never stands in the way of care: where the disk takes nothing more, reading goes
//     on, the program's log says so, and the next entry that can be kept says how many
//     are missing before it.
//
//   - What was torn by a power cut costs that line, and no other.
//
//   - Search is newest first and a page at a time, and its cursors stay right while
//     entries come.
//
//   - What was kept reaches the other desks of the practice, sealed, once the server can be
//     asked, after all registrations, and is found there once, whatever was lost on the way
//     (see Practice). Nothing waits for that.
//
//   - Search asks the other desks' too, and says of which it knows how much.
//
// It keeps no content and none of the words that were searched for: names of parameters,
// ids of records and of patients. It does not promise to be believed by somebody who may
// write in the data folder, nor that the broker keeps for longer than its operator said.
package trail
