package web

import (
	"maps"
	"time"

	"github.com/carelog/carelog/agent"
)

// Pick is the code of the language for a cookie and a header Accept-Language.
func Pick(chosen, accept string) string { return pick(builtSite().languages, chosen, accept).code }

// Date writes a FHIR date in a language.
func Date(code, value string) string { return builtSite().languages[code].date(value) }

// Say is a sentence of a language.
func Say(code, at string, args ...any) (string, error) {
	return builtSite().languages[code].say(at, args...)
}

// JoinModules joins modules of these texts.
func JoinModules(texts map[string]string) (first, others string, err error) {
	files := make(map[string]asset)
	for name, text := range texts {
		files["js/"+name+".js"] = newAsset(name, []byte(text))
	}
	return joinModules(files)
}

// Versions are the name of all files together, and the one that they would have if a file were another.
func Versions(file string) (all, other string) {
	files := maps.Clone(builtSite().assets)
	all = versionOf(files)
	files[file] = newAsset(file, []byte(files[file].content+" "))
	return all, versionOf(files)
}

// Reason is the light's reason in a language.
func Reason(code, text string, cause *agent.Problem) string {
	return builtSite().languages[code].reason(text, cause)
}

// Age is how old somebody is, in a language.
func Age(code, birth string, now time.Time) (string, error) {
	return builtSite().languages[code].age(birth, now)
}

// Lasts and Size are a length of time and a number of bytes in a language.
func Lasts(code string, d time.Duration) string { return builtSite().languages[code].duration(d) }
func Size(code string, n uint64) string         { return builtSite().languages[code].bytes(n) }

// Described is what a resource is about, and its members, in a language.
func Described(code string, body []byte) (about [4]string, past, high bool, fields [][2]string) {
	s := builtSite().languages[code]
	r := readResource(body)
	d := s.describe(r)
	for _, f := range s.fields(r) {
		fields = append(fields, [2]string{f.Label, f.Value})
	}
	return [4]string{d.Title, d.Detail, d.State, d.When}, d.Past, d.High, fields
}
