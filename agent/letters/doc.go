// Package letters takes the letters and scans out of the records that they come in.
//
// FHIR lets an Attachment have its content in itself (DocumentReference, DiagnosticReport.presentedForm,
// Patient.photo and others). A content of more than structure.MaxInline never gets into an event: it becomes a Binary of
// the same dossier, and in the record stands where that is.
//
// It promises:
//
//   - The content leaves a request while it is read: memory is bounded by the rest.
//   - Of the record only the member data changes; every other byte stays as it was sent.
//   - What is said of a content (size, hash) is true, or the record is refused.
//   - The same content in the same record is the same Binary, however often and at whichever desk it is written.
//
// It writes nothing: whoever does writes the Binaries with the record, as one, or none of them.
package letters
