// Package snapshot makes, lists and fetches the sealed form of a projection file in the
// practice's object store.
//
// It promises:
//
//   - A snapshot exists from the moment on at which its manifest, written last, is
//     stored; what a maker left before that is no snapshot, and the next maker removes it.
//   - Parts are sealed under a key derived from the practice key for this snapshot alone,
//     and bound to practice, snapshot, number and end. The manifest is sealed as well and
//     signed by its maker, who must be a certified device that is not revoked; it names
//     the SHA-256 of every part's plain bytes. So a part that was changed, exchanged, cut
//     or left out, by whomever, is found before a byte of it is used.
//   - Fetch gives the file its name only when every part of it is right, and goes on
//     after a kill, a power cut or a cut line from what stands on the disk, also within a
//     part: each part there is believed by its digest alone.
//   - Memory is bounded by parts of at most 8 MiB and a handful of them in flight.
//   - An old snapshot is removed only beside one that was just made, or that was read whole
//     and is good: never the last that can be taken.
//
// It does not promise that the file is what the log makes: that is the word of the
// device that signed the manifest. It does not decide when one is made or taken, nor
// that one maker is at work at a time: that is the agent's.
package snapshot
