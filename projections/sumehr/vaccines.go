package sumehr

import (
	"slices"
	"strings"

	"github.com/carelog/carelog/projections/sumehr/check"
	"github.com/carelog/carelog/projections/sumehr/kmehr"
)

// vaccinated makes a vaccine of an Immunization. What it is against is what its record says,
// or what the class of its ATC code means; one of which neither can be said has no place.
func vaccinated(c *candidate, body []byte) error {
	var v immunization
	if err := read(body, &v); err != nil {
		return err
	}
	if v.Status != "completed" {
		return nil
	}
	var against []string
	for _, p := range v.ProtocolApplied {
		for _, d := range p.TargetDisease {
			if word := d.of("CD-VACCINEINDICATION"); word != "" {
				against = append(against, word)
			}
		}
	}
	for _, k := range v.VaccineCode.Coding {
		if tableOf(k.System) == "CD-VACCINEINDICATION" && k.Code != "" {
			against = append(against, k.Code)
		}
	}
	atc := v.VaccineCode.of("CD-ATC")
	if len(against) == 0 {
		against = indications(atc)
	}
	if len(against) == 0 {
		if !v.confidential() && !v.marked(MarkIrrelevant) {
			c.say(check.VaccineLeftOut, c.record, v.VaccineCode.label())
		}
		return nil
	}
	slices.Sort(against)
	content := kmehr.New("content")
	for _, word := range slices.Compact(against) {
		content.Add(code("CD-VACCINEINDICATION", word))
	}
	content.Add(v.VaccineCode.codes("CD-ATC")...)
	language := c.languageOf(v.head)
	e := entry{kind: "vaccine", state: "administrated", contents: []*kmehr.Element{content}, language: language, recorded: v.Recorded}
	label := v.VaccineCode.label()
	if product := product(v.VaccineCode, label); product != nil {
		e.contents = append(e.contents, product)
		if label == product.Children[0].At("intendedname").Value() {
			label = "" // it is said already
		}
	}
	e.comment = label
	for _, n := range v.Note {
		e.comment = strings.TrimPrefix(e.comment+"; "+n.Text, "; ")
	}
	e.begin = c.moment("beginmoment", when{at: v.Occurrence, text: v.OccurrenceString}, language)
	if v.LotNumber != "" {
		e.batch = kmehr.Leaf("batch", v.LotNumber)
	}
	c.add(v.head, e)
	return nil
}
