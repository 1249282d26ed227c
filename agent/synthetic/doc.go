// Package synthetic makes up a Belgian general practice: the organization, its
// doctors, and patients with problems, allergies, medication, vaccinations,
// contacts, measurements and notes, as FHIR R4 resources.
//
// It promises:
//
//   - The same bytes for the same options, on every machine and in every version
//     that keeps the golden file: nothing comes from the clock, from a map's order
//     or from a float, and a patient does not depend on how many come after.
//   - A stream: memory does not grow with the number of patients.
//   - Resources that hold together: required elements are present, references point
//     to what was yielded before, ids are unique, check digits are right.
//   - Nobody's number. Sequence numbers of the National Register run from 001 to
//     997 for men and from 002 to 998 for women; 000 and 999 are not given out (IBZ,
//     instruction IT000 "Het identificatienummer"). Women here have 000 and men 999,
//     so no SSIN in it belongs to a person, and each of them is well formed.
//
// It does not promise statistics: the frequencies look like those of a practice
// and are not drawn from any. NIHDI numbers have valid check digits but no range of
// them is known to be free, names and addresses are combined by chance, and the few
// codes stand for themselves: no code system is shipped.
package synthetic
