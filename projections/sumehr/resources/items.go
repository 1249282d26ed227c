package resources

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/carelog/carelog/projections/sumehr"
	"github.com/carelog/carelog/projections/sumehr/kmehr"
)

// read are the parts of an item that are looked at. Whether it is relevant is what its
// being here says.
var read = []string{"id", "cd", "content", "text", "beginmoment", "endmoment", "lifecycle", "isrelevant", "certainty", "temporality", "recorddatetime",
	"dayperiod", "posology", "regimen", "frequency", "batch", "instructionforpatient", "iscomplete", "isvalidated"}

func (r *reader) item(n int, item *kmehr.Element) {
	kind := item.Code("CD-ITEM")
	r.at, r.language = fmt.Sprintf("item %d %s", n, kind), languageOf(item)
	defer func() { r.language = "" }()
	for _, part := range item.Children {
		if !slices.Contains(read, part.Name) {
			r.miss(part.Name)
		}
	}
	if len(item.Codes("CD-ITEM")) > 0 && item.Codes("CD-ITEM")[0].Attribute("nullFlavor") != "" && len(item.All("content")) == 0 {
		r.nothing[kind] = true
		return
	}
	ref := ""
	switch kind {
	case "problem", "healthcareelement":
		kind, ref = "problem", r.problem(item)
	case "socialrisk":
		ref = r.problem(item)
	case "treatment":
		ref = r.treatment(item)
	case "allergy", "adr":
		ref = r.allergy(item, kind)
	case "risk":
		ref = r.risk(item)
	case "medication":
		ref = r.medication(item)
	case "vaccine":
		ref = r.vaccine(item)
	case "patientwill":
		ref = r.will(item)
	case "contactperson":
		ref = r.contact(item)
	case "contacthcparty":
		r.careProvider(item)
	case "gmdmanager":
		if item.At("beginmoment") != nil {
			r.miss("beginmoment")
		}
		if who := r.party(item.At("content", "hcparty")); strings.HasPrefix(who, "Organization/") {
			r.manager = who
		}
	default:
		r.miss("the whole item")
	}
	if ref != "" {
		r.sections[kind] = append(r.sections[kind], ref)
	}
}

var languageForm = regexp.MustCompile(`^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$`)

// languageOf is that of the first words of an item; empty where there are none.
func languageOf(item *kmehr.Element) string {
	for _, content := range append(item.All("content"), item, item.At("posology")) {
		for _, words := range content.All("text") {
			if tag := words.Attribute("L"); languageForm.MatchString(tag) && words.Value() != "" {
				return tag
			}
		}
	}
	return ""
}

// what reads codes and label of an item.
func what(item *kmehr.Element) object {
	var codes, texts []*kmehr.Element
	for _, content := range item.All("content") {
		codes = append(codes, content.All("cd")...)
		texts = append(texts, content.All("text")...)
	}
	return concept(text(texts), codes...)
}

func notes(item *kmehr.Element) []object {
	if words := text(item.All("text")); words != "" {
		return []object{{"text": words}}
	}
	return nil
}

// when puts a moment into one of two elements: the one for a date, or the one for words.
func when(body object, e *kmehr.Element, date, words string) {
	if at, said := moment(e); at != "" {
		body[date] = at
	} else if said != "" {
		body[words] = said
	}
}

func (r *reader) problem(item *kmehr.Element) string {
	body := object{"subject": r.subject(), "code": what(item), "note": notes(item), "recordedDate": stamp(item.At("recorddatetime").Value())}
	state := "active"
	if item.At("lifecycle").Code("CD-LIFECYCLE") == "inactive" {
		state = "inactive"
		body["meta"] = marked(sumehr.MarkRelevant)
	}
	body["clinicalStatus"] = coded("condition-clinical", state)
	if item.Code("CD-ITEM") == "socialrisk" {
		body["category"] = []object{coded("observation-category", "social-history")}
	}
	when(body, item.At("beginmoment"), "onsetDateTime", "onsetString")
	when(body, item.At("endmoment"), "abatementDateTime", "abatementString")
	if cd := item.At("certainty", "cd"); cd.Value() != "" {
		sure := map[string]string{"proven": "confirmed", "probable": "provisional", "undefined": "unconfirmed", "unprobable": "unconfirmed", "excluded": "refuted"}[cd.Value()]
		if sure == "" {
			r.miss("certainty")
		} else {
			status := coded("condition-ver-status", sure)
			if cd.Value() == "unprobable" {
				status["coding"] = append(status["coding"].([]object), coding(cd))
			}
			body["verificationStatus"] = status
		}
	}
	return r.make("Condition", r.idOf("Condition", item), body)
}

func (r *reader) treatment(item *kmehr.Element) string {
	body := object{"subject": r.subject(), "code": what(item), "note": notes(item), "status": "in-progress"}
	if item.At("lifecycle").Code("CD-LIFECYCLE") == "inactive" {
		body["status"] = "completed"
	}
	begin, said := moment(item.At("beginmoment"))
	end, saidEnd := moment(item.At("endmoment"))
	if words := strings.Trim(said+" - "+saidEnd, " -"); words != "" && begin == "" && end == "" {
		body["performedString"] = words
	} else {
		body["performedPeriod"] = period(begin, end)
	}
	return r.make("Procedure", r.idOf("Procedure", item), body)
}

func period(begin, end string) object {
	p := object{}
	if begin != "" {
		p["start"] = begin
	}
	if end != "" {
		p["end"] = end
	}
	return p
}

