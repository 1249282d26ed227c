package sumehr

import (
	"cmp"
	"slices"
	"strconv"
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

// recent is how long a prescription that says of no end, and is filled, counts as taken.
const recent = 14 * 24 * time.Hour

// request takes in what is prescribed and not over.
func request(c *candidate, body []byte) error {
	var m medication
	if err := read(body, &m); err != nil {
		return err
	}
	if m.DoNotPerform || m.Intent == "proposal" || m.Intent == "option" {
		return nil
	}
	begin, end := m.AuthoredOn, ""
	for _, d := range m.Instruction {
		begin, end = firstOf(d.Timing.Repeat.Bounds.Start, begin), max(end, d.Timing.Repeat.Bounds.End)
	}
	switch m.Status {
	case "active":
	case "completed":
		if end == "" && over(begin, c.in.At.Add(-recent).Format(time.DateOnly)) || begin == "" {
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

// whens are the words of CD-DAYPERIOD for events of a day (HL7 EventTiming).
var whens = map[string]string{
	"MORN": "morning", "AFT": "afternoon", "EVE": "evening", "NIGHT": "night", "HS": "thehourofsleep",
	"ACM": "beforebreakfast", "CM": "duringbreakfast", "PCM": "afterbreakfast", "ACD": "beforelunch", "CD": "duringlunch", "PCD": "afterlunch",
	"ACV": "beforedinner", "CV": "duringdinner", "PCV": "afterdinner", "PC": "aftermeal",
}

// periods are the parts of a day at which a dose is due.
func (d dosage) periods() (words []string) {
	for _, w := range d.Timing.Repeat.When {
		if word, ok := whens[w]; ok {
			words = append(words, word)
		}
	}
	if own := d.Timing.Code.of("CD-DAYPERIOD"); own != "" {
		words = append(words, own)
	}
	return words
}

func dayperiod(word string) *kmehr.Element {
	return kmehr.New("dayperiod", code("CD-DAYPERIOD", word))
}

// dose writes how a drug is taken: as a scheme where every dose says how much of what unit
// of KMEHR, and else in words, as the doctor or the numbers say it. A scheme and words in one
// item would be two answers to one question.
func (e *entry) dose(doses []dosage, language string) {
	if regimen := regimen(doses); regimen != nil {
		e.regimen = regimen
	} else if posology := posology(doses); posology != nil {
		e.posology = posology
		for _, word := range doses[0].periods() {
			e.dayperiods = append(e.dayperiods, dayperiod(word))
		}
	} else {
		var words []string
		for _, d := range doses {
			if said := firstOf(d.Text, d.numbers()); said != "" {
				words = append(words, said)
			}
			for _, word := range d.periods() {
				e.dayperiods = append(e.dayperiods, dayperiod(word))
			}
		}
		if len(words) > 0 {
			e.posology = kmehr.New("posology", kmehr.Text(language, strings.Join(words, "; ")))
		}
	}
	var instructions []string
	for _, d := range doses {
		if d.PatientInstruction != "" {
			instructions = append(instructions, d.PatientInstruction)
		}
		if word := d.Timing.Code.of("CD-PERIODICITY"); word != "" && e.frequency == nil {
			e.frequency = kmehr.New("frequency", kmehr.New("periodicity", code("CD-PERIODICITY", word)))
		}
	}
	if len(instructions) > 0 {
		e.instruction = kmehr.Text(language, strings.Join(instructions, "; "))
		e.instruction.Name = "instructionforpatient"
	}
}

// amount is how much is taken at a time; low is empty where it is one number.
func (d dosage) amount() (low, high quantity) {
	if len(d.DoseAndRate) != 1 {
		return quantity{}, quantity{}
	}
	dose := d.DoseAndRate[0]
	if dose.Range.High.Value != "" {
		return dose.Range.Low, dose.Range.High
	}
	return quantity{}, dose.Quantity
}

// posology writes the one dose that says in numbers how much of what unit of KMEHR is taken
// at a time, and how often a day; nil where it is another.
func posology(doses []dosage) *kmehr.Element {
	if len(doses) != 1 || doses[0].Text != "" {
		return nil
	}
	d := doses[0]
	low, high := d.amount()
	r := d.Timing.Repeat
	if high.Value == "" || tableOf(high.System) != "CD-ADMINISTRATIONUNIT" || r.Frequency == "" || r.Period != "1" || r.PeriodUnit != "d" {
		return nil
	}
	p := kmehr.New("posology")
	if low.Value != "" {
		p.Add(kmehr.Leaf("low", low.Value.String()))
	}
	p.Add(kmehr.Leaf("high", high.Value.String()), kmehr.New("unit", code("CD-ADMINISTRATIONUNIT", high.Code)))
	takes := kmehr.New("takes")
	if r.Most != "" {
		takes.Add(kmehr.Leaf("low", r.Frequency.String()), kmehr.Leaf("high", r.Most.String()))
	} else {
		takes.Add(kmehr.Leaf("high", r.Frequency.String()))
	}
	return p.Add(takes)
}

// numbers says a dose that has no words: 1 tablet, 2 x / 1 d.
func (d dosage) numbers() string {
	var parts []string
	if low, high := d.amount(); high.Value != "" {
		parts = append(parts, strings.TrimPrefix(low.Value.String()+"-"+high.text(), "-"))
	}
	if r := d.Timing.Repeat; r.Frequency != "" && r.Period != "" {
		parts = append(parts, r.Frequency.String()+" x / "+strings.TrimSpace(r.Period.String()+" "+r.PeriodUnit))
	}
	return strings.Join(parts, ", ")
}

// weekdays are the words of CD-WEEKDAY for the days of FHIR.
var weekdays = map[string]string{
	"mon": "monday", "tue": "tuesday", "wed": "wednesday", "thu": "thursday", "fri": "friday", "sat": "saturday", "sun": "sunday",
}

// regimen writes doses as a scheme; nil where one of them is said in words or not in full.
func regimen(doses []dosage) *kmehr.Element {
	scheme := kmehr.New("regimen")
	for _, d := range doses {
		if d.Text != "" || len(d.DoseAndRate) != 1 {
			return nil
		}
		q := d.DoseAndRate[0].Quantity
		if q.Value == "" || d.Timing.Repeat.Frequency != "" || tableOf(q.System) != "CD-ADMINISTRATIONUNIT" {
			return nil
		}
		var days, times []*kmehr.Element
		if n, err := strconv.Atoi(extended(d.Extension, DayNumberURL)); err == nil && n > 0 {
			days = append(days, kmehr.Leaf("daynumber", strconv.Itoa(n)))
		}
		for _, w := range d.Timing.Repeat.DayOfWeek {
			days = append(days, kmehr.New("weekday", code("CD-WEEKDAY", weekdays[w])))
		}
		for _, word := range d.periods() {
			times = append(times, kmehr.New("daytime", dayperiod(word)))
		}
		for _, at := range d.Timing.Repeat.TimeOfDay {
			times = append(times, kmehr.New("daytime", kmehr.Leaf("time", at)))
		}
		if len(times) == 0 {
			return nil
		}
		if len(days) == 0 {
			days = append(days, nil)
		}
		for _, day := range days {
			for _, at := range times {
				scheme.Add(day, at, kmehr.New("quantity", kmehr.Leaf("decimal", q.Value.String()), kmehr.New("unit", code("CD-ADMINISTRATIONUNIT", q.Code))))
			}
		}
	}
	if len(scheme.Children) == 0 {
		return nil
	}
	return scheme
}
