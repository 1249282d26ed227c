package fhirjson

import (
	"bytes"
	"encoding/json"
)

// isLink names the members that may refer to an entry of a Bundle: Reference.reference
// and elements of the types uri and url, oid and uuid. Text, identifiers and narrative
// are never among them.
func isLink(name []byte) bool {
	switch string(name) {
	case "reference", "url", "uri", "valueUri", "valueUrl", "valueOid", "valueUuid":
		return true
	}
	return false
}

// EachLink calls f with every member that may refer to an entry of a Bundle and whose
// value is a string: its name and its value. body must be valid JSON.
func EachLink(body []byte, f func(name, value string)) {
	eachLink(body, func(name string, start, end int) { f(name, unquote(body[start:end])) })
}

// RewriteLinks returns a copy of a resource in which replace has given such members
// another value, with every other byte as it was. body must be valid JSON.
func RewriteLinks(body []byte, replace func(name, value string) (with string, ok bool)) []byte {
	rewritten := make([]byte, 0, len(body))
	from := 0
	eachLink(body, func(name string, start, end int) {
		if with, ok := replace(name, unquote(body[start:end])); ok {
			rewritten = appendQuoted(append(rewritten, body[from:start]...), with)
			from = end
		}
	})
	return append(rewritten, body[from:]...)
}

// eachLink calls f with each of those members, and where its value stands with its
// quotes. body is valid JSON, so a string before a colon is a name.
func eachLink(body []byte, f func(name string, start, end int)) {
	for i := 0; ; {
		quote := bytes.IndexByte(body[i:], '"')
		if quote < 0 {
			return
		}
		start := i + quote
		end := stringEnd(body, start)
		value := space(body, end)
		if i = end; value >= len(body) || body[value] != ':' {
			continue
		}
		value = space(body, value+1)
		if i = value; value >= len(body) || body[value] != '"' || !isLink(body[start+1:end-1]) {
			continue
		}
		i = stringEnd(body, value)
		f(string(body[start+1:end-1]), value, i)
	}
}

// stringEnd returns the place behind the string that begins at start.
func stringEnd(body []byte, start int) int {
	for i := start + 1; i < len(body); i++ {
		switch body[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(body)
}

// space returns the place of the next byte that is no white space.
func space(body []byte, i int) int {
	for i < len(body) && (body[i] == ' ' || body[i] == '\n' || body[i] == '\t' || body[i] == '\r') {
		i++
	}
	return i
}

// unquote reads a JSON string; most have nothing to unquote.
func unquote(quoted []byte) string {
	if bytes.IndexByte(quoted, '\\') < 0 && len(quoted) >= 2 {
		return string(quoted[1 : len(quoted)-1])
	}
	var s string
	if json.Unmarshal(quoted, &s) != nil {
		return ""
	}
	return s
}
