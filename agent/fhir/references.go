package fhir

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/carelog/carelog/events"
)

var referenceName = []byte(`"reference"`)

// eachReference calls f with every record that a resource refers to by type and id. No
// text within a resource can be taken for one: the quotes in it are escaped.
func eachReference(body []byte, f func(events.Record)) {
	for {
		i := bytes.Index(body, referenceName)
		if i < 0 {
			return
		}
		body = bytes.TrimLeft(body[i+len(referenceName):], " \t\r\n")
		if len(body) == 0 || body[0] != ':' {
			continue // a value and no name
		}
		body = bytes.TrimLeft(body[1:], " \t\r\n")
		end := textEnd(body)
		if end == 0 {
			continue
		}
		var text string
		if json.Unmarshal(body[:end], &text) == nil {
			typ, id, _ := strings.Cut(text, "/")
			id, _, _ = strings.Cut(id, "/_history/")
			r := events.Record{Type: typ, ID: id}
			if _, ok := resourceTypes[typ]; ok && events.ValidateID("id", id) == nil {
				f(r)
			}
		}
		body = body[end:]
	}
}

// textEnd is the length of the JSON text that a begins with, its quotes included; 0
// where there is none.
func textEnd(a []byte) int {
	if len(a) == 0 || a[0] != '"' {
		return 0
	}
	for i := 1; i < len(a); i++ {
		switch a[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return 0
}
