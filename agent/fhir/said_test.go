package fhir_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/carelog/carelog/events"
)

// TestWhatIsLeftOutIsCalledByItsFault: a parameter without a value is not called one that
// there is not, nor one of which only the value is not served.
func TestWhatIsLeftOutIsCalledByItsFault(t *testing.T) {
	d := people(t)
	for query, want := range map[string]string{
		"Patient?name=":          "the parameter name has no value and did not narrow the search",
		"Condition?subject=":     "the parameter subject has no value and did not narrow the search",
		"Provenance?identifier=": "the parameter identifier has no value and did not narrow the search",
		"Patient?foo=1":          "the parameter foo is not supported for Patient and did not narrow the search",
		"Patient?foo=":           "the parameter foo has no value and did not narrow the search",
		"Patient?_sort=foo":      "_sort=foo is not supported for Patient and did not order what was found",
		"Patient?_summary=true":  "_summary=true is not supported for Patient and left nothing out",
		"Patient?_include=*":     "_include=* is not supported for Patient and brought nothing with it",
		"Provenance?_sort=foo":   "_sort=foo is not supported for Provenance and did not order what was found",
	} {
		b := d.do("GET", "/fhir/"+query, "").want(200).bundle()
		if last := string(b.Entry[len(b.Entry)-1].Resource); !strings.Contains(last, `"`+want+`"`) {
			t.Errorf("%s: %s", query, last)
		}
		what, _, _ := strings.Cut(want, " and ")
		what, _, _ = strings.Cut(what, " for ")
		if got := d.do("GET", "/fhir/"+query, "", "Prefer: handling=strict").want(400); !strings.Contains(got.Body.String(), what) {
			t.Errorf("%s, strict: %s", query, got.Body)
		}
	}
}

// TestOneChangeIsNoTransaction: what is wrong with a single change does not speak of several.
func TestOneChangeIsNoTransaction(t *testing.T) {
	d := newDesk(t)
	d.do("PUT", "/fhir/AllergyIntolerance/a1", allergy).want(201)
	move := `[{"op":"replace","path":"/patient/reference","value":"Patient/p2"}]`
	got := d.do("PATCH", "/fhir/AllergyIntolerance/a1", move, "Content-Type: application/json-patch+json").want(422)
	if text := got.Body.String(); strings.Contains(text, "transaction") || !strings.Contains(text, "belongs to patient") {
		t.Errorf("got %s", text)
	}
}

// TestKeepThatIsNoHead: the answer names what is no head, and the heads there are.
func TestKeepThatIsNoHead(t *testing.T) {
	d := newDesk(t)
	first := d.do("PUT", "/fhir/Basic/b1", basicOf("b1", "p1", "one")).want(201).version()
	ours := d.do("PUT", "/fhir/Basic/b1", basicOf("b1", "p1", "two")).want(200).version()
	theirs := d.elsewhere("Basic/b1", "p1", basicOf("b1", "p1", "three"), first)
	got := d.do("POST", "/fhir/Basic/b1/$resolve", parameters([]events.ID{ours, theirs}, `{"name":"keep","valueId":"`+first.String()+`"}`)).want(400)
	text := got.Body.String()
	if got.issueCode() != "value" || !strings.Contains(text, "keep names "+first.String()) || !strings.Contains(text, ours.String()) || !strings.Contains(text, theirs.String()) {
		t.Errorf("got %s", text)
	}
}

// TestReadsNameWhatTheyPassOver: a read gives the whole resource, says so where less was
// asked for, and refuses it with strict handling.
func TestReadsNameWhatTheyPassOver(t *testing.T) {
	d, _ := watched(t)
	v := d.do("PUT", "/fhir/Basic/b1", basicOf("b1", "p1", "one")).want(201).version().String()
	for _, path := range []string{"/Basic/b1", "/Basic/b1/_history/" + v, "/Basic/b1/$conflicts", "/Provenance/" + v} {
		plain := d.do("GET", "/fhir"+path+"?_format=json&_pretty=true&_summary=false", "", "Prefer: handling=strict").want(200)
		for _, query := range []string{"_elements=id", "_summary=true", "foo=1", "%0d%0afoo=1", "_summary=count&x=%zz"} {
			got := d.do("GET", "/fhir"+path+"?"+query, "").want(200)
			name, _, _ := strings.Cut(strings.TrimPrefix(query, "%0d%0a"), "=")
			if said := got.Header().Get("Carelog-Warning"); got.Body.String() != plain.Body.String() || !strings.Contains(said, name) || strings.ContainsAny(said, "\r\n") {
				t.Errorf("%s?%s: warning %q, and %s", path, query, said, got.Body)
			}
			list, _ := d.do("POST", "/fhir", posted("batch", entryOf("", "", "GET", path[1:]+"?"+query, ""))).want(200).answered("batch-response")
			if said := string(list[0].Outcome); !strings.Contains(said, `"warning"`) || !strings.Contains(said, name) {
				t.Errorf("%s?%s in a batch says %q", path, query, said)
			}
			if got := d.do("GET", "/fhir"+path+"?"+query, "", "Prefer: handling=strict").want(400); got.issueCode() != "not-supported" || !strings.Contains(got.Body.String(), name) {
				t.Errorf("%s?%s, strict: %s", path, query, got.Body)
			}
		}
		if said := plain.Header().Get("Carelog-Warning"); said != "" {
			t.Errorf("%s: warning %q of nothing", path, said)
		}
	}
}

// TestCodesAreInTheRules: no answer has a code of which RULES.md says nothing.
func TestCodesAreInTheRules(t *testing.T) {
	rules, err := os.ReadFile("RULES.md")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	code := regexp.MustCompile(`(?:badRequest\(|problemf\(http\.Status\w+, |transient\(|fault\("[^"]*", )"([a-z-]+)"`)
	found := make(map[string]bool)
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range code.FindAllStringSubmatch(string(text), -1) {
			found[m[1]] = true
		}
	}
	if len(found) < 15 {
		t.Fatalf("only %v: the test looks at nothing", found)
	}
	for c := range found {
		if !strings.Contains(string(rules), "`"+c+"`") {
			t.Errorf("RULES.md says nothing of the code %s", c)
		}
	}
}
