package resources

import (
	"encoding/json"
	"regexp"
	"strings"

	"github.com/carelog/carelog/projections/sumehr"
	"github.com/carelog/carelog/projections/sumehr/kmehr"
)

var decimal = regexp.MustCompile(`^-?(0|[1-9]\d*)(\.\d+)?$`)

// dosage reads how a drug is taken: the steps of a scheme, or words and parts of the day.
func (r *reader) dosage(item *kmehr.Element) (list []object) {
	if scheme := item.At("regimen"); scheme != nil {
		list = r.regimen(scheme)
	}
	one, timing := object{}, object{}
	if words := text(item.At("posology").All("text")); words != "" {
		one["text"] = words
	} else if p := item.At("posology"); p != nil {
		one, timing = r.posology(p)
	}
	if words := text(item.All("instructionforpatient")); words != "" {
		one["patientInstruction"] = words
	}
	repeat, code := parts(item.All("dayperiod"))
	if frequency := item.At("frequency", "periodicity", "cd"); frequency.Value() != "" {
		code = append(code, frequency)
	} else if item.At("frequency") != nil {
		r.miss("frequency")
	}
	if len(repeat) > 0 {
		times, _ := timing["repeat"].(object)
		if times == nil {
			times = object{}
		}
		times["when"] = repeat
		timing["repeat"] = times
	}
	if len(code) > 0 {
		timing["code"] = concept("", code...)
	}
	if len(timing) > 0 {
		one["timing"] = timing
	}
	if len(one) > 0 {
		list = append(list, one)
	}
	return list
}

// whole is a number without a part, for what FHIR counts in whole times.
var whole = regexp.MustCompile(`^[1-9]\d{0,5}(\.0*)?$`)

// posology reads a dose in numbers: how much at a time, how often a day. What does not fit is
// said in words.
func (r *reader) posology(p *kmehr.Element) (one, timing object) {
	one, timing = object{}, object{}
	low, high := p.At("low").Value(), p.At("high").Value()
	takes, least := p.At("takes", "high").Value(), p.At("takes", "low").Value()
	if !decimal.MatchString(high) || low != "" && !decimal.MatchString(low) || !whole.MatchString(takes) || least != "" && !whole.MatchString(least) {
		one["text"] = strings.TrimSpace(strings.Trim(low+"-"+high, "-") + " " + p.At("unit", "cd").Value() + ", " + strings.Trim(least+"-"+takes, "-") + " x")
		return one, timing
	}
	dose := quantity(high, p.At("unit", "cd"))
	if low == "" {
		one["doseAndRate"] = []object{{"doseQuantity": dose}}
	} else {
		one["doseAndRate"] = []object{{"doseRange": object{"low": quantity(low, p.At("unit", "cd")), "high": dose}}}
	}
	repeat := object{"frequency": count(takes), "period": json.Number("1"), "periodUnit": "d"}
	if least != "" {
		repeat["frequency"], repeat["frequencyMax"] = count(least), count(takes)
	}
	timing["repeat"] = repeat
	return one, timing
}

func count(value string) json.Number {
	digits, _, _ := strings.Cut(value, ".")
	return json.Number(digits)
}

// quantity is a number of units.
func quantity(value string, unit *kmehr.Element) object {
	q := object{"value": json.Number(value)}
	if c := coding(unit); c != nil {
		q["system"], q["code"] = c["system"], c["code"]
	}
	return q
}

// regimen reads a scheme: its steps stand in a row, each up to its quantity.
func (r *reader) regimen(scheme *kmehr.Element) (list []object) {
	step := &kmehr.Element{}
	for _, part := range scheme.Children {
		step.Add(part)
		if part.Name != "quantity" {
			continue
		}
		list = append(list, r.step(step))
		step = &kmehr.Element{}
	}
	return list
}

func (r *reader) step(step *kmehr.Element) object {
	one, repeat := object{}, object{}
	when, code := parts(step.At("daytime").All("dayperiod"))
	if len(when) > 0 {
		repeat["when"] = when
	}
	if clock := timeForm.FindStringSubmatch(step.At("daytime", "time").Value()); clock != nil {
		repeat["timeOfDay"] = []string{clock[1]}
	}
	if day := step.At("weekday").Code("CD-WEEKDAY"); len(day) > 3 {
		repeat["dayOfWeek"] = []string{day[:3]}
	}
	if n := step.At("daynumber").Value(); decimal.MatchString(n) && n[0] != '-' && n != "0" && !strings.Contains(n, ".") && len(n) < 10 {
		one["extension"] = []object{{"url": sumehr.DayNumberURL, "valuePositiveInt": json.Number(n)}}
	}
	if step.At("date") != nil || step.At("weekday", "weeknumber") != nil {
		r.miss("date in regimen")
	}
	timing := object{}
	if len(repeat) > 0 {
		timing["repeat"] = repeat
	}
	if len(code) > 0 {
		timing["code"] = concept("", code...)
	}
	if len(timing) > 0 {
		one["timing"] = timing
	}
	if value := step.At("quantity", "decimal").Value(); decimal.MatchString(value) {
		one["doseAndRate"] = []object{{"doseQuantity": quantity(value, step.At("quantity", "unit", "cd"))}}
	}
	return one
}

// events are the words of FHIR for parts of the day.
var events = map[string]string{
	"morning": "MORN", "afternoon": "AFT", "evening": "EVE", "night": "NIGHT", "thehourofsleep": "HS",
	"beforebreakfast": "ACM", "duringbreakfast": "CM", "afterbreakfast": "PCM", "beforelunch": "ACD", "duringlunch": "CD", "afterlunch": "PCD",
	"beforedinner": "ACV", "duringdinner": "CV", "afterdinner": "PCV", "aftermeal": "PC",
}

// parts reads parts of the day: words of FHIR, and codes where it has none.
func parts(periods []*kmehr.Element) (words []string, codes []*kmehr.Element) {
	for _, p := range periods {
		cd := p.At("cd")
		if word := events[cd.Value()]; word != "" {
			words = append(words, word)
		} else if cd.Value() != "" {
			codes = append(codes, cd)
		}
	}
	return words, codes
}
