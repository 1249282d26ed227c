package web

import (
	"fmt"
	"path"
	"regexp"
	"strconv"
	"strings"

	"golang.org/x/text/feature/plural"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

// spoken is a language in which the pages speak. The modules read the same file of words.
type spoken struct {
	code    string
	tag     language.Tag
	words   map[string]any
	printer *message.Printer
}

// fallback is spoken where nothing else that was asked for is.
const fallback = "en"

// readLanguages reads the files below words/.
func readLanguages(files map[string]asset) (map[string]*spoken, error) {
	found := make(map[string]*spoken)
	for name, file := range files {
		code, ok := strings.CutSuffix(path.Base(name), ".js")
		if !ok || path.Dir(name) != "words" {
			continue
		}
		words, err := readWords(file.content)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		locale, _ := words["locale"].(string)
		tag, err := language.Parse(locale)
		if err != nil {
			return nil, fmt.Errorf("%s: the locale %q: %w", name, locale, err)
		}
		found[code] = &spoken{code: code, tag: tag, words: words, printer: message.NewPrinter(tag)}
	}
	return found, nil
}

// readWords reads a file of words: a remark, and one object of objects and of texts in quotes.
func readWords(text string) (map[string]any, error) {
	_, text, ok := strings.Cut(text, "export default ")
	if !ok {
		return nil, fmt.Errorf("there is no \"export default\" in it")
	}
	r := wordReader{rest: text}
	words, err := r.object()
	if err != nil {
		line := strings.Count(text[:len(text)-len(r.rest)], "\n") + 1
		return nil, fmt.Errorf("line %d of the object: %w", line, err)
	}
	return words, nil
}

type wordReader struct{ rest string }

var (
	blank     = regexp.MustCompile(`^(?:\s|//.*)*`)
	plainName = regexp.MustCompile(`^[A-Za-z_$][\w$]*`)
	quoted    = regexp.MustCompile(`^(?:'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*")`)
)

// next takes what matches from the beginning, behind what is blank; empty: nothing does.
func (r *wordReader) next(pattern *regexp.Regexp) string {
	r.rest = r.rest[len(blank.FindString(r.rest)):]
	found := pattern.FindString(r.rest)
	r.rest = r.rest[len(found):]
	return found
}

func (r *wordReader) sign(sign string) bool {
	r.next(blank)
	rest, ok := strings.CutPrefix(r.rest, sign)
	r.rest = rest
	return ok
}

func (r *wordReader) object() (map[string]any, error) {
	if !r.sign("{") {
		return nil, fmt.Errorf("want an object")
	}
	found := make(map[string]any)
	for !r.sign("}") {
		name := r.next(plainName)
		if name == "" {
			var err error
			if name, err = r.text(); err != nil {
				return nil, err
			}
		}
		if !r.sign(":") {
			return nil, fmt.Errorf("%s has no value", name)
		}
		value, err := r.value()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		found[name] = value
		if !r.sign(",") && !strings.HasPrefix(r.rest, "}") {
			return nil, fmt.Errorf("want a comma behind %s", name)
		}
	}
	return found, nil
}

func (r *wordReader) value() (any, error) {
	if r.next(blank); strings.HasPrefix(r.rest, "{") {
		return r.object()
	}
	return r.text()
}

func (r *wordReader) text() (string, error) {
	found := r.next(quoted)
	if found == "" {
		return "", fmt.Errorf("want a text in quotes")
	}
	inside := strings.ReplaceAll(found[1:len(found)-1], `\'`, `'`)
	if found[0] == '\'' {
		inside = strings.ReplaceAll(inside, `"`, `\"`)
	}
	return strconv.Unquote(`"` + inside + `"`)
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

// has is the word of a code in a list of words; empty: there is none.
func (s *spoken) has(at, code string) string {
	word, err := s.say(at + "." + code)
	if err != nil {
		return ""
	}
	return word
}

// form names the plural form of a whole number.
func (s *spoken) form(n int) string {
	switch plural.Cardinal.MatchPlural(s.tag, n, 0, 0, 0, 0) {
	case plural.One:
		return "one"
	case plural.Many:
		return "many"
	}
	return "other"
}

var fhirDate = regexp.MustCompile(`^(\d{4})(?:-(\d\d))?(?:-(\d\d))?$`)

// date writes a FHIR date as exactly as it was given and no more so; what is none stays as it is.
func (s *spoken) date(value string) string {
	m := fhirDate.FindStringSubmatch(value)
	if m == nil || m[2] == "" {
		return value
	}
	month, _ := strconv.Atoi(m[2])
	names := strings.Fields(s.has("dates", "months"))
	if month < 1 || month > len(names) {
		return value
	}
	if m[3] == "" {
		return names[month-1] + " " + m[1]
	}
	said, err := s.say("dates.day", strings.TrimPrefix(m[3], "0"), names[month-1], m[1])
	if err != nil {
		return value
	}
	return said
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
