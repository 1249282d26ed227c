// Package sumehr makes of a dossier's records the Sumehr 2.0 of a patient, the summary that
// other doctors find on the hub: a KMEHR message (20161201) of flat items.
//
// It promises:
//
//   - A pure function: the same records, author and moment give the same bytes, in whatever
//     order the records come. Nothing is read, asked or remembered.
//   - Nothing is made up: codes are those that stand on the record, dates have the
//     precision that the doctor gave, and "nothing known" is said of problems and
//     treatments only, where there is none of either and none was held back.
//   - What is confidential (meta.security R or V) or masked by its doctor is left out, and
//     that something was left out is then said once (omissionofmedicaldata).
//   - Nothing goes missing in silence: what could not go in is a finding that names the
//     record, and what is in conflict is named.
//   - Digest changes where what a reader learns of the patient changes, and only there: not
//     with the moment, the author, ids, the order of the records or versions of tables.
//
// It does not promise that the message may be published: that is for the findings to say,
// and for whoever knows of consent, conflicts and the hub. Records that FHIR's structure
// refuses are findings, never a panic.
package sumehr
