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
	return firstOf(s.ownLabel(name), firstChanged(apart(name), unicode.ToUpper))
}

// ownLabel is the word for a member; that of a value serves for all of its kinds.
func (s *spoken) ownLabel(name string) string {
	if kind, ok := strings.CutPrefix(name, "value"); ok && kind != strings.ToLower(kind) {
		return firstOf(s.wordIn("paths", name), s.wordIn("paths", "value"))
	}
	return s.wordIn("paths", name)
}

// labelIn names a field by its path within a type, without places in lists: by all of it, else by its last name.
func (s *spoken) labelIn(resourceType, path string) string {
	return firstOf(s.wordIn("paths", resourceType+"."+path), s.wordIn("paths", path), s.label(path[strings.LastIndexByte(path, '.')+1:]))
}

// figures writes the number at a path digit for digit, with the sign of the language before its fraction: where a point
// parts thousands, 1.000 would be read as a thousand. What is no number stays as it is.
func (s *spoken) figures(v any, path ...any) string {
	if figures, ok := at(v, path...).(json.Number); ok {
		return strings.Replace(figures.String(), ".", s.point, 1)
	}
	return textAt(v, path...)
}

// field is a member of a resource in words.
type field struct{ Label, Value string }

// notFields are the members that are ours, or stand above all fields.
var notFields = map[string]bool{"resourceType": true, "id": true, "meta": true, "text": true, "contained": true, "subject": true, "patient": true}

// fields is a resource member by member.
func (n *names) fields(r object) (list []field) {
	for _, m := range r {
		if !notFields[m.name] && !strings.HasPrefix(m.name, "_") {
			list = append(list, field{n.said.label(m.name), n.value(m.value, m.name)})
		}
	}
	return list
}

var fhirTime = regexp.MustCompile(`^\d{4}-\d\d(-\d\d)?(T[\d:.+Z-]+)?$`)

// value says any value of a resource in words, as short as it can.
func (n *names) value(v any, name string) string {
	switch v := v.(type) {
	case bool:
		if v {
			return n.said.has("yes", "")
		}
		return n.said.has("no", "")
	case json.Number:
		return n.said.figures(v)
	case string:
		return n.textValue(v, name)
	case []any:
		if doseMembers[name] {
			return n.said.doses(v)
		}
		each := make([]string, len(v))
		for i, item := range v {
			each[i] = n.value(item, name)
		}
		return joined("; ", each...)
	case object:
		if doseMembers[name] {
			return n.said.dosage(v)
		}
		switch name {
		case "interpretation":
			return n.said.reading(v)
		case "referenceRange":
			return n.said.rangeOf(v)
		}
		return n.objectValue(v)
	}
	return ""
}

func (n *names) objectValue(v object) string {
	has := func(name string) bool { return at(v, name) != nil && textAt(v, name) != "" || len(listAt(v, name)) > 0 }
	switch {
	case at(v, "coding") != nil || has("text"):
		return firstOf(n.said.wordIn("codes", concept(v)), concept(v), textAt(v, "text"))
	case has("system") && has("code") && at(v, "value") == nil:
		if has("display") {
			return textAt(v, "display") + " (" + textAt(v, "code") + ")"
		}
		return textAt(v, "code")
	case at(v, "value") != nil:
		unit := textAt(v, "unit")
		if at(v, "unit") == nil && textAt(v, "system") != ssin {
			unit = firstOf(textAt(v, "use"), textAt(v, "code"))
		}
		return joined(" ", textAt(v, "comparator"), n.said.figures(v, "value"), unit)
	case has("reference"):
		return firstOf(textAt(v, "display"), n.referred(textAt(v, "reference")), textAt(v, "reference"))
	case has("start") || has("end"):
		return firstOf(n.said.date(textAt(v, "start")), "…") + " – " + firstOf(n.said.date(textAt(v, "end")), "…")
	case has("family") || has("given"):
		return n.said.personName(object{{"name", []any{v}}})
	case at(v, "attachment") != nil:
		return n.value(at(v, "attachment"), "")
	case has("data"):
		if text, ok := fromBase64(textAt(v, "data")); ok {
			return text
		}
		return firstOf(textAt(v, "title"), textAt(v, "contentType"))
	}
	each := make([]string, len(v))
	for i, m := range v {
		each[i] = n.said.must("named", n.said.label(m.name), n.value(m.value, m.name))
	}
	return strings.Join(each, ", ")
}

func (n *names) textValue(v, name string) string {
	switch name {
	case "data":
		if text, ok := fromBase64(v); ok {
			return text
		}
		return v
	case "gender":
		return firstOf(n.said.has("gender", v), v)
	case "criticality":
		return firstOf(n.said.has("form.criticality", v), v)
	case "status", "intent", "priority", "severity":
		return firstOf(n.said.wordIn("codes", v), v)
	}
	if fhirTime.MatchString(v) {
		return n.said.date(v)
	}
	return v
}
