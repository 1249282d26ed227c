package web

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/feature/plural"
)

// doseMembers are the members of resources that are a Dosage, or a list of them.
var doseMembers = map[string]bool{"dosage": true, "dosageInstruction": true}

// doses says each of a list of FHIR Dosages.
func (s *spoken) doses(list []any) string {
	each := make([]string, len(list))
	for i, d := range list {
		each[i] = s.dosage(d)
	}
	return joined("; ", each...)
}

// dosage says a FHIR Dosage in words: its own, and beside them all that is said in figures and codes. What has no words
// here is said as it is, with its name, so that two of them which differ never look alike.
func (s *spoken) dosage(v any) string {
	o, ok := v.(object)
	if !ok {
		return s.asItIs(v)
	}
	t := s.telling(o)
	own := t.text("text")
	if n, ok := t.number("sequence"); ok {
		t.say(s.must("dose.step", n))
	}
	t.list("extension", s.dayNumber)
	t.list("doseAndRate", s.doseAndRate)
	t.object("dose", s.amount) // of what was given
	t.rate()
	t.object("timing", s.timing)
	if needed, ok := t.flag("asNeededBoolean"); ok {
		t.say(s.must("dose.needed." + strconv.FormatBool(needed)))
	}
	t.object("asNeededCodeableConcept", func(o object) string { return s.must("dose.neededFor", s.coded(o)) })
	for _, name := range []string{"route", "site", "method"} {
		t.object(name, func(o object) string { return s.must("named", s.label(name), s.coded(o)) })
	}
	for _, name := range []string{"maxDosePerPeriod", "maxDosePerAdministration", "maxDosePerLifetime"} {
		t.object(name, func(o object) string { return s.must("dose."+name, s.amountOrRatio(o)) })
	}
	t.list("additionalInstruction", s.coded)
	if text := t.text("patientInstruction"); text != "" {
		t.say(s.must("named", s.label("patientInstruction"), text))
	}
	return joined(" · ", own, t.end())
}

func (s *spoken) doseAndRate(o object) string {
	t := s.telling(o)
	t.object("type", s.coded)
	t.object("doseQuantity", s.amount)
	t.object("doseRange", s.between)
	t.rate()
	return t.end()
}

// rate is how fast it is given.
func (t *telling) rate() {
	rate := func(say func(object) string) func(object) string {
		return func(o object) string { return t.s.must("dose.rate", say(o)) }
	}
	t.object("rateQuantity", rate(t.s.amount))
	t.object("rateRange", rate(t.s.between))
	t.object("rateRatio", rate(t.s.amountOrRatio))
}

func (s *spoken) timing(o object) string {
	t := s.telling(o)
	t.object("repeat", s.repeated)
	t.object("code", s.coded)
	if days := t.texts("event", s.exactDate); days != "" {
		t.say(s.must("dose.on", days))
	}
	return t.end()
}

// repeated says how often, when and for how long.
func (s *spoken) repeated(o object) string {
	t := s.telling(o)
	often := ""
	if n := t.span("frequency", "frequencyMax"); n != "" {
		often = n + " ×"
	}
	t.say(joined(" ", often, t.every()))
	t.say(t.texts("when", func(code string) string { return firstOf(s.wordIn("dose.when", code), code) }))
	if n, ok := t.number("offset"); ok {
		t.say(s.must("dose.offset", s.lasting(n, "min")))
	}
	if hours := t.texts("timeOfDay", func(at string) string {
		if len(at) == len("15:04:05") {
			at = strings.TrimSuffix(at, ":00")
		}
		return at
	}); hours != "" {
		t.say(s.must("dose.at", hours))
	}
	if days := t.texts("dayOfWeek", func(code string) string { return firstOf(s.wordIn("dose.days", code), code) }); days != "" {
		t.say(s.must("dose.on", days))
	}
	if unit := textAt(t.rest, "durationUnit"); at(t.rest, "duration") != nil {
		if n := t.span("duration", "durationMax"); n != "" {
			t.drop("durationUnit")
			t.say(s.must("dose.takes", s.lasting(n, unit)))
		}
	}
	if n := t.span("count", "countMax"); n != "" {
		t.say(s.must("dose.inAll", n))
	}
	t.object("boundsDuration", func(o object) string { return s.must("dose.for", s.amount(o)) })
	t.object("boundsRange", func(o object) string { return s.must("dose.for", s.between(o)) })
	t.object("boundsPeriod", s.fromTo)
	return t.end()
}

// every says the period in which something is repeated; of one day it is "per day".
func (t *telling) every() string {
	if at(t.rest, "period") == nil {
		return ""
	}
	unit := textAt(t.rest, "periodUnit")
	n := t.span("period", "periodMax")
	if n == "" {
		return ""
	}
	t.drop("periodUnit")
	if word := t.s.has("dose.each", unit); n == "1" && unit != "" && word != "" {
		return word
	}
	return t.s.must("dose.every", t.s.lasting(n, unit))
}

