package check_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/carelog/carelog/internal/sharedtest"
	"github.com/carelog/carelog/projections/sumehr/check"
	"github.com/carelog/carelog/projections/sumehr/kmehr"
)

// on is a day after all samples.
var on = time.Date(2026, time.February, 1, 0, 0, 0, 0, time.UTC)

// beyond are the rules that the official Schematron does not have.
var beyond = []check.Rule{
	"inss-number", "party-number", "empty-text", "item-number-twice", "end-before-begin", "date-in-future",
	"nothing-known-contradicts", "nothing-known-with-content", "code-unknown", "posology-both", "cnk",
}

// The samples have the errors that the official rules find in them (1.1), and warnings in
// the number that their names promise; what our own rules find besides is named here.
func TestSamples(t *testing.T) {
	root := sharedtest.Folder(t, "kmehr")
	for name, want := range map[string]struct{ official, ours []check.Rule }{
		"samples/ehvalidator-01-sumehr11-clean.xml":            {nil, []check.Rule{"inss-number"}},
		"samples/ehvalidator-02-sumehr11-warnings.xml":         {nil, []check.Rule{"inss-number"}},
		"samples/ehvalidator-04-sumehr11-invalid-business.xml": {[]check.Rule{"not-a-sumehr"}, nil},
		"samples/evs-3-sumehr20-all-items.xml":                 {[]check.Rule{"patient-birthdate", "vaccine-text"}, nil},
		"samples/evs-4-sumehr20-from-vault.xml":                {[]check.Rule{"patient-birthdate"}, nil},
		"samples/evs-7-sumehr20-nullflavor.xml":                {[]check.Rule{"patient-birthdate"}, []check.Rule{"nothing-known-contradicts"}},
		"samples/evs-put-update-sumehr20.xml":                  {[]check.Rule{"patient-birthdate"}, nil},
		"samples/ehealth-sumehr20-official-example.xml":        {nil, []check.Rule{"posology-both"}},
		"own-examples/sumehr-2.0-example.xml":                  {nil, nil},
	} {
		text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
		if err != nil {
			t.Fatal(err)
		}
		message, err := kmehr.Read(text)
		if err != nil {
			t.Fatal(err)
		}
		var official, ours, warnings []check.Rule
		for _, f := range check.Message(message, on) {
			t.Logf("%s: %s %s, item %d %s: %s", filepath.Base(name), f.Severity(), f.Rule, f.Item, f.Kind, f.Text("en"))
			switch {
			case f.Severity() == check.Warning:
				warnings = append(warnings, f.Rule)
			case slices.Contains(beyond, f.Rule):
				ours = append(ours, f.Rule)
			default:
				official = append(official, f.Rule)
			}
		}
		slices.Sort(official)
		if !slices.Equal(official, want.official) {
			t.Errorf("%s: errors by the official rules: %v, want %v", name, official, want.official)
		}
		for _, r := range want.ours {
			if !slices.Contains(ours, r) {
				t.Errorf("%s: %s is not found", name, r)
			}
		}
		t.Logf("%s: %d warnings, ours %v", name, len(warnings), ours)
	}
}
