// Package kmehr reads and writes messages in KMEHR, the XML in which Belgian care
// providers exchange summaries, as a tree of elements.
//
// It promises:
//
//   - What Read takes, Write gives back with the same content: every element, its order,
//     its text and its attributes. Comments, processing instructions, prefixes and
//     attributes of other namespaces (xsi:schemaLocation) say nothing of the patient and
//     are not kept.
//   - The same bytes for the same tree, and a tree that says nothing else than the file.
//   - Read is bounded and believes nothing: at most MaxSize bytes, MaxDepth elements in one
//     another, MaxElements elements. A document type is refused, so no entity is ever
//     expanded and nothing is ever fetched. Nothing panics, whatever the input is.
//   - Numbers are texts here; none passes through a float.
//
// It does not promise that a message follows the schema or is a Sumehr: package check says
// what is wrong with one. It knows neither FHIR nor dossiers.
package kmehr
