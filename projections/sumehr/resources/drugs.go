package resources

import (
	"github.com/carelog/carelog/projections/sumehr"
	"github.com/carelog/carelog/projections/sumehr/kmehr"
)

func (r *reader) vaccine(item *kmehr.Element) string {
	status := "completed"
	switch item.At("lifecycle").Code("CD-LIFECYCLE") {
	case "refused", "cancelled", "notpresent", "aborted":
		status = "not-done"
	}
	body := object{
		"status": status, "patient": r.subject(), "vaccineCode": drug(item), "note": notes(item),
		"recorded": stamp(item.At("recorddatetime").Value()), "lotNumber": item.At("batch").Value(),
	}
	when(body, item.At("beginmoment"), "occurrenceDateTime", "occurrenceString")
	if body["occurrenceDateTime"] == nil && body["occurrenceString"] == nil {
		body["occurrenceString"] = "?" // FHIR requires one
	}
	return r.make("Immunization", r.idOf("Immunization", item), body)
}

// drug reads what a medication or vaccine is: its codes, the product, and its label.
func drug(item *kmehr.Element) object {
	var codes []object
	var texts []*kmehr.Element
	name := ""
	for _, content := range item.All("content") {
		texts = append(texts, content.All("text")...)
		for _, cd := range content.All("cd") {
			if c := coding(cd); c != nil {
				codes = append(codes, c)
			}
		}
		for _, kind := range []string{"medicinalproduct", "substanceproduct"} {
			p := content.At(kind)
			name = firstOf(name, p.At("intendedname").Value())
			for _, cd := range p.All("intendedcd") {
				if c := coding(cd); c != nil {
					if label := p.At("intendedname").Value(); label != "" {
						c["display"] = label
					}
					codes = append(codes, c)
				}
			}
		}
	}
	c := concept(firstOf(text(texts), name))
	if len(codes) > 0 {
		c["coding"] = codes
	}
	return c
}

func (r *reader) medication(item *kmehr.Element) string {
	begin, said := moment(item.At("beginmoment"))
	end, saidEnd := moment(item.At("endmoment"))
	if said != "" || saidEnd != "" {
		r.miss("moment in words")
	}
	body := object{
		"subject": r.subject(), "medicationCodeableConcept": drug(item), "effectivePeriod": period(begin, end),
		"dateAsserted": stamp(item.At("recorddatetime").Value()), "status": "active", "dosage": r.dosage(item),
	}
	switch item.At("lifecycle").Code("CD-LIFECYCLE") {
	case "stopped", "aborted", "retracted", "cancelled":
		body["status"] = "stopped"
	case "inactive", "completed":
		body["status"] = "completed"
	case "suspended":
		body["status"] = "on-hold"
	}
	if word := item.At("temporality", "cd").Value(); word != "" {
		body["extension"] = []object{{"url": sumehr.TemporalityURL, "valueCode": word}}
	}
	body["note"] = notes(item)
	for _, content := range item.All("content") {
		if content.At("compoundprescription") != nil {
			r.miss("compoundprescription")
		}
	}
	return r.make("MedicationStatement", r.idOf("MedicationStatement", item), body)
}
