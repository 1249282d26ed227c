package web_test

import (
	"strings"
	"testing"
	"time"
)

// What is prescribed is medication, as the Sumehr counts it: it stands in the list with its kind, and nothing says that there is none.
func TestPrescriptionIsMedication(t *testing.T) {
	words := map[string][2]string{"en": {"Prescription", "No medication"}, "nl": {"Voorschrift", "Geen medicatie"}, "fr": {"Prescription", "Aucune médication"}, "de": {"Verschreibung", "Keine Medikation"}}
	w := newWard(t)
	w.write("MedicationRequest/r1", `"status":"active","intent":"order","medicationCodeableConcept":{"text":"Apixaban 5 mg"},"dosageInstruction":[{"text":"twice a day"}]`)
	for language, word := range words {
		got := w.list(language, "MedicationStatement")
		if !strings.Contains(got, "Apixaban 5 mg "+word[0]) || !strings.Contains(got, "twice a day") || strings.Contains(got, word[1]) {
			t.Errorf("%s: the list says %q, want the prescription", language, got)
		}
	}
	_, page := w.ask("GET", "/patients/p1", "", "Accept-Language: en")
	if _, others, _ := strings.Cut(page, `data-part="others">`); strings.Contains(others[:strings.Index(others, "section-Condition")], "Apixaban") {
		t.Error("the prescription is among the other registrations as well")
	}
	if strings.Contains(page, `data-do="edit" aria-label="Edit: Apixaban`) {
		t.Error("there is an Edit without a form")
	}
	_, page = w.ask("GET", "/patients/p1?view=timeline&kind=MedicationStatement", "", "Accept-Language: en")
	if _, page, _ = strings.Cut(page, `data-part="timeline">`); !strings.Contains(page, "Apixaban 5 mg") {
		t.Error("the timeline has no prescription among the medication")
	}
}

// What is not to be taken, or only proposed, says so; what the Sumehr counts as taken is not folded away.
func TestPrescriptionsSayHowTheyStand(t *testing.T) {
	w := newWard(t)
	write := func(id, rest string) {
		w.write("MedicationRequest/"+id, rest+`,"medicationCodeableConcept":{"text":"`+id+`"}`)
	}
	write("forbidden", `"status":"active","intent":"order","doNotPerform":true`)
	write("proposed", `"status":"active","intent":"proposal"`)
	write("filled", `"status":"completed","intent":"order","authoredOn":"`+time.Now().AddDate(0, 0, -3).Format(time.DateOnly)+`"`)
	write("running", `"status":"completed","intent":"order","authoredOn":"2020-01-02","dosageInstruction":[{"timing":{"repeat":{"boundsPeriod":{"end":"2999"}}}}]`)
	write("begun", `"status":"completed","intent":"order","authoredOn":"2020-01-02","dosageInstruction":[{"timing":{"repeat":{"boundsPeriod":{"start":"`+time.Now().AddDate(0, 0, -3).Format(time.DateOnly)+`"}}}}]`)
	write("unsure", `"status":"unknown","intent":"order"`)
	write("old", `"status":"completed","intent":"order","authoredOn":"2020-01-02"`)
	now, past, _ := strings.Cut(w.list("en", "MedicationStatement"), "no longer active")
	for _, want := range []string{"forbidden Prescription Do not give", "proposed Prescription Proposed", "filled Prescription Dispensed", "running Prescription Dispensed, until 2999", "begun Prescription Dispensed", "unsure Prescription Not known"} {
		if !strings.Contains(now, want) {
			t.Errorf("the list says %q, want %q", now, want)
		}
	}
	if strings.Contains(now, "old") || !strings.Contains(past, "old Prescription Finished") {
		t.Errorf("the list says %q, and of what is over %q", now, past)
	}
	for language, want := range map[string]string{"nl": "Afgeleverd, tot en met 2999", "fr": "Délivré, jusqu’au 2999", "de": "Abgegeben, bis 2999"} {
		if got := w.list(language, "MedicationStatement"); !strings.Contains(got, want) {
			t.Errorf("%s: the list says %q, want %q", language, got, want)
		}
	}
}

