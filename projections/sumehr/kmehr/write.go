package kmehr

import (
	"bytes"
	"strings"
)

// Write writes a message as UTF-8, an element on each line. The same tree gives the same
// bytes. A character that XML cannot hold becomes U+FFFD.
func Write(message *Element) []byte {
	w := writer{}
	w.WriteString(`<?xml version="1.0" encoding="UTF-8"?>` + "\n")
	w.element(message, 0)
	return w.Bytes()
}

type writer struct{ bytes.Buffer }

func (w *writer) element(e *Element, depth int) {
	w.line(depth)
	w.tag(e, depth == 0)
	switch {
	case len(e.Children) == 0 && e.Text == "":
		w.WriteString("/>\n")
		return
	case len(e.Children) == 0:
		w.WriteByte('>')
		w.escape(e.Text, false)
	case mixed(e):
		w.WriteByte('>')
		w.inline(e)
	default:
		w.WriteString(">\n")
		for _, c := range e.Children {
			w.element(c, depth+1)
		}
		w.line(depth)
	}
	w.WriteString("</" + e.Name + ">\n")
}

// inline writes texts and elements without adding white space, which would be text there.
func (w *writer) inline(e *Element) {
	for _, c := range e.Children {
		if c.Name == "" {
			w.escape(c.Text, false)
			continue
		}
		w.tag(c, false)
		w.WriteByte('>')
		w.escape(c.Text, false)
		w.inline(c)
		w.WriteString("</" + c.Name + ">")
	}
}

func (w *writer) tag(e *Element, root bool) {
	w.WriteString("<" + e.Name)
	if root && e.Attribute("xmlns") == "" {
		w.WriteString(` xmlns="` + Namespace + `"`)
	}
	for _, a := range e.Attr {
		w.WriteString(" " + a.Name + `="`)
		w.escape(a.Value, true)
		w.WriteByte('"')
	}
}

func (w *writer) line(depth int) {
	w.WriteString(strings.Repeat("  ", depth))
}

func mixed(e *Element) bool {
	for _, c := range e.Children {
		if c.Name == "" {
			return true
		}
	}
	return false
}

// escape writes a text or the value of an attribute so that a reader gets the same back.
func (w *writer) escape(text string, attribute bool) {
	for _, r := range text { // a byte that is no UTF-8 is U+FFFD here
		switch {
		case r == '&':
			w.WriteString("&amp;")
		case r == '<':
			w.WriteString("&lt;")
		case r == '>':
			w.WriteString("&gt;")
		case r == '"' && attribute:
			w.WriteString("&quot;")
		case r == '\r':
			w.WriteString("&#13;")
		case r == '\n' && attribute:
			w.WriteString("&#10;")
		case r == '\t' && attribute:
			w.WriteString("&#9;")
		case !character(r):
			w.WriteRune('\uFFFD')
		default:
			w.WriteRune(r)
		}
	}
}

// character reports whether XML 1.0 may hold it.
func character(r rune) bool {
	return r == '\t' || r == '\n' || r == '\r' || r >= ' ' && r <= 0xd7ff || r >= 0xe000 && r <= 0xfffd || r >= 0x10000
}
