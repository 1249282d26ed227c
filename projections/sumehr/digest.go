package sumehr

import (
	"crypto/sha256"
	"slices"
	"strconv"
	"strings"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections/sumehr/kmehr"
)

// Digest is equal for two Sumehrs from which a reader learns the same of the patient: who it
// is and how to reach them, every item with its codes, words, dates and state, and the
// author's remark. It does not depend on who made the message, when, for which hub and from
// which records, on the order and numbers of items, on versions and labels of codes, or on
// white space. The first byte sequence names the form, so that another one is another digest.
func Digest(message *kmehr.Element) events.Digest {
	tx := message.At("folder", "transaction")
	lines := []string{canonical(message.At("folder", "patient"))}
	for _, item := range kmehr.Items(tx) {
		lines = append(lines, canonical(item))
	}
	for _, remark := range tx.All("text") {
		lines = append(lines, canonical(remark))
	}
	slices.Sort(lines[1:])
	return sha256.Sum256([]byte("sumehr content 1\n" + strings.Join(lines, "\n")))
}

// Saying is equal for two items of which a reader learns the same, as Digest sees it.
func Saying(item *kmehr.Element) string { return canonical(item) }

// canonical writes an element as far as it says something of the patient; empty where it
// says nothing. Each part stands with its length, so that no two trees are written alike.
func canonical(e *kmehr.Element) string {
	if e == nil || silent(e) {
		return ""
	}
	var parts []string
	for _, c := range e.Children {
		if part := canonical(c); part != "" {
			parts = append(parts, part)
		}
	}
	text := e.Value()
	if text == "" && len(parts) == 0 {
		return ""
	}
	if e.Name == "item" || e.Name == "content" { // there the order says nothing
		slices.Sort(parts)
	}
	var w strings.Builder
	w.WriteString(e.Name)
	for _, name := range []string{"S", "SL", "nullFlavor"} {
		if value := e.Attribute(name); value != "" {
			w.WriteString(" " + name + "=" + sized(value))
		}
	}
	if e.Name != "cd" && e.Attribute("L") != "" {
		w.WriteString(" L=" + sized(strings.ToLower(e.Attribute("L"))))
	}
	w.WriteString("{" + sized(text))
	for _, part := range parts {
		w.WriteString(sized(part))
	}
	return w.String() + "}"
}

func sized(s string) string { return strconv.Itoa(len(s)) + ":" + s }

// silent reports whether an element is of the message and not of the patient.
func silent(e *kmehr.Element) bool {
	switch e.Name {
	case "recorddatetime":
		return true
	case "id":
		return e.Attribute("S") == "ID-KMEHR" || e.Attribute("S") == "LOCAL"
	}
	return false
}

// Bare is an element without what canonical leaves out: numbers, moments of recording.
func Bare(e *kmehr.Element) *kmehr.Element {
	bare := &kmehr.Element{Name: e.Name, Attr: e.Attr, Text: e.Text}
	for _, c := range e.Children {
		if !silent(c) {
			bare.Children = append(bare.Children, Bare(c))
		}
	}
	return bare
}
