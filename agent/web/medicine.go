package web

import (
	"slices"
	"time"
)

// recent is how many days after it was to begin, else was written, a prescription that is filled and says of no end counts as taken, for the Sumehr too.
const recent = 14

func (s *spoken) describeMedication(r object) said {
	status := textAt(r, "status")
	doses := listAt(r, "dosage")
	if at(r, "dosage") == nil {
		doses = listAt(r, "dosageInstruction")
	}
	d := said{
		Title:  s.named(r, medicineOf(r), s.referred(r)),
		Detail: s.doses(doses), When: firstOf(started(r, "effective"), textAt(r, "authoredOn"), textAt(r, "dateAsserted")),
		Past: slices.Contains([]string{"completed", "stopped", "not-taken", "entered-in-error", "cancelled"}, status) && !filled(r, doses),
	}
	if status != "active" {
		d.State = firstOf(s.has("form.taking", status), s.sentence(s.wordIn("codes", status)), status)
	}
	if at(r, "doNotPerform") == true {
		d.State, d.High = joined(", ", s.must("form.forbidden"), d.State), true
	}
	d.State = joined(", ", d.State, s.has("form.intent", textAt(r, "intent")))
	return d
}

// filled tells that a prescription is completed, and that what it gave is still taken.
func filled(r object, doses []any) bool {
	if textAt(r, "resourceType") != "MedicationRequest" || textAt(r, "status") != "completed" {
		return false
	}
	begun, until := textAt(r, "authoredOn"), ""
	for _, d := range doses {
		begun = firstOf(textAt(d, "timing", "repeat", "boundsPeriod", "start"), begun)
		until = max(until, textAt(d, "timing", "repeat", "boundsPeriod", "end"))
	}
	from := time.Now()
	if until == "" {
		until, from = begun, from.AddDate(0, 0, -recent)
	}
	day := from.Format(time.DateOnly)
	until = until[:min(len(until), len(day))]
	return until != "" && until >= day[:len(until)]
}

// medicineOf is the name of a medicine as its resource gives it; empty where it only refers to another.
func medicineOf(r object) string {
	reference := textAt(r, "medicationReference", "reference")
	within := ""
	for _, c := range listAt(r, "contained") {
		if id := textAt(c, "id"); id != "" && reference == "#"+id {
			within = medicineNamed(c)
		}
	}
	return firstOf(concept(at(r, "medicationCodeableConcept")), textAt(r, "medicationReference", "display"), within)
}

// medicineNamed is the name of a Medication: its own, else what is in it.
func medicineNamed(r any) string {
	var parts []string
	for _, i := range listAt(r, "ingredient") {
		parts = append(parts, concept(at(i, "itemCodeableConcept")))
	}
	return firstOf(concept(at(r, "code")), joined(", ", parts...))
}

// referred is a medicine that is given by an identifier, or by a record that says more.
func (s *spoken) referred(r object) string {
	reference := textAt(r, "medicationReference", "reference")
	if id := textAt(r, "medicationReference", "identifier", "value"); id != "" || reference == "" {
		return id
	}
	return s.must("named", s.must("dossier.nameless", s.kind("MedicationStatement")), reference)
}
