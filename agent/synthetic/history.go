package synthetic

import (
	"encoding/json"
	"slices"
	"time"
)

// visit is one contact, and what it is about.
type visit struct {
	day   time.Time
	about *problem
	first bool // the problem is new
}

// history makes everything that is known of the patient but the patient.
func (p *person) history() {
	p.allergies()
	p.vaccinations()
	for _, v := range p.visits() {
		p.contact(v)
	}
}

// visits draws the problems and the contacts about them, the oldest first.
func (p *person) visits() []visit {
	var list []visit
	for i := range problems {
		about := &problems[i]
		if !p.in1000(about.in1000) {
			continue
		}
		onset := p.born.AddDate(p.between(about.from, about.to), 0, p.below(365))
		if about.passing { // remembered for some years
			onset = p.last.AddDate(0, 0, -p.below(4*365))
			if age := p.years(onset); age < about.from || age > about.to {
				continue
			}
		}
		if onset.After(p.last) || onset.Before(p.born) {
			continue
		}
		list = append(list, visit{day: onset, about: about, first: true})
		if about.passing {
			continue
		}
		for range p.between(0, 2) {
			if day := p.last.AddDate(0, 0, -p.below(2*365)); day.After(onset) {
				list = append(list, visit{day: day, about: about})
			}
		}
	}
	for range p.between(1, 3) {
		if day := p.last.AddDate(0, 0, -p.below(5*365)); !day.Before(p.born) {
			list = append(list, visit{day: day, about: &checkUp})
		}
	}
	for i := range list {
		list[i].day = workday(list[i].day)
	}
	slices.SortStableFunc(list, func(a, b visit) int { return a.day.Compare(b.day) })
	return list
}

// workday moves a day of the weekend to the Monday after it, or at the end of all
// records to the Friday before.
func workday(day time.Time) time.Time {
	switch day.Weekday() {
	case time.Saturday:
		day = day.AddDate(0, 0, 2)
	case time.Sunday:
		day = day.AddDate(0, 0, 1)
	}
	if day.After(today) {
		day = day.AddDate(0, 0, -3)
	}
	return day
}

// contact writes the encounter and what came of it.
func (p *person) contact(v visit) {
	doctor := p.doctor
	if p.in1000(300) {
		doctor = pick(p.chance, p.practice.doctors).head
	}
	start := p.instant(v.day)
	e := encounter{
		head: p.new("Encounter"), Status: "finished",
		Class:           coding{System: terminology + "v3-ActCode", Code: "AMB", Display: "ambulatory"},
		Subject:         to(p.head),
		Participant:     []participant{{Individual: to(doctor)}},
		Period:          period{Start: stamp(start), End: stamp(start.Add(time.Duration(p.between(2, 6)) * 5 * time.Minute))},
		ReasonCode:      []concept{{Text: v.about.name[p.language]}},
		ServiceProvider: to(p.practice.org.head),
	}
	if p.in1000(90) {
		e.Class = coding{System: terminology + "v3-ActCode", Code: "HH", Display: "home health"}
	}
	p.w.write(e.head, e)
	if v.first {
		p.problem(v, e.head, doctor)
	}
	p.measure(v, e.head, doctor, start)
	if v.first || p.in1000(600) {
		p.note(e.head, doctor, start)
	}
}

func (p *person) problem(v visit, at, doctor head) {
	day := v.day.Format(time.DateOnly)
	c := condition{
		head:               p.new("Condition"),
		ClinicalStatus:     coded(terminology+"condition-clinical", "active"),
		VerificationStatus: coded(terminology+"condition-ver-status", "confirmed"),
		Category:           []*concept{coded(terminology+"condition-category", "problem-list-item")},
		Code: concept{
			Coding: []coding{{System: nsICPC2, Code: v.about.icpc2}, {System: nsICD10, Code: v.about.icd10}},
			Text:   v.about.name[p.language],
		},
		Subject: to(p.head), Encounter: to(at), OnsetDateTime: day, RecordedDate: day, Recorder: to(doctor),
	}
	if end := v.day.AddDate(0, 0, p.between(4, 25)); v.about.passing && !end.After(p.last) {
		c.ClinicalStatus = coded(terminology+"condition-clinical", "resolved")
		c.AbatementDateTime = end.Format(time.DateOnly)
	}
	p.w.write(c.head, c)
	if len(v.about.drugs) > 0 && p.in1000(850) {
		p.drug(pick(p.chance, v.about.drugs), v.day, c, doctor)
	}
}

func (p *person) drug(d drug, day time.Time, reason condition, doctor head) {
	m := medication{
		head: p.new("MedicationStatement"), Status: "active",
		Medication:        concept{Coding: drugCodes(d.cnk, d.atc), Text: d.name},
		Subject:           to(p.head),
		EffectivePeriod:   period{Start: day.Format(time.DateOnly)},
		DateAsserted:      day.Format(time.DateOnly),
		InformationSource: to(doctor),
		ReasonReference:   []*reference{to(reason.head)},
		Dosage:            []dosage{{Text: d.dosage[p.language], Timing: timing{repeat{Frequency: d.frequency, Period: 1, PeriodUnit: "d"}}}},
	}
	if d.frequency == 0 {
		m.Dosage[0].Timing.Repeat = repeat{Frequency: 1, Period: 1, PeriodUnit: "mo"}
	}
	if reason.AbatementDateTime != "" {
		m.Status, m.EffectivePeriod.End = "completed", reason.AbatementDateTime
	}
	p.w.write(m.head, m)
}

