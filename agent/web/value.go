package web

import (
	"encoding/json"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

var capital = regexp.MustCompile(`([a-z])([A-Z])`)

// apart writes a name of FHIR as words, taken apart at its capitals.
func apart(name string) string {
	return capital.ReplaceAllStringFunc(name, func(two string) string { return two[:1] + " " + strings.ToLower(two[1:]) })
}

// kind names a resource type in words; a type without a word is taken apart.
func (s *spoken) kind(resourceType string) string {
	return firstOf(s.has("kinds", resourceType), apart(resourceType))
}

// within writes a name as it stands within a sentence: German keeps its capitals.
func (s *spoken) within(name string) string {
	if s.code == "de" {
		return name
	}
	return firstChanged(name, unicode.ToLower)
}

// sentence writes what is said as it stands at the beginning of one.
func (s *spoken) sentence(text string) string { return firstChanged(text, unicode.ToUpper) }

func firstChanged(text string, change func(rune) rune) string {
	first, size := utf8.DecodeRuneInString(text)
	if size == 0 {
		return ""
	}
	return string(change(first)) + text[size:]
}

// label names a member of a resource; one without a word is taken apart.
func (s *spoken) label(name string) string {
	return firstOf(s.wordIn("paths", name), firstChanged(apart(name), unicode.ToUpper))
}

// field is a member of a resource in words.
type field struct{ Label, Value string }

// notFields are the members that are ours, or stand above all fields.
var notFields = map[string]bool{"resourceType": true, "id": true, "meta": true, "text": true, "contained": true, "subject": true, "patient": true}

// fields is a resource member by member.
func (s *spoken) fields(r object) (list []field) {
	for _, m := range r {
		if !notFields[m.name] && !strings.HasPrefix(m.name, "_") {
			list = append(list, field{s.label(m.name), s.value(m.value, m.name)})
		}
	}
	return list
}

var fhirTime = regexp.MustCompile(`^\d{4}-\d\d(-\d\d)?(T[\d:.+Z-]+)?$`)

// value says any value of a resource in words, as short as it can.
func (s *spoken) value(v any, name string) string {
	switch v := v.(type) {
	case bool:
		if v {
			return s.has("yes", "")
		}
		return s.has("no", "")
	case json.Number:
		return v.String()
	case string:
		return s.textValue(v, name)
	case []any:
		each := make([]string, len(v))
		for i, item := range v {
			each[i] = s.value(item, name)
		}
		return joined("; ", each...)
	case object:
		return s.objectValue(v)
	}
	return ""
}

func (s *spoken) objectValue(v object) string {
	has := func(name string) bool { return at(v, name) != nil && textAt(v, name) != "" || len(listAt(v, name)) > 0 }
	switch {
	case at(v, "coding") != nil || has("text"):
		return firstOf(s.wordIn("codes", concept(v)), concept(v), textAt(v, "text"))
	case has("system") && has("code") && at(v, "value") == nil:
		if has("display") {
			return textAt(v, "display") + " (" + textAt(v, "code") + ")"
		}
		return textAt(v, "code")
	case at(v, "value") != nil:
		unit := textAt(v, "unit")
		if at(v, "unit") == nil && textAt(v, "system") != ssin {
			unit = textAt(v, "use")
		}
		return joined(" ", textAt(v, "comparator"), textAt(v, "value"), unit)
	case has("reference"):
		return firstOf(textAt(v, "display"), textAt(v, "reference"))
	case has("start") || has("end"):
		return firstOf(s.date(textAt(v, "start")), "…") + " – " + firstOf(s.date(textAt(v, "end")), "…")
	case has("family") || has("given"):
		return s.personName(object{{"name", []any{v}}})
	case at(v, "attachment") != nil:
		return s.value(at(v, "attachment"), "")
	case has("data"):
		if text, ok := fromBase64(textAt(v, "data")); ok {
			return text
		}
		return firstOf(textAt(v, "title"), textAt(v, "contentType"))
	}
	each := make([]string, len(v))
	for i, m := range v {
		each[i] = s.must("named", s.label(m.name), s.value(m.value, m.name))
	}
	return strings.Join(each, ", ")
}

func (s *spoken) textValue(v, name string) string {
	switch name {
	case "data":
		if text, ok := fromBase64(v); ok {
			return text
		}
		return v
	case "gender":
		return firstOf(s.has("gender", v), v)
	case "criticality":
		return firstOf(s.has("form.criticality", v), v)
	case "status":
		return firstOf(s.wordIn("codes", v), v)
	}
	if fhirTime.MatchString(v) {
		return s.date(v)
	}
	return v
}
