package sumehr

// treatment makes a treatment of a Procedure.
func treatment(c *candidate, body []byte) error {
	var p procedure
	if err := read(body, &p); err != nil {
		return err
	}
	e := entry{kind: "treatment"}
	switch p.Status {
	case "completed":
		e.inactive = true
	case "in-progress", "on-hold":
		e.active = true
	default: // not begun, not done, stopped before it was, or entered in error
		return nil
	}
	language := c.languageOf(p.head)
	e.begin = c.moment("beginmoment", when{firstOf(p.PerformedAt, p.PerformedPeriod.Start), p.PerformedAge, p.PerformedRange, p.PerformedString}, language)
	e.end = moment("endmoment", p.PerformedPeriod.End)
	if e.inactive && e.end == nil {
		e.end = moment("endmoment", p.PerformedAt)
	}
	e.contents = said(p.Code, language, "CD-CLINICAL", "ICPC", "ICD")
	c.add(p.head, e)
	return nil
}

// planned makes a treatment of each activity of a CarePlan that was begun.
func planned(c *candidate, body []byte) error {
	var p carePlan
	if err := read(body, &p); err != nil {
		return err
	}
	if p.Status != "active" && p.Status != "completed" {
		return nil
	}
	for i, a := range p.Activity {
		if a.Detail == nil {
			continue // another record says what it is
		}
		e := entry{kind: "treatment", part: i + 1}
		switch {
		case a.Detail.Status == "completed", p.Status == "completed" && a.Detail.Status == "in-progress":
			e.inactive = true
		case a.Detail.Status == "in-progress", a.Detail.Status == "scheduled":
			e.active = true
		default:
			continue
		}
		what := a.Detail.Code
		if what.label() == "" {
			what.Text = a.Detail.Description
		}
		scheduled := a.Detail.Scheduled
		e.begin, e.end = moment("beginmoment", firstOf(scheduled.Start, p.Period.Start)), moment("endmoment", scheduled.End)
		if e.inactive && e.end == nil {
			e.end = moment("endmoment", p.Period.End)
		}
		e.contents = said(what, c.languageOf(p.head), "CD-CLINICAL", "ICPC", "ICD")
		c.add(p.head, e)
	}
	return nil
}
