// Package fhirjson is what the practice knows of a FHIR R4 resource in JSON: where
// its id stands, whose dossier it belongs to, when two of them say the same, and
// where they differ. Below it a record is a type, an id and bytes.
//
// It promises:
//
//   - Exact bytes. Prepare and Stamp cut and insert the few members that belong to
//     the server and leave every other byte as it was written, white space and the
//     digits of decimals included. No number ever passes through a float.
//   - Patch applies a JSON Patch, and RewriteLinks the references of a transaction, to the
//     same bytes: nothing else changes.
//   - One strict reading. What Check accepts has one meaning: valid UTF-8, one
//     object, no name twice, no lone surrogate, at most MaxDepth deep, at most
//     MaxValues values, at most events.MaxPlain bytes.
//   - No guessing about lists. Compare and Digest never match items by position:
//     two people who each changed another phone number changed two things.
//   - Nothing panics, and memory is bounded by a multiple of the input, whatever
//     the input is.
//
// It does not promise that a resource is valid FHIR: cardinalities, required codes and
// calendar dates are the matter of package structure, which the doors ask, and unknown
// types, elements and extensions pass untouched here. It does no I/O and keeps no state; everything in it is
// safe for use by several goroutines.
package fhirjson
