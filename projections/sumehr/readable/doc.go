// Package readable says what stands in a Sumehr in the order and words in which a person
// reads it: as sections for a page, and as text for a terminal.
//
// It promises that every item of a message is there, also one of a kind that no Sumehr has,
// and that codes, words and dates are those of the message. Headings, and the codes of some
// small tables, are said in Dutch, French, German or English. It judges nothing and never panics.
package readable
