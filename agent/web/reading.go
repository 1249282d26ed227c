package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
)

// A resource is read to be shown as encoding/json reads it, but for two things: a number keeps its
// digits, and members keep their order. A record may be of any form: a member of another kind than
// is asked for is as if it were not there, and hides no other.
type (
	object []member
	member struct {
		name  string
		value any // object, []any, string, json.Number, bool or nil
	}
)

// readResource is nil where body is no object of JSON.
func readResource(body []byte) object {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	value, err := readValue(d)
	if err != nil {
		return nil
	}
	o, _ := value.(object)
	return o
}

func readValue(d *json.Decoder) (any, error) {
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch token {
	case json.Delim('['):
		list := []any{}
		for d.More() {
			item, err := readValue(d)
			if err != nil {
				return nil, err
			}
			list = append(list, item)
		}
		_, err = d.Token()
		return list, err
	case json.Delim('{'):
		o := object{}
		for d.More() {
			name, err := d.Token()
			if err != nil {
				return nil, err
			}
			text, ok := name.(string)
			if !ok {
				return nil, errors.New("a name that is no text")
			}
			value, err := readValue(d)
			if err != nil {
				return nil, err
			}
			o = append(o, member{text, value})
		}
		_, err = d.Token()
		return o, err
	}
	return token, nil
}

// at is the value below v at a path of names and, as in a Patch, places in lists; nil where there is none.
func at(v any, path ...any) any {
	for _, step := range path {
		switch step := step.(type) {
		case string:
			o, _ := v.(object)
			i := slices.IndexFunc(o, func(m member) bool { return m.name == step })
			if i < 0 {
				return nil
			}
			v = o[i].value
		case int:
			list, _ := v.([]any)
			if step >= len(list) {
				return nil
			}
			v = list[step]
		}
	}
	return v
}

// textAt is the text or the digits of a number at a path; empty where there is neither.
func textAt(v any, path ...any) string {
	switch v := at(v, path...).(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	}
	return ""
}

// listAt is the list at a path; nil where there is none.
func listAt(v any, path ...any) []any {
	list, _ := at(v, path...).([]any)
	return list
}

// joined are those of texts that are not empty.
func joined(separator string, texts ...string) string {
	return strings.Join(slices.DeleteFunc(texts, func(s string) bool { return s == "" }), separator)
}

// firstOf is the first text that is not empty.
func firstOf(texts ...string) string {
	for _, s := range texts {
		if s != "" {
			return s
		}
	}
	return ""
}

// concept is the text of a CodeableConcept: its own words, else those of a code.
func concept(v any) string {
	chosen := at(v, "coding", 0)
	for _, coding := range listAt(v, "coding") {
		if textAt(coding, "display") != "" {
			chosen = coding
			break
		}
	}
	return firstOf(textAt(v, "text"), textAt(chosen, "display"), textAt(chosen, "code"))
}

// codeOf is the code of the first coding of a CodeableConcept.
func codeOf(v any) string { return textAt(v, "coding", 0, "code") }

// coded reports whether one of a list of concepts has a code of a system.
func coded(concepts []any, system, code string) bool {
	return slices.ContainsFunc(concepts, func(c any) bool {
		return slices.ContainsFunc(listAt(c, "coding"), func(k any) bool { return textAt(k, "system") == system && textAt(k, "code") == code })
	})
}

// Marks of the dossier's own Consents and publications; their form is that of projections/sumehr/standing.
const sumehrMarks = "https://carelog.eu/fhir/CodeSystem/sumehr"

var consentTables = []string{"cd-consenttype", "cd-therapeuticlinktype"}

// consentTable is the KMEHR table of which a Consent has a code, and the code; empty where it has none.
func consentTable(r object) (table, code string) {
	if textAt(r, "resourceType") != "Consent" {
		return "", ""
	}
	for _, concept := range listAt(r, "category") {
		for _, coding := range listAt(concept, "coding") {
			system, code := strings.ToLower(textAt(coding, "system")), textAt(coding, "code")
			for _, table := range consentTables {
				if code != "" && strings.HasSuffix(system, "/"+table) {
					return table, code
				}
			}
		}
	}
	return "", ""
}

// isWish reports whether a Consent is about the hub having the Sumehr.
func isWish(r object) bool {
	return textAt(r, "resourceType") == "Consent" && coded(listAt(r, "category"), sumehrMarks, "publish")
}

// isPublication reports whether a resource says what the hub holds.
func isPublication(r object) bool {
	return textAt(r, "resourceType") == "DocumentReference" && coded(listAt(r, "category"), sumehrMarks, "published")
}
