package sumehr

import (
	"slices"
	"strings"
)

// observed makes a social risk of an Observation of that category that its doctor marked.
func observed(c *candidate, body []byte) error {
	var o observation
	if err := read(body, &o); err != nil {
		return err
	}
	social := slices.ContainsFunc(o.Category, func(k concept) bool { return k.has("social-history") })
	if !social || !o.wanted() || o.Status == "entered-in-error" || o.Status == "cancelled" {
		return nil
	}
	what := o.Code
	if value := firstOf(o.Value.label(), o.Text); value != "" {
		what.Text = strings.TrimSpace(o.Code.label() + ": " + value)
		what.Coding = append(slices.Clone(what.Coding), o.Value.Coding...)
	}
	c.risk(o.head, "socialrisk", what, firstOf(o.Effective, o.Period.Start), o.Period.End, 0)
	return nil
}

// wanted reports whether the doctor has said that a record goes in, openly or not.
func (h head) wanted() bool { return h.marked(MarkRelevant) || h.marked(MarkMasked) }

func flagged(c *candidate, body []byte) error {
	var f flag
	if err := read(body, &f); err != nil {
		return err
	}
	if f.wanted() && f.Status == "active" {
		c.risk(f.head, "risk", f.Code, f.Period.Start, f.Period.End, 0)
	}
	return nil
}

func family(c *candidate, body []byte) error {
	var f familyHistory
	if err := read(body, &f); err != nil {
		return err
	}
	if !f.wanted() || f.Status == "entered-in-error" {
		return nil
	}
	for i, k := range f.Condition {
		what := k.Code
		if who := f.Relationship.label(); who != "" && what.label() != "" {
			what.Text = what.label() + " (" + who + ")"
		}
		c.risk(f.head, "risk", what, "", "", i+1)
	}
	return nil
}

func assessed(c *candidate, body []byte) error {
	var r riskAssessment
	if err := read(body, &r); err != nil {
		return err
	}
	if !r.wanted() || r.Status == "entered-in-error" || r.Status == "cancelled" {
		return nil
	}
	if len(r.Prediction) == 0 {
		c.risk(r.head, "risk", r.Code, firstOf(r.Occurrence, r.Period.Start), "", 0)
	}
	for i, p := range r.Prediction {
		what := p.Outcome
		if what.label() == "" {
			what = r.Code
		}
		c.risk(r.head, "risk", what, firstOf(r.Occurrence, r.Period.Start), "", i+1)
	}
	return nil
}

func (c *candidate) risk(h head, kind string, what concept, begin, end string, part int) {
	c.add(h, entry{
		kind: kind, part: part, active: true, contents: said(what, c.languageOf(h), "CD-CLINICAL", "ICPC", "ICD"),
		begin: moment("beginmoment", begin), end: moment("endmoment", end),
	})
}
