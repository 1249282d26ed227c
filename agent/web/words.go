package web

import (
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/text/feature/plural"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
	"golang.org/x/text/number"
)

// spoken is a language in which the pages speak; desk and modules read the same words. In a
// sentence {0} and {1} stand for what is said of; of forms "one" and "other" {0} chooses.
type spoken struct {
	code    string
	tag     language.Tag
	words   map[string]any
	printer *message.Printer
	point   string // before a fraction
}

// fallback is spoken where nothing else that was asked for is.
const fallback = "en"

// readLanguages reads the files below words/, and gives the modules what they import: each is a
// module of one value.
func readLanguages(files map[string]asset) (map[string]*spoken, error) {
	found := make(map[string]*spoken)
	for _, name := range slices.Collect(maps.Keys(files)) {
		code, ok := strings.CutSuffix(path.Base(name), ".json")
		if !ok || path.Dir(name) != "words" {
			continue
		}
		var words map[string]any
		if err := json.Unmarshal([]byte(files[name].content), &words); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		locale, _ := words["locale"].(string)
		tag, err := language.Parse(locale)
		if err != nil {
			return nil, fmt.Errorf("%s: the locale %q: %w", name, locale, err)
		}
		printer := message.NewPrinter(tag)
		point := strings.Trim(printer.Sprint(number.Decimal(0.5)), "05")
		found[code] = &spoken{code: code, tag: tag, words: words, printer: printer, point: point}
		module := "words/" + code + ".js"
		files[module] = newAsset(module, []byte("export default "+files[name].content))
	}
	return found, nil
}

// say is the sentence at a path of names such as patients.count, with args in its places. A number
// is written as the language does; where the sentence has forms, the first one chooses.
func (s *spoken) say(at string, args ...any) (string, error) {
	var found any = s.words
	for name := range strings.SplitSeq(at, ".") {
		inner, _ := found.(map[string]any)
		found = inner[name]
	}
	if forms, ok := found.(map[string]any); ok && len(args) > 0 {
		n, _ := args[0].(int)
		if found, ok = forms[s.form(n)]; !ok {
			found = forms["other"]
		}
	}
	sentence, ok := found.(string)
	if !ok {
		return "", fmt.Errorf("there are no words %s in %s", at, s.code)
	}
	return place.ReplaceAllStringFunc(sentence, func(p string) string {
		i := int(p[1] - '0')
		if i >= len(args) {
			return p
		}
		if n, ok := args[i].(int); ok {
			return s.printer.Sprint(n)
		}
		return fmt.Sprint(args[i])
	}), nil
}

var place = regexp.MustCompile(`\{\d\}`)

// must is say for words that every language has; a test finds those that one lacks.
func (s *spoken) must(at string, args ...any) string {
	sentence, err := s.say(at, args...)
	if err != nil {
		return at
	}
	return sentence
}

// has is the word of a code in a list of words; empty: there is none. A list below a point is
// one in another, and an empty code is the list's own word.
func (s *spoken) has(at, code string) string {
	if code != "" {
		at += "." + code
	}
	word, err := s.say(at)
	if err != nil {
		return ""
	}
	return word
}

// wordIn is has for codes that may have a point in them.
func (s *spoken) wordIn(list, code string) string {
	var found any = s.words
	for name := range strings.SplitSeq(list, ".") {
		inner, _ := found.(map[string]any)
		found = inner[name]
	}
	words, _ := found.(map[string]any)
	word, _ := words[code].(string)
	return word
}

// form names the plural form of a whole number.
func (s *spoken) form(n int) string {
	return formOf(plural.Cardinal.MatchPlural(s.tag, n, 0, 0, 0, 0))
}

func formOf(form plural.Form) string {
	switch form {
	case plural.One:
		return "one"
	case plural.Many:
		return "many"
	}
	return "other"
}

// pick is the language that was chosen, else the first of those asked for, in the form of the
// header Accept-Language, that is spoken here.
func pick(languages map[string]*spoken, chosen, accept string) *spoken {
	asked, _, err := language.ParseAcceptLanguage(accept)
	if err != nil {
		asked = nil
	}
	codes := []string{chosen}
	for _, tag := range asked {
		base, _ := tag.Base()
		codes = append(codes, base.String())
	}
	for _, code := range codes {
		if s, ok := languages[code]; ok {
			return s
		}
	}
	return languages[fallback]
}
