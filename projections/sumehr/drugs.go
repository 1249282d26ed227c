package sumehr

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections/sumehr/kmehr"
)

// taking is a drug that is taken, as one record says it.
type taking struct {
	head
	record    events.Record
	cnk       string
	requested bool // a prescription; else what the patient is known to take
	begin     string
	entry     entry
}

// statement takes in what the patient takes. The Belgian medication line fixes the status at
// unknown and says elsewhere what became of it, so only what says that it is over counts.
func statement(c *candidate, body []byte) error {
	var m medication
	if err := read(body, &m); err != nil {
		return err
	}
	switch m.Status {
	case "completed", "entered-in-error", "stopped", "not-taken", "on-hold":
		return nil
	}
	begin, end := firstOf(m.EffectivePeriod.Start, m.EffectiveAt), m.EffectivePeriod.End
	if !over(end, c.day) {
		c.drug(m, m.Dosage, taking{begin: begin}, end)
	}
	return nil
}

// recent is how many days after it was to begin, else was written, a prescription that is filled and says of no end counts as taken.
const recent = 14

// StillTaken reports whether what was prescribed, and is filled, is still taken at a time: until the last of its doses says that it
// ends, and where one says of no end, or there is none, for fourteen days after it began. All are FHIR dates, and may be empty.
func StillTaken(begin string, ends []string, at time.Time) bool {
	day := at.Format(time.DateOnly)
	if slices.ContainsFunc(ends, func(end string) bool { return end != "" && !over(end, day) }) {
		return true
	}
	return LastEnd(ends) == "" && begin != "" && !over(begin, at.AddDate(0, 0, -recent).Format(time.DateOnly))
}

// LastEnd is until when a drug is taken, by the ends of its doses, which are FHIR dates: empty where one of them has none, as
// the dose that stays behind one that is tapered off. A month or a year ends with its last day.
func LastEnd(ends []string) (last string) {
	for i, end := range ends {
		if end == "" {
			return ""
		}
		if i == 0 || over(last, end) || strings.HasPrefix(last, end) {
			last = end
		}
	}
	return last
}

// Ended reports whether what is taken until a FHIR date, or for ever where that is empty, is over at a time, as far as the date tells.
func Ended(end string, at time.Time) bool { return over(end, at.Format(time.DateOnly)) }

// request takes in what is prescribed and not over.
func request(c *candidate, body []byte) error {
	var m medication
	if err := read(body, &m); err != nil {
		return err
	}
	if m.DoNotPerform || m.Intent == "proposal" || m.Intent == "option" {
		return nil
	}
	begin := m.AuthoredOn
	ends := make([]string, len(m.Instruction))
	for i, d := range m.Instruction {
		begin, ends[i] = firstOf(d.Timing.Repeat.Bounds.Start, begin), d.Timing.Repeat.Bounds.End
	}
	end := LastEnd(ends)
	switch m.Status {
	case "active":
	case "completed":
		if !StillTaken(begin, ends, c.in.At) {
			return nil
		}
	default:
		return nil
	}
	if !over(end, c.day) {
		c.drug(m, m.Instruction, taking{begin: begin, requested: true}, end)
	}
	return nil
}

// drug notes a drug; which of them are the same is seen when all are known.
func (c *candidate) drug(m medication, doses []dosage, t taking, end string) {
	what := c.substance(m)
	language := c.languageOf(m.head)
	label := what.label()
	t.head, t.record, t.cnk = m.head, c.record, what.of("CD-DRUG-CNK")
	t.entry = entry{
		kind: "medication", record: c.record, active: true, begin: moment("beginmoment", t.begin), end: moment("endmoment", end),
		temporality: temporality(m), recorded: firstOf(m.DateAsserted, m.AuthoredOn),
	}
	if label != "" {
		t.entry.contents = append(t.entry.contents, kmehr.New("content", kmehr.Text(language, label)))
	}
	if product := product(what, label); product != nil {
		t.entry.contents = append(t.entry.contents, product)
	}
	if codes := what.codes("CD-ATC"); len(codes) > 0 {
		t.entry.contents = append(t.entry.contents, kmehr.New("content", codes...))
	}
	t.entry.dose(doses, language)
	if m.marked(MarkIrrelevant) {
		return
	}
	c.goesIn = true
	if c.shown {
		c.taken = append(c.taken, t)
	}
}

// substance is what the drug is: said in the record, within it, or by one that it names.
func (c *candidate) substance(m medication) concept {
	if m.Reference.Reference == "" {
		return m.Concept
	}
	if id, ok := strings.CutPrefix(m.Reference.Reference, "#"); ok {
		for _, k := range m.Contained {
			if k.ID == id {
				return k.Code
			}
		}
		return m.Concept
	}
	var drug struct {
		head
		Code concept `json:"code"`
	}
	if r := named(m.Reference); c.open(r, &drug) {
		c.use(r)
		return drug.Code
	}
	return m.Concept
}

// product writes the package or the group of packages, where its code is known, under the
// name that stands with the code or else under the label.
func product(what concept, label string) *kmehr.Element {
	for _, p := range []struct{ element, table string }{
		{"medicinalproduct", "CD-DRUG-CNK"}, {"substanceproduct", "CD-INNCLUSTER"}, {"substanceproduct", "CD-VMPGROUP"},
	} {
		if k := what.coding(p.table); k.Code != "" {
			cd := code(p.table, k.Code)
			cd.Name = "intendedcd"
			return kmehr.New("content", kmehr.New(p.element, cd, kmehr.Leaf("intendedname", firstOf(k.Display, label))))
		}
	}
	return nil
}

func temporality(m medication) *kmehr.Element {
	word := extended(m.Extension, TemporalityURL)
	switch {
	case word != "":
	case m.Course.has("continuous"):
		word = "chronic"
	case m.Course.has("acute"):
		word = "acute"
	default:
		return nil
	}
	return kmehr.New("temporality", code("CD-TEMPORALITY", word))
}

// drugs takes in what is taken, each package once. What the patient is known to take stands
// before what was prescribed, and of several prescriptions the newest. Two statements of one
// package are two doses of a day, and both stay.
func (b *builder) drugs() {
	slices.SortFunc(b.taken, func(x, y taking) int {
		return cmp.Or(bits(x.requested)-bits(y.requested), -strings.Compare(x.begin, y.begin), strings.Compare(x.record.String(), y.record.String()))
	})
	seen := map[string]bool{}
	for _, t := range b.taken {
		if t.cnk != "" && t.requested && seen[t.cnk] {
			continue
		}
		seen[t.cnk] = true
		if t.confidential() {
			b.withheld = true
			continue
		}
		b.entries = append(b.entries, t.entry)
	}
}
