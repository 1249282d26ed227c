// Package behind keeps the table of the patients whose Sumehr on the hub is not the newest.
//
// It promises:
//
//   - Every patient of whom a record here wishes a Sumehr that is kept up to date is judged,
//     by what is here, also without a line to anybody.
//   - A change of a record touches the patients whose Sumehr reads that record, and no
//     other; a new day touches all, since what is over depends on it.
//   - List has seen every change that was here when it was called. Behind is the count of
//     what was judged last, and costs nothing.
//   - Nothing is kept on the disk: the table is made of the records at each start.
//
// It does not promise to be quick where it was never read: 10,000 wished patients take some
// seconds, in Run beside everything else, and not while the desk reads or sends: the count
// is then that of before.
package behind
