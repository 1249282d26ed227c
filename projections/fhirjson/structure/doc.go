// Package structure holds a resource against the structure of FHIR R4 (4.0.1): which
// elements a type has, how often each may and must stand, of which type it is, how a
// primitive is written, and which codes a required binding lists.
//
// It promises:
//
//   - What it refuses is wrong by the specification, and by a rule that a person can
//     look up: each Issue has the place, a code of FHIR's issue-type, and a text that
//     says what to do. At most MaxIssues are gathered.
//   - What it does not know passes: extensions of any URL, profiles, codes of open
//     bindings, references to what names no type. Nothing is fetched, and nothing is changed.
//   - What Check accepts, fhirjson.Check accepts too, and white space changes no verdict.
//   - Numbers are read by their digits; no float is made. Dates exist in the calendar.
//   - Nothing panics, and time and memory are bounded by a multiple of the input.
//
// It does not promise that a resource makes sense: invariants are not evaluated but
// for ele-1, ext-1 and dom-2, profiles and slices are not looked at, narrative is a
// string that is not looked into, and no code is looked up beside the required ones.
//
// The table behind it is made by internal/generate from the definitions of HL7 and
// read once, when it is needed first. Everything is safe for use by several goroutines.
package structure

//go:generate go run ./internal/generate -definitions $R4_DEFINITIONS -out r4.table.gz