// lasting writes a length of time in a unit of UCUM.
func (s *spoken) lasting(figures, unit string) string {
	if s.has("dose.lasts."+unit, "other") == "" || unit == "" {
		return joined(" ", figures, unit)
	}
	return s.must("dose.lasts."+unit+"."+s.formOfFigures(figures), figures)
}

// formOfFigures names the plural form of a number as it is written; that of two numbers is the last one's.
func (s *spoken) formOfFigures(figures string) string {
	if i := strings.LastIndex(figures, "–"); i >= 0 {
		figures = figures[i+len("–"):]
	}
	whole, part, _ := strings.Cut(figures, s.point)
	n, err := strconv.Atoi(whole)
	if err != nil {
		return "other"
	}
	visible, _ := strconv.Atoi("0" + part)
	trimmed := strings.TrimRight(part, "0")
	without, _ := strconv.Atoi("0" + trimmed)
	return formOf(plural.Cardinal.MatchPlural(s.tag, n, len(part), len(trimmed), visible, without))
}

const ucum = "http://unitsofmeasure.org"

// administrationUnits is the table of KMEHR of which a dose from the hub has its unit.
const administrationUnits = "https://carelog.eu/fhir/CodeSystem/cd-administrationunit"

// amount says a Quantity with its unit, by its own word or by that of its code.
func (s *spoken) amount(o object) string {
	figures, unit, rest := s.measuredIn(o)
	return joined(", ", joined(" ", figures, unit), rest)
}

// measuredIn takes a Quantity apart. A code that is no more than its unit goes without saying.
func (s *spoken) measuredIn(o object) (figures, unit, rest string) {
	t := s.telling(o)
	figures = t.text("comparator")
	n, isNumber := t.number("value")
	figures += n
	own, code, system := t.text("unit"), t.text("code"), t.text("system")
	word := ""
	switch {
	case system == ucum && isNumber && s.has("dose.lasts."+code, "other") != "" && code != "":
		word = strings.TrimPrefix(s.lasting(n, code), n+" ")
		if english := timeUnits[code]; own == english || own == english+"s" {
			own = word
		}
	case system == administrationUnits:
		word = s.wordIn("dose.units", code)
	}
	unit = firstOf(own, word, code)
	if code != "" && code != unit && word != unit {
		unit += " (" + code + ")"
	}
	if system != "" && system != ucum && system != administrationUnits {
		unit += " [" + system + "]"
	}
	return figures, unit, t.end()
}

// timeUnits are the English words with which an EHR may repeat a unit of time.
var timeUnits = map[string]string{"s": "second", "min": "minute", "h": "hour", "d": "day", "wk": "week", "mo": "month", "a": "year"}

// between says a Range: its unit once, where both ends have the same.
func (s *spoken) between(o object) string {
	t := s.telling(o)
	var ends [2]struct{ figures, unit, whole string }
	for i, name := range []string{"low", "high"} {
		t.object(name, func(o object) string {
			figures, unit, rest := s.measuredIn(o)
			ends[i].figures, ends[i].unit, ends[i].whole = figures, unit+rest, s.amount(o)
			return ""
		})
	}
	if low, high := ends[0], ends[1]; low.figures != "" && high.figures != "" && low.unit == high.unit {
		t.say(joined(" ", low.figures+"–"+high.figures, high.unit))
	} else if low.whole != "" || high.whole != "" {
		t.say(firstOf(low.whole, "…") + " – " + firstOf(high.whole, "…"))
	}
	return t.end()
}

// amountOrRatio says a Quantity, or a Ratio as one for the other.
func (s *spoken) amountOrRatio(o object) string {
	if at(o, "numerator") == nil && at(o, "denominator") == nil {
		return s.amount(o)
	}
	t := s.telling(o)
	var parts [2]string
	for i, name := range []string{"numerator", "denominator"} {
		t.object(name, func(o object) string {
			parts[i] = s.amount(o)
			return ""
		})
	}
	t.say(firstOf(parts[0], "…") + " / " + firstOf(parts[1], "…"))
	return t.end()
}

// usual are the systems that are not named beside their codes.
var usual = []string{
	"http://snomed.info/sct", "http://terminology.hl7.org/CodeSystem/v3-GTSAbbreviation", "http://terminology.hl7.org/CodeSystem/dose-rate-type", "http://standardterms.edqm.eu",
	"https://carelog.eu/fhir/CodeSystem/cd-dayperiod", "https://carelog.eu/fhir/CodeSystem/cd-periodicity",
}

