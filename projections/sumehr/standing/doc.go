// Package standing judges whether what the hub holds of a patient is the newest Sumehr that
// the dossier makes and, where it is not, why.
//
// It promises:
//
//   - Two pure functions. Read takes from the records of a dossier all that the judgement
//     needs of them, and costs what the Sumehr costs; Judge weighs it against the state of
//     the desk and of the hub, and costs nothing. So a change of one record is one Read.
//   - Newest means: the last Sumehr that was published has the digest of the one that the
//     dossier makes now, and nothing that it says is in conflict. Nothing else counts: a
//     line that is down makes nobody's Sumehr old.
//   - Of the reasons that hold, the first of a fixed order (Reasons) is given, with what the
//     user can do about it and the records to blame.
//   - A wish, a consent, a relation and a publication are FHIR resources of the dossier; the
//     forms are in DESIGN.md, and Publication.Body writes what Read reads.
//
// It does not promise that the hub agrees: what it holds is known from what was published
// and recorded, and from what Hub says of it.
package standing
