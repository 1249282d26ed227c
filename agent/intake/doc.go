// Package intake reads what other systems give: FHIR Bundles of any type, single
// resources and NDJSON, and a Sumehr (KMEHR) as the resources that it is made of; plain,
// as .gz, and several files in a .zip.
//
// It promises:
//
//   - Exact bytes. A resource is handed on as it stands in the file; only references
//     to other entries of its bundle (urn:uuid and the like) become Type/id.
//   - The same ids every time. An entry without an id of its own gets one made from
//     its fullUrl, or from its content, so that a second import finds the first.
//   - Errors that name the file and the entry or line, and reading that goes on
//     behind them: a broken line costs that line, a broken bundle that bundle.
//   - What of another doctor's Sumehr goes into a dossier is said before it does (Dossiers),
//     doubles nothing that stands there, and undoes nothing that was changed here since it was
//     taken in before.
//   - Bounded memory: one resource at a time, and for a bundle some 50 bytes an entry. What has
//     a content in it, on a line, may have all of the largest content, up to MaxLetter, and is held once
//     while it is sent; the desk takes it in a piece at a time.
//     What unpacks without end is an error.
//
// It does not promise order beyond that of the files, nor that references resolve:
// those to things outside of the bundle are counted and left alone, as are conditional
// ones (Practitioner?identifier=…). Reading writes nothing, and no file of patients'
// data is put anywhere: a bundle is read twice instead.
package intake
