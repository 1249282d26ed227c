package web_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/carelog/carelog/agent/web"
	"github.com/carelog/carelog/projections/fhirjson/sampletest"
)

// Every member of the kinds that have a list in the dossier, of a prescription and of a patient has a word in every language.
func TestMembersHaveWords(t *testing.T) {
	kinds := []string{"DocumentReference", "Observation", "Immunization", "Condition", "AllergyIntolerance", "MedicationStatement", "MedicationRequest", "Patient"}
	missing, seen := map[string]bool{}, 0
	var look func(v any)
	look = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, item := range v {
				look(item)
			}
		case map[string]any:
			for name, value := range v {
				switch name {
				case "resourceType", "id", "meta", "text", "contained":
					continue // never shown as members
				}
				seen++
				for _, language := range languages {
					if !strings.HasPrefix(name, "_") && !web.HasLabel(language, name) {
						missing[language+" "+name] = true
					}
				}
				look(value)
			}
		}
	}
	look(map[string]any{ // of which no sample has all
		"dispenseRequest": map[string]any{
			"initialFill": map[string]any{"quantity": nil, "duration": nil}, "dispenseInterval": nil, "validityPeriod": nil,
			"numberOfRepeatsAllowed": nil, "quantity": nil, "expectedSupplyDuration": nil, "performer": nil,
		},
		"substitution": map[string]any{"allowedBoolean": nil, "allowedCodeableConcept": nil, "reason": nil},
	})
	for name, sample := range sampletest.All(t, 40) {
		entries := []json.RawMessage{sample}
		if all := sampletest.Entries(t, sample); len(all) > 0 {
			entries = all
		}
		for _, body := range entries {
			var r map[string]any
			if err := json.Unmarshal(body, &r); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if kind, _ := r["resourceType"].(string); slices.Contains(kinds, kind) {
				look(r)
			}
		}
	}
	if len(missing) > 0 || seen < 1000 {
		t.Errorf("of %d members these have no word: %s", seen, strings.Join(slices.Sorted(maps.Keys(missing)), ", "))
	}
}
