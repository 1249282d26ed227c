package fhirsearch_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/carelog/carelog/internal/npmtest"
	"github.com/carelog/carelog/projections/fhirsearch"
)

// defined is a search parameter as R4 defines it.
type defined struct {
	Code, Type, Expression string
	Base, Target           []string
}

// narrower are parameters that look at less than R4's, with what they leave out and why.
var narrower = map[string]string{
	"Observation component-value-quantity": "component.value.ofType(SampledData)", // a text of many numbers, and no quantity
	"Observation value-quantity":           "value.ofType(SampledData)",
}

// people are the types whose name is a HumanName, which is searched by its parts.
var people = []string{"Patient", "Practitioner", "RelatedPerson", "Person"}

// TestParametersAreThoseOfR4: each parameter of the table is R4's for its type, of the same
// kind, found at the same elements and pointing at the same types; those that R4 does not
// have are the additions that are named, and no others.
func TestParametersAreThoseOfR4(t *testing.T) {
	packages := npmtest.Folder(t, filepath.Join("..", "..", "agent", "fhir", "testdata", "npm"), "node")
	raw, err := os.ReadFile(filepath.Join(packages, "@medplum", "definitions", "dist", "fhir", "r4", "search-parameters.json"))
	if err != nil {
		t.Fatal(err)
	}
	var all struct{ Entry []struct{ Resource defined } }
	if err := json.Unmarshal(raw, &all); err != nil {
		t.Fatal(err)
	}
	r4 := make(map[string]defined)
	for _, e := range all.Entry {
		for _, base := range e.Resource.Base {
			r4[base+" "+e.Resource.Code] = e.Resource
		}
	}
	count := 0
	for _, typ := range fhirsearch.Types() {
		for _, p := range fhirsearch.Parameters(typ) {
			name := typ + " " + p.Name
			d, ok := r4[name]
			if strings.HasPrefix(p.Name, "_") {
				d, ok = r4["Resource "+p.Name]
			}
			if added := fhirsearch.Added(typ, p.Name); ok == added {
				t.Errorf("%s: R4 has it: %v, and it is named as an addition: %v", name, ok, added)
			}
			if !ok {
				continue
			}
			count++
			if d.Type != string(p.Kind) {
				t.Errorf("%s is a %s, and of R4 a %s", name, p.Kind, d.Type)
			}
			if strings.HasPrefix(p.Name, "_") {
				continue
			}
			if fhirsearch.InDossierAlone(typ) && p.Name != "identifier" {
				continue // by the dossier, wherever it is named
			}
			want, target := placesOf(typ, d, narrower[name])
			if p.Target != "" && p.Target != target && !slices.Equal(d.Target, []string{p.Target}) || p.Target == "" && target != "" {
				t.Errorf("%s points at %q, and of R4 at %q %q", name, p.Target, target, d.Target)
			}
			if got := fhirsearch.Paths(typ, p.Name); !same(typ, p.Name, got, want) {
				t.Errorf("%s is at %q, and of R4 at %q (%s)", name, got, want, d.Expression)
			}
		}
	}
	t.Logf("%d parameters", count)
}

var (
	resolves = regexp.MustCompile(`\.where\(resolve\(\) is (\w+)\)`)
	oneForm  = regexp.MustCompile(`(?:\.ofType\(| as )(\w)(\w*)\)?`)
)

// placesOf are the paths of a definition within one type, as the table writes them, and the
// type that they point at alone.
func placesOf(typ string, d defined, without string) (paths []string, target string) {
	for _, x := range strings.Split(d.Expression, "|") {
		x, inside := strings.CutPrefix(strings.TrimLeft(strings.TrimSpace(x), "("), typ+".")
		if !inside || without != "" && strings.TrimRight(x, ")") == strings.TrimRight(without, ")") {
			continue
		}
		if m := resolves.FindStringSubmatch(x); m != nil {
			target = m[1]
			x = resolves.ReplaceAllString(x, "")
		}
		x = oneForm.ReplaceAllStringFunc(x, func(form string) string {
			m := oneForm.FindStringSubmatch(form)
			return strings.ToUpper(m[1]) + m[2]
		})
		paths = append(paths, strings.TrimRight(x, ")"))
	}
	return paths, target
}

// same reports whether each of our paths is one of R4's, or a form of one that is a choice,
// and none of R4's is left out.
func same(typ, name string, ours, theirs []string) bool {
	is := func(our, their string) bool {
		rest, begins := strings.CutPrefix(our, their)
		return begins && (rest == "" || rest[0] >= 'A' && rest[0] <= 'Z' || name == fhirsearch.ParamName && slices.Contains(people, typ) && rest[0] == '.')
	}
	for _, our := range ours {
		if !slices.ContainsFunc(theirs, func(their string) bool { return is(our, their) }) {
			return false
		}
	}
	for _, their := range theirs {
		if !slices.ContainsFunc(ours, func(our string) bool { return is(our, their) }) {
			return false
		}
	}
	return len(ours) > 0
}
