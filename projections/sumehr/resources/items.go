package resources

import (
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
	if name := recordOf(item); r.known.Records[name] {
		r.miss("it is " + name + " of this practice, and")
		return
	}
	if r.here(kind, item) {
		return
	}
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

// languageOf is that of the first words of an item, begun in small letters as FHIR's tables have
// it; empty where there are none.
func languageOf(item *kmehr.Element) string {
	for _, content := range append(item.All("content"), item, item.At("posology")) {
		for _, words := range content.All("text") {
			if tag := words.Attribute("L"); languageForm.MatchString(tag) && words.Value() != "" {
				first, _, _ := strings.Cut(tag, "-")
				return strings.ToLower(first) + tag[len(first):]
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