// measure writes the blood pressure of an adult and the tests of the problem.
func (p *person) measure(v visit, at, doctor head, start time.Time) {
	o := observation{
		Status: "final", Category: []*concept{coded(terminology+"observation-category", "vital-signs")},
		Subject: to(p.head), Encounter: to(at), Effective: stamp(start), Performer: []*reference{to(doctor)},
	}
	if p.years(v.day) >= 18 && p.in1000(600) {
		systolic := p.between(104, 178)
		pressure := o
		pressure.head = p.new("Observation")
		pressure.Code = *loinc("85354-9", "Blood pressure panel with all children optional")
		pressure.Component = []component{
			{Code: *loinc("8480-6", "Systolic blood pressure"), Value: millimetres(systolic)},
			{Code: *loinc("8462-4", "Diastolic blood pressure"), Value: millimetres(systolic*6/10 - p.below(12))},
		}
		p.w.write(pressure.head, pressure)
	}
	for _, t := range v.about.tests {
		if t == weight && p.years(v.day) < 16 || !p.in1000(700) {
			continue
		}
		one := o
		one.head = p.new("Observation")
		one.Code = *loinc(t.loinc, t.display)
		one.Value = &quantity{Value: json.Number(decimal(p.between(t.low, t.high), t.places)), Unit: t.unit, System: nsUCUM, Code: t.ucum}
		if t.laboratory {
			one.Category = []*concept{coded(terminology+"observation-category", "laboratory")}
		}
		p.w.write(one.head, one)
	}
}

func (p *person) note(at, doctor head, start time.Time) {
	said := pick(p.chance, tells[p.language]) + "\n" + pick(p.chance, finds[p.language]) + "\n" + pick(p.chance, agrees[p.language]) + "\n"
	d := document{
		head: p.new("DocumentReference"), Status: "current", Type: concept{Text: "Note"},
		Subject: to(p.head), Date: stamp(start), Author: []*reference{to(doctor)},
		Content: []content{{attachment{ContentType: "text/plain", Language: p.language.code(), Data: []byte(said)}}},
		Context: &docContext{Encounter: []*reference{to(at)}},
	}
	p.w.write(d.head, d)
}

func (p *person) allergies() {
	known := 0
	if p.in1000(220) {
		known = p.between(1, 2)
	}
	first := p.below(len(substances))
	for i := range known {
		s := substances[(first+3*i)%len(substances)]
		day := p.born.AddDate(0, 0, p.below(1+int(p.last.Sub(p.born)/(24*time.Hour)))).Format(time.DateOnly)
		a := allergy{
			head:               p.new("AllergyIntolerance"),
			ClinicalStatus:     coded(terminology+"allergyintolerance-clinical", "active"),
			VerificationStatus: coded(terminology+"allergyintolerance-verification", "confirmed"),
			Category:           []string{s.category}, Criticality: "low",
			Code:    concept{Coding: drugCodes("", s.atc), Text: s.name[p.language]},
			Patient: to(p.head), RecordedDate: day, Recorder: to(p.doctor),
			Reaction: []reaction{{Manifestation: []concept{{Text: s.reaction[p.language]}}, Severity: s.severity}},
		}
		if s.high {
			a.Criticality = "high"
		}
		p.w.write(a.head, a)
	}
}

func (p *person) vaccinations() {
	for _, v := range vaccines {
		if v.yearly == 0 {
			if day := p.born.AddDate(0, 0, 7*v.weeks+p.below(40)); !day.After(p.last) && p.in1000(v.in1000) && p.last.Sub(day) < 30*365*24*time.Hour {
				p.vaccination(v, day)
			}
			continue
		}
		for back := 3; back >= 1; back-- {
			day := time.Date(today.Year()-back, time.October, p.between(1, 30), 0, 0, 0, 0, time.UTC)
			if p.years(day) >= v.yearly && !day.After(p.last) && p.in1000(v.in1000) {
				p.vaccination(v, day)
			}
		}
	}
}

func (p *person) vaccination(v vaccine, day time.Time) {
	i := immunization{
		head: p.new("Immunization"), Status: "completed",
		VaccineCode: concept{Coding: drugCodes(v.cnk, v.atc), Text: v.name},
		Patient:     to(p.head), Occurrence: day.Format(time.DateOnly), Recorded: day.Format(time.DateOnly),
		PrimarySource: true, Performer: []performer{{Actor: to(p.doctor)}},
	}
	p.w.write(i.head, i)
}

func (p *person) new(resourceType string) head { return head{ResourceType: resourceType, ID: p.uuid()} }

func drugCodes(cnk, atc string) (codes []coding) {
	if cnk != "" {
		codes = append(codes, coding{System: nsCNK, Code: cnk})
	}
	if atc != "" {
		codes = append(codes, coding{System: nsATC, Code: atc})
	}
	return codes
}

func millimetres(n int) *quantity {
	return &quantity{Value: json.Number(decimal(n, 0)), Unit: "mmHg", System: nsUCUM, Code: "mm[Hg]"}
}

func stamp(t time.Time) string { return t.Format(time.RFC3339) }
