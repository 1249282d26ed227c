package sumehr

import (
	"slices"

	"github.com/carelog/carelog/projections/sumehr/kmehr"
)

// problem makes a problem of a Condition, or a risk where its category says so.
func problem(c *candidate, body []byte) error {
	var p condition
	if err := read(body, &p); err != nil {
		return err
	}
	if p.VerificationStatus.has("refuted", "entered-in-error") {
		return nil
	}
	e := entry{kind: "problem", recorded: p.RecordedDate}
	switch {
	case p.ClinicalStatus.has("inactive", "remission", "resolved"):
		e.inactive = true
	default: // active, recurrence, relapse; the Belgian profile requires it, others say nothing
		e.active = true
	}
	for _, category := range p.Category {
		switch {
		case category.has("social-history"):
			e.kind = "socialrisk"
		case category.has("risk"): // be-cs-problem-category
			e.kind = "risk"
		}
	}
	past := slices.ContainsFunc(p.Category, func(k concept) bool { return k.has("antecedent") })
	if e.inactive && !past && !p.marked(MarkRelevant) {
		return nil
	}
	language := c.languageOf(p.head)
	onset := when{firstOf(p.OnsetDateTime, p.OnsetPeriod.Start), p.OnsetAge, p.OnsetRange, p.OnsetString}
	end := when{firstOf(p.AbatementDateTime, p.AbatementPeriod.End, p.OnsetPeriod.End), p.AbatementAge, p.AbatementRange, p.AbatementString}
	e.begin, e.end = c.moment("beginmoment", onset, language), c.moment("endmoment", end, language)
	e.contents = said(p.Code, language, "CD-CLINICAL", "ICPC", "ICD")
	if e.kind == "problem" {
		e.certainty = certainty(p.VerificationStatus)
	}
	c.add(p.head, e)
	return nil
}

// certainties are the words of CD-CERTAINTY for how sure a doctor is.
var certainties = []struct{ fhir, word string }{
	{"confirmed", "proven"}, {"provisional", "probable"}, {"differential", "probable"}, {"unconfirmed", "undefined"},
}

func certainty(status concept) *kmehr.Element {
	word := status.of("CD-CERTAINTY")
	for _, k := range certainties {
		if word == "" && status.has(k.fhir) {
			word = k.word
		}
	}
	if word == "" {
		return nil
	}
	return kmehr.New("certainty", code("CD-CERTAINTY", word))
}

// said writes codes and label, each in a content of its own.
func said(what concept, language string, tables ...string) (contents []*kmehr.Element) {
	if codes := what.codes(tables...); len(codes) > 0 {
		contents = append(contents, kmehr.New("content", codes...))
	}
	if label := what.label(); label != "" {
		contents = append(contents, kmehr.New("content", kmehr.Text(language, label)))
	}
	return contents
}

// languageOf is that of the texts of a record.
func (b *builder) languageOf(h head) string {
	if h.Language != "" {
		return languageOf(h.Language)
	}
	return b.language
}
