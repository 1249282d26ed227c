// Package bench measures a desk beside the raw limits of its machine.
//
// It promises that every figure stands beside the least that the same work could
// cost on the same machine at the same time: bare rows through the same SQLite
// driver, bare publishes to the same broker, bare downloads of the same file.
// Both take turns, several times, and the median counts. The desks are real ones:
// enrolled, on a data folder of their own, over loopback TCP to a broker in a process of
// its own (`carelog broker`), with its sync before each acknowledgement.
//
// It does not promise figures of a practice: desks, broker and limits share the cores
// of one machine, there is no network between the desks, and the patients are made up. A missed
// aim is said and is no error. What each limit does is in DESIGN.md.
package bench
