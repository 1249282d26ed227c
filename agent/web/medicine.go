package web

import (
	"slices"
	"time"

	"github.com/carelog/carelog/projections/sumehr"
)

func (s *spoken) describeMedication(r object) said {
	status := textAt(r, "status")
	doses := listAt(r, "dosage")
	if at(r, "dosage") == nil {
		doses = listAt(r, "dosageInstruction")
	}
	end := endOf(r, doses)
	taken := filled(r, doses)
	d := said{
		Title:  s.named(r, medicineOf(r), s.referred(r)),
		Detail: joined(". ", s.doses(doses), notesOf(r)), When: firstOf(started(r, "effective"), textAt(r, "authoredOn"), textAt(r, "dateAsserted")),
		Past:  slices.Contains([]string{"completed", "stopped", "not-taken", "entered-in-error", "cancelled"}, status) && !taken,
		Ended: sumehr.Ended(end, time.Now()),
	}
	switch {
	case taken: // "finished" would be read as if it were not taken any more
		d.State = s.must("form.dispensed")
	case status != "active":
		d.State = firstOf(s.has("form.taking", status), s.sentence(s.wordIn("codes", status)), status)
	}
	if at(r, "doNotPerform") == true {
		d.State, d.High = joined(", ", s.must("form.forbidden"), d.State), true
	}
	d.State = joined(", ", d.State, s.has("form.intent", textAt(r, "intent")))
	switch {
	case d.Ended:
		d.State = joined(", ", d.State, s.must("form.ended", s.date(end)))
	case end != "" && !d.Past:
		d.State = joined(", ", d.State, s.must("form.endsOn", s.date(end)))
	}
	d.State = s.sentence(d.State)
	return d
}

// endOf is until when a medicine is taken, as the Sumehr counts it: by the period of what is taken, and by the doses of what is
// prescribed. Until when a prescription may be filled says nothing of it.
func endOf(r object, doses []any) string {
	if textAt(r, "resourceType") == "MedicationStatement" {
		return textAt(r, "effectivePeriod", "end")
	}
	return sumehr.LastEnd(endsOf(doses))
}

// endsOf are the ends of doses; empty of one that has none.
func endsOf(doses []any) (ends []string) {
	for _, d := range doses {
		ends = append(ends, textAt(d, "timing", "repeat", "boundsPeriod", "end"))
	}
	return ends
}

// filled tells that a prescription is completed, and that what it gave is still taken.
func filled(r object, doses []any) bool {
	if textAt(r, "resourceType") != "MedicationRequest" || textAt(r, "status") != "completed" {
		return false
	}
	begun := textAt(r, "authoredOn")
	for _, d := range doses {
		begun = firstOf(textAt(d, "timing", "repeat", "boundsPeriod", "start"), begun)
	}
	return sumehr.StillTaken(begun, endsOf(doses), time.Now())
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
