package intake

import (
	"bytes"
	"encoding/json"
	"strings"
)

// rewrite returns a copy of a resource in which references to entries of the bundle
// name their type and id, with every other byte as it was, and counts the references
// that are conditional and those that lead nowhere.
func (x *index) rewrite(body []byte) (rewritten []byte, conditional, dangling int) {
	rewritten = make([]byte, 0, len(body))
	from := 0
	eachLink(body, func(name string, start, end int) {
		value := unquote(body[start:end])
		if name != "reference" && !strings.HasPrefix(value, "urn:") {
			return // the url of a definition is its name, and not where its entry stands
		}
		if target, ok := x.target(value); ok {
			rewritten = append(append(rewritten, body[from:start]...), `"`+target+`"`...)
			from = end
			return
		}
		conditional, dangling = count(name, value, conditional, dangling)
	})
	return append(rewritten, body[from:]...), conditional, dangling
}

// countReferences counts as rewrite does, where there is no bundle.
func countReferences(body []byte) (conditional, dangling int) {
	eachLink(body, func(name string, start, end int) {
		conditional, dangling = count(name, unquote(body[start:end]), conditional, dangling)
	})
	return conditional, dangling
}

func count(name, value string, conditional, dangling int) (int, int) {
	if name != "reference" {
		return conditional, dangling
	}
	if before, _, ok := strings.Cut(value, "?"); ok && resourceType(before) {
		conditional++
	}
	if strings.HasPrefix(value, "urn:") {
		dangling++
	}
	return conditional, dangling
}

// eachReference calls f with every literal reference.
func eachReference(body []byte, f func(reference string)) {
	eachLink(body, func(name string, start, end int) {
		if name == "reference" {
			f(unquote(body[start:end]))
		}
	})
}

// isLink names the members that may refer to an entry: Reference.reference and elements
// of the types uri and url. Text, identifiers and narrative are never among them.
func isLink(name []byte) bool {
	switch string(name) {
	case "reference", "url", "uri", "valueUri", "valueUrl":
		return true
	}
	return false
}

// eachLink calls f with each of those members whose value is a string, and where the
// value stands with its quotes. body is valid JSON, so a string before a colon is a name.
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
