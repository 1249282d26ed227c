package sumehr

import (
	"strconv"
	"strings"

	"github.com/carelog/carelog/projections/sumehr/kmehr"
)

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
	if !high.plain() || low.Value != "" && !low.plain() || tableOf(high.System) != "CD-ADMINISTRATIONUNIT" || r.Frequency == "" || r.Period != "1" || r.PeriodUnit != "d" {
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

// plain reports whether a number is written without an exponent, as KMEHR wants it.
func (q quantity) plain() bool {
	return q.Value != "" && !strings.ContainsAny(q.Value.String(), "eE")
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
		if !q.plain() || d.Timing.Repeat.Frequency != "" || tableOf(q.System) != "CD-ADMINISTRATIONUNIT" {
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
