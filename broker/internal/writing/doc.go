// Package writing decides what became of a message that was sent to a log: stored,
// refused, overtaken, or unknown. It knows no network: broker and memlog give it
// their line, so that the log of the simulations decides as the real one does.
package writing
