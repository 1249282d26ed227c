// Package attachments keeps the contents of letters and scans on this desk: what was
// written here until the server has it, and of the rest what was looked at lately.
//
// It promises:
//
//   - What Put returns for is on this PC's disk. From Keep on it is sent, also after a
//     kill or a power cut, until every piece of it was acknowledged by the server, or
//     read back from there and found the same; before that it is never removed.
//   - A piece is believed when it opens under the key of its content, in its place, and
//     a content when the digest of all of it is right: until then nobody is given its
//     last piece. It does not matter who cut, changed or exchanged something, nor where.
//   - A fetch goes on after a kill or a cut line from the pieces that are on the disk.
//   - Memory is bounded by a handful of pieces of 256 KiB, however large a content is.
//   - After the server's disk was lost it gets back every content that is here whole.
//
// It does not know what a content is, nor which records refer to it: a content that
// nothing refers to, because the PC was killed between the two, stays on the server. It
// cannot give back what no desk holds any more.
package attachments
