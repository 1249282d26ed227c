// Package fhir is the EHR's own door to a desk: FHIR R4 as REST in JSON.
//
// It promises:
//
//   - Exact bytes. What was written is read back byte for byte, but for the id and
//     the members of meta that belong to the server (see package fhirjson).
//   - Versions are events: meta.versionId and ETag are the event's id, If-Match names
//     the versions that the author had before them, and a stale one is answered with
//     412 and nothing written. Several ETags in If-Match name several heads, and so
//     settle a conflict over plain REST.
//   - A conflict is seen: the record carries fhirjson.ConflictTag wherever it is read,
//     `_tag` lists all such records, $conflicts returns every head with the ancestor
//     and who wrote what, $resolve settles.
//   - A search is never wider than what was asked, in silence: what is not supported
//     is refused or named in the answer and left out of its self link.
//   - A search finds a record by every live head, all conditions by one and the same, and
//     says so where that is not the head shown. Its pages hold each record once that is
//     there throughout, whatever is written between them.
//   - What is not found while the desk is still reading the log, or indexing what
//     it read, is not said to be missing: a search carries an outcome `incomplete`, a read is 404 with that code.
//   - What a client writes is FHIR R4 as far as package structure sees: what is not is
//     refused with 422 and an issue with its expression for each thing that is wrong (400
//     where the JSON itself cannot be read). What is doubtful, an SSIN that was mistyped, is
//     kept and named in Carelog-Warning. What the log brings is read whatever it is.
//   - No record drops out of its dossier by a reference that is nearly right: it is refused with
//     422, and what is kept in no dossier though it names a patient is warned of.
//   - A letter or scan within its document becomes a Binary beside it, which is written with
//     it or not at all; see package letters.
//   - The content of a Binary passes through in pieces, is given out as it was written,
//     and is safe for a browser to open.
//   - A transaction is written as a whole or not at all, here and on the server, and so is
//     one that is queued. What a conditional change finds still stands when it is written:
//     of any number at once, at one desk or at several that are online, one creates.
//   - A patch changes what it names, and no other byte.
//   - Every error is an OperationOutcome that says what to do, and never HTML.
//   - A write that returns 200, 201 or 204 is safe; where the server does not have it
//     yet, the header Carelog-Queued says so.
//   - What comes in can be followed: who asks _history?_since with the lastUpdated they saw
//     last, or resumes /fhir/_events, misses nothing, however late it was written or known.
//   - What is read out is whole or says what is missing: $everything breaks off rather than
//     end well without being whole, $export is of one moment and has every head.
//   - Every version has a Provenance, and every look at a record is in the trail before
//     the answer goes out. Nobody writes either.
//
// It does not ask whether what a record points to is there, as R4 leaves to a server
// (CapabilityStatement.rest.resource.referencePolicy): the patient of an Observation may come later, from another desk or
// another file. And to delete a Patient deletes no other record: what was written of them
// is still read, found by patient=, and given out by $everything.
//
// It does not promise that what it stores keeps the invariants of FHIR or any profile, and
// it does not ask who the caller is: package guard stands before it. No goroutine of it outlives the
// request that it is for.
package fhir