// coded says a CodeableConcept by its words or those of a code, with every code: beside the words of another they would be a lie, which must be seen.
func (s *spoken) coded(o object) string {
	t := s.telling(o)
	title := t.text("text")
	var codes []string
	t.list("coding", func(o object) string {
		t := s.telling(o)
		code, display, system := t.text("code"), t.text("display"), t.text("system")
		title = firstOf(title, display, s.wordIn("dose.codes", code), code)
		if display == title {
			display = ""
		}
		if code == title {
			code = ""
		}
		if slices.Contains(usual, system) {
			system = ""
		}
		codes = append(codes, joined(" ", display, code, system, t.end()))
		return ""
	})
	if more := joined(", ", codes...); more != "" {
		title = joined(" ", title, "("+more+")")
	}
	return joined(", ", title, t.end())
}

// dayNumber says on which day of a cycle a dose from the hub is due.
func (s *spoken) dayNumber(o object) string {
	t := s.telling(o)
	if n, ok := t.number("valuePositiveInt"); ok && t.text("url") == "https://carelog.eu/fhir/StructureDefinition/day-number" {
		t.say(s.must("dose.day", n))
		return t.end()
	}
	return s.asItIs(o)
}

func (s *spoken) fromTo(o object) string {
	t := s.telling(o)
	start, end := t.text("start"), t.text("end")
	if start != "" || end != "" {
		t.say(s.must("privacy.period", firstOf(s.exactDate(start), "…"), firstOf(s.exactDate(end), "…")))
	}
	return t.end()
}

// exactDate is date where that says all of it; a time of day with seconds, or by another clock, stays as it is.
func (s *spoken) exactDate(value string) string {
	if !strings.Contains(value, "T") {
		return s.date(value)
	}
	if when, err := time.Parse(time.RFC3339, value); err == nil && when.Second() == 0 && when.Local().Format(time.RFC3339) == value {
		return s.momentInFull(when)
	}
	return value
}

// asItIs says a value with the names of all its members, and leaves nothing out.
func (s *spoken) asItIs(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return s.figures(v)
	case bool:
		if v {
			return s.must("yes")
		}
		return s.must("no")
	case []any:
		each := make([]string, len(v))
		for i, item := range v {
			each[i] = s.asItIs(item)
		}
		return strings.Join(each, "; ")
	case object:
		return s.telling(v).end()
	}
	return "–"
}

// telling says the members of an object one after the other, and then as they are those that nobody has taken.
type telling struct {
	s    *spoken
	rest object
	said []string
}

func (s *spoken) telling(o object) *telling { return &telling{s: s, rest: slices.Clone(o)} }

func (t *telling) say(text string) {
	if text != "" {
		t.said = append(t.said, text)
	}
}

func (t *telling) drop(name string) {
	i := slices.IndexFunc(t.rest, func(m member) bool { return m.name == name })
	if i >= 0 {
		t.rest = slices.Delete(t.rest, i, i+1)
	}
}

// text, number and flag take a member that is one; one of another kind stays.
func (t *telling) text(name string) string {
	text, ok := at(t.rest, name).(string)
	if ok && text != "" {
		t.drop(name)
	}
	return text
}

func (t *telling) number(name string) (string, bool) {
	n, ok := at(t.rest, name).(json.Number)
	if ok {
		t.drop(name)
	}
	return t.s.figures(n), ok
}

func (t *telling) flag(name string) (value, ok bool) {
	value, ok = at(t.rest, name).(bool)
	if ok {
		t.drop(name)
	}
	return value, ok
}

// span takes a number and its upper limit.
func (t *telling) span(low, high string) string {
	from, ok := t.number(low)
	if !ok {
		return ""
	}
	if to, ok := t.number(high); ok {
		return from + "–" + to
	}
	return from
}

func (t *telling) object(name string, say func(object) string) {
	if o, ok := at(t.rest, name).(object); ok {
		t.drop(name)
		t.say(say(o))
	}
}

// list takes a list of objects; what is none in it is said as it is.
func (t *telling) list(name string, say func(object) string) {
	list := listAt(t.rest, name)
	if list == nil {
		return
	}
	t.drop(name)
	for _, item := range list {
		if o, ok := item.(object); ok {
			t.say(say(o))
		} else {
			t.say(t.s.asItIs(item))
		}
	}
}

// texts takes a list of texts, each as say says it.
func (t *telling) texts(name string, say func(string) string) string {
	list := listAt(t.rest, name)
	if list == nil {
		return ""
	}
	t.drop(name)
	each := make([]string, len(list))
	for i, item := range list {
		if text, ok := item.(string); ok {
			each[i] = say(text)
		} else {
			each[i] = t.s.asItIs(item)
		}
	}
	return strings.Join(each, ", ")
}

func (t *telling) end() string {
	for _, m := range t.rest {
		t.say(t.s.must("named", t.s.label(strings.TrimPrefix(m.name, "_")), t.s.asItIs(m.value)))
	}
	return strings.Join(t.said, ", ")
}
