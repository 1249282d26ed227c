// Package resources reads a Sumehr, of whatever doctor and of 1.1 or 2.0, into FHIR R4
// resources: a Composition of the summary, and a resource for each item.
//
// It promises:
//
//   - Codes, words and dates are those of the message, with their precision. A word of a
//     KMEHR table that FHIR has none for stays beside it as a coding, and a Sumehr that
//     package sumehr made gives, read here and made again, the same content.
//   - The same message gives the same resources under the same ids, so a second reading
//     finds the first. An item that its author names (an identifier of its system) keeps
//     its id from one version of the Sumehr to the next; no id of a message is ever taken as
//     one of ours.
//   - An item that says just what a record of the dossier does makes no second one, where it is
//     told what the dossier says (Known.Sumehr).
//   - What cannot be said in these resources is named in Unread, with its item.
//   - Nothing panics, whatever the message is.
//
// It does not promise that the message is a right one: package check says so. It looks
// nothing up: which records stand already is told to it.
package resources