// Where something else speaks of what a list is about, neither the list nor the panel says that there is none.
func TestNoneIsNotSaidBesideAnother(t *testing.T) {
	for _, c := range []struct{ kind, list, none, want string }{
		{"MedicationDispense", "MedicationStatement", "No medication", "Medication dispensed (1)"},
		{"MedicationAdministration", "MedicationStatement", "No medication", "Medication given (1)"},
		{"FamilyMemberHistory", "Condition", "No problems", "Family history (1)"},
		{"RiskAssessment", "Condition", "No problems", "Risk (1)"},
		{"ClinicalImpression", "Condition", "No problems", "Assessment (1)"},
		{"Flag", "Condition", "No problems", "Warning (1)"},
		{"Flag", "AllergyIntolerance", "No allergies", "Warning (1)"},
		{"AdverseEvent", "AllergyIntolerance", "No allergies", "Adverse event (1)"},
		{"DiagnosticReport", "Observation", "No measurements", "Report (1)"},
	} {
		w := newWard(t)
		w.write(c.kind+"/x1", `"status":"active"`)
		if got := w.list("en", c.list); strings.Contains(got, c.none) || !strings.Contains(got, c.want) {
			t.Errorf("%s: the list says %q, want %q", c.kind, got, c.want)
		}
		if got := w.panel("en"); c.list == "AllergyIntolerance" && (strings.Contains(got, c.none) || !strings.Contains(got, c.want)) {
			t.Errorf("%s: the panel says %q, want %q", c.kind, got, c.want)
		}
	}
	w := newWard(t)
	w.write("Flag/x1", `"status":"inactive"`)
	w.write("AdverseEvent/x2", `"status":"entered-in-error"`)
	if got := w.panel("en"); !strings.Contains(got, "No allergies registered") {
		t.Errorf("the panel says %q of what does not hold", got)
	}
}

// What nobody ended, and whose own end has passed, is not in the Sumehr; here it is not hidden: it stands behind what is taken, and says when it ended.
// An end that is still to come is said as well, and so are remarks.
func TestMedicationSaysItsEnd(t *testing.T) {
	w := newWard(t)
	statement := func(id, rest string) {
		w.write("MedicationStatement/"+id, `"status":"active","medicationCodeableConcept":{"text":"`+id+`"},`+rest)
	}
	statement("passed", `"effectivePeriod":{"start":"2026-01-01","end":"2026-03-01"},"note":[{"text":"for the surgeon"}]`)
	statement("running", `"effectivePeriod":{"start":"2020-01-01","end":"2999-12-31"},"dosage":[{"text":"twice a day"}],"note":[{"text":"not with milk"}]`)
	statement("open", `"effectivePeriod":{"start":"2019-01-01"}`)
	w.write("MedicationStatement/stopped", `"status":"stopped","medicationCodeableConcept":{"text":"stopped"},"effectivePeriod":{"end":"2999"}`)
	w.write("MedicationRequest/prescribed", `"status":"active","intent":"order","authoredOn":"2026-01-01","medicationCodeableConcept":{"text":"prescribed"},"dosageInstruction":[{"text":"1 a day","timing":{"repeat":{"boundsPeriod":{"end":"2026-02"}}}}]`)
	w.write("MedicationRequest/tapered", `"status":"active","intent":"order","authoredOn":"2018-02-01","medicationCodeableConcept":{"text":"tapered"},"dosageInstruction":[{"text":"2 a day","timing":{"repeat":{"boundsPeriod":{"end":"2018-03-01"}}}},{"text":"then 1 a day"}]`)
	w.write("MedicationRequest/may", `"status":"active","intent":"order","authoredOn":"2018-01-01","medicationCodeableConcept":{"text":"may"},"dispenseRequest":{"validityPeriod":{"end":"2018-06-01"}}`)
	for language, words := range map[string][2]string{"en": {"Until 31 Dec 2999", "Ended: 1 Mar 2026"}, "nl": {"Tot en met 31 dec 2999", "Afgelopen: 1 mrt 2026"}, "fr": {"Jusqu’au 31 déc. 2999", "Terminé : 1 mars 2026"}, "de": {"Bis 31. Dez. 2999", "Beendet: 1. März 2026"}} {
		list := strings.ReplaceAll(w.list(language, "MedicationStatement"), "\u00a0", " ")
		last := 0
		for _, want := range []string{"running " + words[0], "twice a day. not with milk", "open", "may", "prescribed", "passed " + words[1], "for the surgeon"} {
			at := strings.Index(list, want)
			if at < last {
				t.Errorf("%s: the list says %q, want %q, in this order", language, list, want)
			}
			last = max(last, at)
		}
	}
	list := w.list("en", "MedicationStatement")
	if !strings.Contains(list, "Ended: Feb 2026") {
		t.Errorf("the list says %q of a prescription", list)
	}
	now, past, _ := strings.Cut(list, "no longer active")
	if !strings.Contains(now, "may Prescription") || strings.Contains(now, "may Prescription Ended") {
		t.Errorf("the list says %q; until when a prescription may be filled is no end of what is taken", now)
	}
	if _, tapered, _ := strings.Cut(now, "tapered Prescription"); tapered == "" || strings.HasPrefix(tapered, " Ended") {
		t.Errorf("the list says %q; the dose that a medicine is tapered to has no end", now)
	}
	if strings.Contains(past, "Until") || !strings.Contains(past, "stopped") {
		t.Errorf("the list says %q of what was stopped before its end", past)
	}
}
