package web

import "maps"

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
