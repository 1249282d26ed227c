package resources

import (
	"encoding/xml"
	"strings"

	"github.com/carelog/carelog/projections/sumehr"
	"github.com/carelog/carelog/projections/sumehr/kmehr"
)

// sections are the parts of the Composition, with their LOINC codes.
var sections = []struct{ kind, loinc, title string }{
	{"problem", "11450-4", "Problems"}, {"treatment", "47519-4", "Treatments"}, {"allergy", "48765-2", "Allergies"}, {"adr", "48765-2", "Adverse reactions"},
	{"socialrisk", "29762-2", "Social risks"}, {"risk", "75492-9", "Risks"}, {"patientwill", "42348-3", "Patient will"}, {"medication", "10160-0", "Medication"},
	{"vaccine", "11369-6", "Vaccines"}, {"contactperson", "56864-0", "Contacts"}, {"contacthcparty", "85847-2", "Care team"},
}

// composition makes the summary itself, which says who answers for it, when it was made, and
// what it holds.
func (r *reader) composition(message *kmehr.Element, by string) {
	tx := message.At("folder", "transaction")
	body := object{
		"meta": marked(sumehr.MarkReceived), "status": "final", "title": "Sumehr", "subject": r.subject(),
		"type": object{"coding": []object{{"system": "http://loinc.org", "code": sumehr.LOINCSummary}}},
		"date": instant(dayForm.FindString(tx.At("date").Value()), tx.At("time").Value()),
	}
	if body["date"] == "" {
		r.at = "transaction"
		r.miss("date")
		return // FHIR requires it, and nothing is made up
	}
	if by == "" {
		by = r.once("Practitioner", "nobody|"+r.key, func() object { return object{"name": []object{{"text": "?"}}} })
	}
	body["author"] = []object{{"reference": by}}
	if r.manager != "" {
		body["custodian"] = object{"reference": r.manager}
	}
	key := r.key
	for _, id := range tx.IDs("LOCAL") {
		if id.Attribute("SL") == sumehr.VitalinkURI {
			body["identifier"] = object{"system": "https://carelog.eu/fhir/NamingSystem/vitalinkuri", "value": id.Value()}
		}
	}
	var list []object
	for _, s := range sections {
		section := object{"title": s.title, "code": object{"coding": []object{{"system": "http://loinc.org", "code": s.loinc}}}}
		var entries []object
		for _, ref := range r.sections[s.kind] {
			entries = append(entries, object{"reference": ref})
		}
		switch {
		case len(entries) > 0:
			section["entry"] = entries
		case r.nothing[s.kind]:
			section["emptyReason"] = coded("list-empty-reason", "nilknown")
		case s.kind == "problem" || s.kind == "treatment":
			section["emptyReason"] = coded("list-empty-reason", "unavailable")
		default:
			continue
		}
		list = append(list, section)
	}
	if remark := text(tx.All("text")); remark != "" {
		var escaped strings.Builder
		_ = xml.EscapeText(&escaped, []byte(remark)) // a strings.Builder takes all
		list = append(list, object{
			"title": "Remark", "code": object{"coding": []object{{"system": sumehr.MarkSystem, "code": sumehr.RemarkCode}}, "text": remark},
			"text": object{"status": "additional", "div": `<div xmlns="http://www.w3.org/1999/xhtml">` + escaped.String() + `</div>`},
		})
	}
	body["section"] = list
	r.make("Composition", made("Composition", key), body)
}