func (r *reader) allergy(item *kmehr.Element, kind string) string {
	body := object{"patient": r.subject(), "code": what(item), "recordedDate": stamp(item.At("recorddatetime").Value()), "type": "allergy"}
	if kind == "adr" {
		body["type"] = "intolerance"
		for _, content := range item.All("content") {
			if content.Code("CD-ATC") != "" {
				body["category"] = []string{"medication"}
			}
		}
	}
	state := "active"
	if item.At("lifecycle").Code("CD-LIFECYCLE") == "inactive" {
		state = "inactive"
	}
	body["clinicalStatus"] = coded("allergyintolerance-clinical", state)
	when(body, item.At("beginmoment"), "onsetDateTime", "onsetString")
	if words := text(item.All("text")); words != "" {
		body["reaction"] = []object{{"manifestation": []object{{"text": words}}}}
	}
	return r.make("AllergyIntolerance", r.idOf("AllergyIntolerance", item), body)
}

func (r *reader) risk(item *kmehr.Element) string {
	begin, said := moment(item.At("beginmoment"))
	end, saidEnd := moment(item.At("endmoment"))
	if said != "" || saidEnd != "" {
		r.miss("moment in words")
	}
	danger := what(item)
	if words := text(item.All("text")); words != "" { // of whom in the family, mostly
		label, _ := danger["text"].(string)
		danger["text"] = strings.TrimSpace(label + " (" + words + ")")
	}
	body := object{"meta": marked(sumehr.MarkRelevant), "subject": r.subject(), "code": danger, "period": period(begin, end), "status": "active"}
	if item.At("lifecycle").Code("CD-LIFECYCLE") == "inactive" {
		body["status"] = "inactive"
	}
	return r.make("Flag", r.idOf("Flag", item), body)
}

func (r *reader) will(item *kmehr.Element) string {
	wish := what(item)
	if len(wish) == 0 {
		r.miss("content")
		return ""
	}
	begin, _ := moment(item.At("beginmoment"))
	end, _ := moment(item.At("endmoment"))
	body := object{
		"status": "active", "scope": coded("consentscope", "adr"), "category": []object{wish}, "policyRule": wish,
		"patient": r.subject(), "dateTime": stamp(item.At("recorddatetime").Value()),
	}
	if p := period(begin, end); len(p) > 0 {
		body["provision"] = object{"period": p}
	}
	return r.make("Consent", r.idOf("Consent", item), body)
}

func (r *reader) vaccine(item *kmehr.Element) string {
	status := "completed"
	switch item.At("lifecycle").Code("CD-LIFECYCLE") {
	case "refused", "cancelled", "notpresent", "aborted":
		status = "not-done"
	}
	body := object{
		"status": status, "patient": r.subject(), "vaccineCode": drug(item), "note": notes(item),
		"recorded": stamp(item.At("recorddatetime").Value()), "lotNumber": item.At("batch").Value(),
	}
	when(body, item.At("beginmoment"), "occurrenceDateTime", "occurrenceString")
	if body["occurrenceDateTime"] == nil && body["occurrenceString"] == nil {
		body["occurrenceString"] = "?" // FHIR requires one
	}
	return r.make("Immunization", r.idOf("Immunization", item), body)
}

// drug reads what a medication or vaccine is: its codes, the product, and its label.
func drug(item *kmehr.Element) object {
	var codes []object
	var texts []*kmehr.Element
	name := ""
	for _, content := range item.All("content") {
		texts = append(texts, content.All("text")...)
		for _, cd := range content.All("cd") {
			if c := coding(cd); c != nil {
				codes = append(codes, c)
			}
		}
		for _, kind := range []string{"medicinalproduct", "substanceproduct"} {
			p := content.At(kind)
			name = firstOf(name, p.At("intendedname").Value())
			for _, cd := range p.All("intendedcd") {
				if c := coding(cd); c != nil {
					if label := p.At("intendedname").Value(); label != "" {
						c["display"] = label
					}
					codes = append(codes, c)
				}
			}
		}
	}
	c := concept(firstOf(text(texts), name))
	if len(codes) > 0 {
		c["coding"] = codes
	}
	return c
}

func (r *reader) medication(item *kmehr.Element) string {
	begin, said := moment(item.At("beginmoment"))
	end, saidEnd := moment(item.At("endmoment"))
	if said != "" || saidEnd != "" {
		r.miss("moment in words")
	}
	body := object{
		"subject": r.subject(), "medicationCodeableConcept": drug(item), "effectivePeriod": period(begin, end),
		"dateAsserted": stamp(item.At("recorddatetime").Value()), "status": "active", "dosage": r.dosage(item),
	}
	switch item.At("lifecycle").Code("CD-LIFECYCLE") {
	case "stopped", "aborted", "retracted", "cancelled":
		body["status"] = "stopped"
	case "inactive", "completed":
		body["status"] = "completed"
	case "suspended":
		body["status"] = "on-hold"
	}
	if word := item.At("temporality", "cd").Value(); word != "" {
		body["extension"] = []object{{"url": sumehr.TemporalityURL, "valueCode": word}}
	}
	body["note"] = notes(item)
	for _, content := range item.All("content") {
		if content.At("compoundprescription") != nil {
			r.miss("compoundprescription")
		}
	}
	return r.make("MedicationStatement", r.idOf("MedicationStatement", item), body)
}

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
