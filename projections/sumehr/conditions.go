package sumehr

import (
	"slices"
	"strings"

	"github.com/carelog/carelog/projections/sumehr/check"
	"github.com/carelog/carelog/projections/sumehr/kmehr"
)

// kinds make the items of a record, by its type. An error says that the record has another
// form than FHIR's.
var kinds = map[string]func(*candidate, []byte) error{
	"RelatedPerson": related, "CareTeam": team,
	"Condition": problem, "AllergyIntolerance": intolerance,
	"Observation": observed, "Flag": flagged, "FamilyMemberHistory": family, "RiskAssessment": assessed,
	"Procedure": treatment, "CarePlan": planned,
	"MedicationStatement": statement, "MedicationRequest": request,
	"Immunization": vaccinated, "Consent": will,
}

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

// languageOf is that of the texts of a record.
func (b *builder) languageOf(h head) string {
	if h.Language != "" {
		return languageOf(h.Language)
	}
	return b.language
}

// will makes an item of each wish that a Consent says in the words of a table. A Consent to
// something else is no wish of this kind.
func will(c *candidate, body []byte) error {
	var p consent
	if err := read(body, &p); err != nil {
		return err
	}
	if p.Status != "active" || over(p.Provision.Period.End, c.day) {
		return nil
	}
	said := slices.Concat(p.Category, []concept{p.PolicyRule}, p.Provision.Code)
	part := 0
	for _, table := range []string{"CD-PATIENTWILL", "CD-PATIENTWILL-RES", "CD-PATIENTWILL-HOS"} {
		wish := anyOf(table, said...)
		if wish == "" && table == "CD-PATIENTWILL-RES" && slices.ContainsFunc(said, func(k concept) bool { return k.has("dnr") }) {
			wish = "dnr1" // HL7 consentcategorycodes: a directive not to attempt resuscitation
		}
		if wish == "" {
			continue
		}
		contents := []*kmehr.Element{kmehr.New("content", code(table, wish))}
		for _, k := range said {
			if k.of(table) == wish && k.Text != "" {
				contents = append(contents, kmehr.New("content", kmehr.Text(c.languageOf(p.head), k.Text)))
				break
			}
		}
		part++
		c.add(p.head, entry{
			kind: "patientwill", part: part, active: true, contents: contents,
			begin: moment("beginmoment", p.Provision.Period.Start), end: moment("endmoment", p.Provision.Period.End), recorded: p.DateTime,
		})
	}
	return nil
}

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
		if c.shown && !v.confidential() && !v.marked(MarkIrrelevant) {
			c.find(check.VaccineLeftOut, c.record, v.VaccineCode.label())
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
