// Package check holds a message against the rules of a Sumehr: those of the official
// Schematron for Sumehr 1.1, read for 2.0 with problem and treatment in the place of
// healthcareelement, those of "nothing known", and what a schema cannot see: check digits,
// dates and repeated numbers.
//
// It promises:
//
//   - Each finding has a rule, which is stable, an error or a warning; the number and kind
//     of the item; the record of ours that it was made from, where the message names one;
//     and a text in Dutch, French, German and English that says what to do.
//   - A message of anybody is taken: Sumehr 1.1 as well as 2.0, items beneath headings as
//     well as flat ones, versions of tables of any age. Nothing panics.
//   - The same message gives the same findings in the same order.
//
// It does not promise that the message follows the schema, nor that a hub takes it: what a
// hub enforces is not public. It looks no code of ICPC, ICD, ATC or CNK up.
package check
