// Package bulk reads the records of a practice out into files, as jobs that whoever
// asked can look after: the exit of a practice that leaves, in the manner of FHIR Bulk Data.
//
// It promises:
//
//   - One moment. What a job gives is the records as they were when it began to read,
//     whatever is written meanwhile.
//   - Nothing is left out in silence: every live record goes out as it is shown, every
//     record in conflict goes out once more with all its heads, and with Since every
//     deletion as well. A letter or scan goes out with its content, which is fetched where
//     it is not here. What cannot be opened here is named, and so is a content that cannot
//     be had; its record goes out all the same and says that it lacks it.
//   - Exact bytes, but for what the server adds, for line breaks in white space, which
//     become spaces, since a resource is a line, and for white space within base64.
//   - Bounds: one job reads at a time, MaxJobs are kept, each for Keep after it ended,
//     and none outlives the program: Open removes what an earlier one left. Memory is
//     bounded by one record without its content. An export with contents fails before it
//     fills the disk.
//   - One goroutine, which Close ends and waits for.
//
// It does not promise that the files are safe on the disk before a power cut: whoever
// has not fetched them asks again. They hold what the records say, readable to whoever
// may read the data folder.
package bulk
