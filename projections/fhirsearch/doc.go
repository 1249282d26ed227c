// Package fhirsearch is what a search of FHIR R4 means here: which parameters the records
// of a type have, what values a resource has for them, and which values a question takes.
//
// It promises:
//
//   - One table says everything: what is searched, served and declared is made of it.
//   - Values are a pure function of the bytes of a resource and of whose dossier it is in.
//     No number passes through a float: decimals are compared by their digits.
//   - Matches decides alone. Keys and the spans of a question only help to find
//     candidates: whatever matches has a key within the spans, never the other way round.
//   - A code system that guides spell differently is one (see Canonical), whatever was sent.
//   - A question that is not understood is an error that says what is wrong with it.
//     Nothing panics, and what a question costs is bounded by its length.
//
// It does not promise that a resource is valid: what has another shape than FHIR's, or is no
// date or decimal, has no value and is found as missing. It knows no terminology: no
// subsumption, no value sets, no display texts. It does no I/O and keeps no state.
package fhirsearch
