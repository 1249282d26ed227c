package web

import (
	"regexp"
	"strings"
)

var turning = regexp.MustCompile(`[\x{202A}-\x{202E}\x{2066}-\x{2069}]`)

// upright is a name without the marks that turn the text around it; what is written in another direction is
// shown so without them.
func upright(name string) string { return turning.ReplaceAllString(name, "") }

// personName is the name of a Patient or a Practitioner as a sentence writes it.
func (s *spoken) personName(r object) string {
	name := nameInUse(r)
	return firstOf(upright(joined(" ", givenOf(name), textAt(name, "family"))), upright(textAt(r, "name", 0, "text")), textAt(r, "id"), s.has("patients", "unnamed"))
}

// nameInUse is the HumanName that is in use: the official one, else one that is not old, else the first.
func nameInUse(r object) any {
	names := listAt(r, "name")
	for _, use := range []func(string) bool{func(u string) bool { return u == "official" }, func(u string) bool { return u != "old" }} {
		for _, name := range names {
			if use(textAt(name, "use")) {
				return name
			}
		}
	}
	return at(names, 0)
}

func givenOf(name any) string {
	return strings.Join(strings.Fields(strings.Join(texts(listAt(name, "given")), " ")), " ")
}

// numberOf is the national number of a Patient, as digits.
func numberOf(r object) string {
	for _, i := range listAt(r, "identifier") {
		if textAt(i, "system") == ssin {
			return textAt(i, "value")
		}
	}
	return ""
}
