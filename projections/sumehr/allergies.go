package sumehr

import (
	"slices"
	"strings"
)

// intolerance makes an allergy, or an adverse reaction of what is a drug or no allergy. A
// drug is known by its category or by its code: in an allergy there is no place for that.
func intolerance(c *candidate, body []byte) error {
	var a allergy
	if err := read(body, &a); err != nil {
		return err
	}
	if a.ClinicalStatus.has("inactive", "resolved") || a.VerificationStatus.has("refuted", "entered-in-error") {
		return nil
	}
	if a.Code.label() == "" && len(a.Reaction) > 0 {
		a.Code.Text = a.Reaction[0].Substance.label()
	}
	language := c.languageOf(a.head)
	e := entry{kind: "allergy", active: true, language: language, recorded: a.RecordedDate}
	tables := []string{"CD-CLINICAL", "ICPC", "ICD"}
	drug := slices.Contains(a.Category, "medication") || a.Code.of("CD-ATC") != "" || a.Code.of("CD-DRUG-CNK") != ""
	if drug || a.kind() == "intolerance" {
		e.kind, tables = "adr", append(tables, "CD-ATC")
	}
	e.contents = said(a.Code, language, tables...)
	e.begin = c.moment("beginmoment", when{firstOf(a.OnsetDateTime, a.OnsetPeriod.Start), a.OnsetAge, a.OnsetRange, a.OnsetString}, language)
	var reactions []string
	for _, r := range a.Reaction {
		for _, m := range r.Manifestation {
			if label := m.label(); label != "" && !slices.Contains(reactions, label) {
				reactions = append(reactions, label)
			}
		}
	}
	e.comment = strings.Join(reactions, ", ")
	c.add(a.head, e)
	return nil
}

// kind is allergy or intolerance, where it is said: in the Belgian profile by an extension,
// BeExtAllergyType.
func (a allergy) kind() string {
	for _, x := range a.Extension {
		if !strings.HasSuffix(x.URL, "/be-ext-allergy-type") {
			continue
		}
		said := concept{Coding: []coding{{Code: x.ValueCode}}}
		if x.ValueCodeableConcept != nil {
			said = *x.ValueCodeableConcept
		} else if x.ValueCoding != nil {
			said.Coding = []coding{*x.ValueCoding}
		}
		if said.has("intolerance") {
			return "intolerance"
		}
	}
	return a.Type
}
