package web

import (
	"encoding/base64"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/carelog/carelog/projections/sumehr"
)

// said is what a resource is about. Past marks what is over, so that it does not stand between what
// matters now; Ended what is not, but for its own end; High what is dangerous. pages/js/resource.js says the same of what a person is about
// to write, and a test holds the two against each other.
type said struct {
	Title, Detail, State, When string
	Past, Ended, High          bool
}

// describe says what a resource is about; nothing of what cannot be read. What is refuted, was entered
// in error or was not done is over, however dangerous it would be.
func (s *spoken) describe(r object) said {
	d := s.about(r)
	if word := s.has("form.void", voided(r)); voided(r) != "" {
		d.State, d.Past, d.High = firstOf(word, voided(r)), true, false
	}
	if d.Detail == d.Title {
		d.Detail = ""
	}
	return d
}

// voided is the code by which a resource says that it does not hold; empty where it does.
func voided(r object) string {
	for _, code := range []string{codeOf(at(r, "verificationStatus")), textAt(r, "status")} {
		switch code {
		case "refuted", "entered-in-error", "not-done":
			return code
		}
	}
	return ""
}

// named is the first of texts that says something, else the narrative, else that there is no name: a row
// of a list is never without a word.
func (s *spoken) named(r object, texts ...string) string {
	for _, text := range append(texts, narrative(r)) {
		if strings.TrimSpace(text) != "" {
			return text
		}
	}
	return s.must("dossier.nameless", s.kind(textAt(r, "resourceType")))
}

func (s *spoken) about(r object) said {
	switch textAt(r, "resourceType") {
	case "Consent":
		return s.describeConsent(r)
	case "Patient":
		return said{Title: s.personName(r), When: textAt(r, "birthDate")}
	case "DocumentReference":
		return s.describeNote(r)
	case "Condition":
		state := codeOf(at(r, "clinicalStatus"))
		past := slices.Contains([]string{"inactive", "resolved", "remission"}, state)
		return said{
			Title: s.named(r, concept(at(r, "code")), cut(notesOf(r), mostTitle)), Detail: notesOf(r), State: s.sentence(joined(", ", s.unlessActive(state), s.unsure(r), s.abated(r, past))),
			When: firstOf(started(r, "onset"), textAt(r, "recordedDate")), Past: past,
		}
	case "AllergyIntolerance":
		return s.describeAllergy(r)
	case "MedicationStatement", "MedicationRequest":
		return s.describeMedication(r)
	case "Immunization":
		return said{Title: s.named(r, concept(at(r, "vaccineCode")), cut(notesOf(r), mostTitle)), Detail: notesOf(r), When: textAt(r, "occurrenceDateTime")}
	case "Observation":
		state, high := s.read(r)
		return said{Title: s.measure(at(r, "code")), Detail: joined(". ", s.measured(r), notesOf(r)), State: state, When: started(r, "effective"), High: high}
	}
	d := describeOther(r)
	d.Past = textAt(r, "resourceType") == "Flag" && textAt(r, "status") == "inactive"
	return d
}

// abated says until when there was a problem, in whichever form that stands; empty where nobody says.
func (s *spoken) abated(r object, past bool) string {
	end := firstOf(textAt(r, "abatementDateTime"), textAt(r, "abatementPeriod", "end"))
	said := firstOf(s.date(end), s.quantity(at(r, "abatementAge")), joined(" – ", s.quantity(at(r, "abatementRange", "low")), s.quantity(at(r, "abatementRange", "high"))), textAt(r, "abatementString"))
	switch {
	case said == "":
		return ""
	case end != "" && (past || !sumehr.Ended(end, time.Now())):
		return s.must("form.endsOn", said)
	}
	return s.must("form.ended", said)
}

// describeAllergy names what somebody is allergic to: by its code, else by what a reaction was to, else by
// whatever is said of it.
func (s *spoken) describeAllergy(r object) said {
	state, criticality := codeOf(at(r, "clinicalStatus")), textAt(r, "criticality")
	var substances, reactions []string
	for _, reaction := range listAt(r, "reaction") {
		substances = append(substances, concept(at(reaction, "substance")))
		for _, m := range listAt(reaction, "manifestation") {
			reactions = append(reactions, concept(m))
		}
		reactions = append(reactions, textAt(reaction, "description"))
	}
	reacted, severe := joined(", ", reactions...), ""
	if wasSevere(r) {
		severe = s.must("dossier.severe")
	}
	return said{
		Title:  s.named(r, concept(at(r, "code")), joined(", ", substances...), cut(notesOf(r), mostTitle), reacted),
		Detail: joined(". ", reacted, notesOf(r)),
		State:  joined(", ", s.has("form.criticality", criticality), severe, s.unlessActive(state), s.unsure(r)),
		When:   firstOf(started(r, "onset"), textAt(r, "recordedDate")), Past: state == "inactive" || state == "resolved", High: isHigh(r),
	}
}

// isHigh tells that an allergy is dangerous: somebody said so, or it was once.
func isHigh(r object) bool { return textAt(r, "criticality") == "high" || wasSevere(r) }

func wasSevere(r object) bool {
	return slices.Contains(texts(listAt(r, "reaction"), "severity"), "severe")
}

// unsure says that nobody is sure of a problem or an allergy; empty where that is not said.
func (s *spoken) unsure(r object) string {
	switch code := codeOf(at(r, "verificationStatus")); code {
	case "unconfirmed", "provisional", "differential":
		return s.sentence(s.wordIn("codes", code))
	}
	return ""
}

func (s *spoken) unlessActive(state string) string {
	if state == "active" {
		return ""
	}
	return s.has("form.clinical", state)
}

func (s *spoken) describeConsent(r object) said {
	start, end := textAt(r, "provision", "period", "start"), textAt(r, "provision", "period", "end")
	status := textAt(r, "status")
	_, code := consentTable(r)
	title := ""
	switch {
	case isWish(r) && textAt(r, "provision", "type") == "deny":
		title = s.has("privacy", "refused")
	case isWish(r):
		title = s.has("privacy", "wish")
	case code != "":
		title = firstOf(s.has("form.about", code), code)
	}
	d := said{
		Title: firstOf(title, describeOther(r).Title), When: firstOf(start, textAt(r, "dateTime")),
		Past: status != "active" || (end != "" && end < time.Now().UTC().Format("2006-01-02T15:04:05.000Z")[:min(len(end), 24)]),
	}
	if start != "" || end != "" {
		d.Detail, _ = s.say("privacy.period", firstOf(s.date(start), "…"), firstOf(s.date(end), "…"))
	}
	if status != "active" {
		d.State = firstOf(s.has("form.holds", status), s.has("codes", status), status)
	}
	return d
}

func (s *spoken) describeNote(r object) said {
	if isPublication(r) {
		d := said{Title: s.has("privacy", "publication"), Detail: textAt(r, "masterIdentifier", "value"), When: textAt(r, "date"), Past: textAt(r, "status") != "current"}
		if d.Past {
			d.State = s.has("privacy", "takenBack")
		}
		return d
	}
	text, isText := noteText(r)
	d := said{
		Title: textAt(r, "description"), Detail: text,
		When: firstOf(textAt(r, "date"), textAt(r, "context", "period", "start")), Past: textAt(r, "status") == "superseded",
	}
	if !isText {
		d.Title = firstOf(d.Title, concept(at(r, "type")), s.kind("DocumentReference"))
		d.Detail = textAt(r, "content", 0, "attachment", "title")
	}
	return d
}

// noteText is the plain text of a note; not where its content is of another kind, or stands elsewhere.
func noteText(r object) (text string, ok bool) {
	attachment := at(r, "content", 0, "attachment")
	if !strings.HasPrefix(textAt(attachment, "contentType"), "text/plain") || (at(attachment, "data") == nil && at(attachment, "url") != nil) {
		return "", false
	}
	return fromBase64(textAt(attachment, "data"))
}

// fromBase64 reads UTF-8 text.
func fromBase64(data string) (string, bool) {
	decoded, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(data), ""))
	return string(decoded), err == nil && utf8.Valid(decoded)
}

var tags = regexp.MustCompile(`<[^>]*>`)

// mostTitle bounds what a narrative gives as a title, in UTF-16 units as in the browser.
const mostTitle = 120

func describeOther(r object) said {
	var titles []string
	for _, name := range []string{"code", "type", "category", "vaccineCode", "serviceType"} {
		v := at(r, name)
		if list, ok := v.([]any); ok {
			v = at(list, 0)
		}
		titles = append(titles, concept(v))
	}
	return said{
		Title: firstOf(append(titles, textAt(r, "description"), textAt(r, "title"), narrative(r))...), Detail: notesOf(r),
		When: firstOf(started(r, "effective"), started(r, "performed"), textAt(r, "period", "start"), textAt(r, "date"), textAt(r, "issued"), textAt(r, "created"), textAt(r, "authoredOn")),
	}
}

func narrative(r object) string {
	return cut(strings.TrimSpace(tags.ReplaceAllString(textAt(r, "text", "div"), " ")), mostTitle)
}

// cut is the beginning of a text, whole characters.
func cut(text string, most int) string {
	for i := range text {
		if most--; most < 0 {
			return text[:i]
		}
	}
	return text
}

func started(r object, choice string) string {
	return firstOf(textAt(r, choice+"DateTime"), textAt(r, choice+"Period", "start"), textAt(r, choice+"Instant"))
}

func notesOf(r object) string { return joined(". ", texts(listAt(r, "note"), "text")...) }

// texts is the text at a path of each item.
func texts(items []any, path ...any) []string {
	all := make([]string, len(items))
	for i, item := range items {
		all[i] = textAt(item, path...)
	}
	return all
}

const loinc = "http://loinc.org"

// measure is the name of what is measured: its own words, else ours for the codes that are used
// every day, since those of a code are English.
func (s *spoken) measure(v any) string {
	if text := textAt(v, "text"); text != "" {
		return text
	}
	for _, coding := range listAt(v, "coding") {
		if word := s.has("measures", textAt(coding, "code")); word != "" && textAt(coding, "system") == loinc {
			return word
		}
	}
	return concept(v)
}

// measured is what an Observation found, in itself or in its parts; why not, where it found nothing. Beside each value stands what is
// usual; beside that of a part, too, whether it is.
func (s *spoken) measured(r object) string {
	parts := listAt(r, "component")
	said := s.bloodPressure(parts)
	of := func(c any) string { return joined(", ", append(s.readings(c), s.ranges(c))...) }
	if said == "" {
		each := make([]string, len(parts))
		for i, c := range parts {
			each[i] = strings.TrimSpace(s.measure(at(c, "code")) + " " + bracketed(s.found(c), of(c)))
		}
		said = strings.Join(each, ", ")
	} else {
		var each []string
		for _, c := range parts {
			if more := of(c); more != "" {
				each = append(each, s.must("named", s.measure(at(c, "code")), more))
			}
		}
		said = bracketed(said, strings.Join(each, "; "))
	}
	return bracketed(firstOf(s.found(r), said), s.ranges(r))
}

// bracketed writes what is to be known of a value behind it.
func bracketed(value, more string) string {
	if more == "" {
		return value
	}
	return strings.TrimSpace(value + " (" + more + ")")
}

// read is what an Observation and its parts say of their values, and whether that is critical; nothing of what is as usual.
func (s *spoken) read(r object) (said string, critical bool) {
	var words []string
	for _, v := range append([]any{r}, listAt(r, "component")...) {
		for _, word := range s.readings(v) {
			words = add(words, word)
		}
		for _, i := range listAt(v, "interpretation") {
			critical = critical || slices.Contains([]string{"HH", "LL", "AA", "HU", "LU"}, readingOf(i))
		}
	}
	return s.sentence(joined(", ", words...)), critical
}

// readings are what is said of a value, but that it is as usual.
func (s *spoken) readings(v any) (words []string) {
	for _, i := range listAt(v, "interpretation") {
		if readingOf(i) != "N" {
			words = add(words, s.reading(i))
		}
	}
	return words
}

// reading is one of them, in the words of its code; another code, or none, is said as it stands.
func (s *spoken) reading(i any) string { return firstOf(s.has("readings", readingOf(i)), concept(i)) }

// readingOf is the code of a reading in HL7's table, by its name of today or an earlier one; empty: it has none.
func readingOf(i any) string {
	for _, c := range listAt(i, "coding") {
		if system := textAt(c, "system"); system == "" || strings.Contains(system, "ObservationInterpretation") || strings.HasSuffix(system, "0078") {
			return textAt(c, "code")
		}
	}
	return ""
}

// ranges are what is usual for a value, or meant for whom it was measured; empty where nobody says.
func (s *spoken) ranges(v any) string {
	var all []string
	for _, x := range listAt(v, "referenceRange") {
		all = append(all, s.rangeOf(x))
	}
	said := joined("; ", all...)
	if said == "" {
		return ""
	}
	return s.must("dossier.usual", said)
}

func (s *spoken) rangeOf(x any) string {
	low, high := s.quantity(at(x, "low")), s.quantity(at(x, "high"))
	said := ""
	switch {
	case low != "" && high != "" && unitOf(at(x, "low")) == unitOf(at(x, "high")):
		said = s.figures(at(x, "low"), "value") + " – " + high
	case low != "" && high != "":
		said = low + " – " + high
	case low != "":
		said = "≥ " + low
	case high != "":
		said = "≤ " + high
	}
	var whom []string
	if text := textAt(x, "text"); said == "" {
		said = text
	} else if text != said {
		whom = append(whom, text)
	}
	if kind := at(x, "type"); codeOf(kind) != "normal" {
		whom = append(whom, concept(kind))
	}
	for _, who := range listAt(x, "appliesTo") {
		whom = append(whom, concept(who))
	}
	whom = append(whom, joined(" – ", s.quantity(at(x, "age", "low")), s.quantity(at(x, "age", "high"))))
	return bracketed(said, joined(", ", whom...))
}

// found is the value of an Observation or of a part of one, in whichever form it has.
func (s *spoken) found(v any) string {
	if flag, ok := at(v, "valueBoolean").(bool); ok {
		return s.has(map[bool]string{true: "yes", false: "no"}[flag], "")
	}
	joint := func(separator, choice, first, second string) string {
		return joined(separator, s.quantity(at(v, choice, first)), s.quantity(at(v, choice, second)))
	}
	return firstOf(s.quantity(at(v, "valueQuantity")), textAt(v, "valueString"), concept(at(v, "valueCodeableConcept")), s.figures(v, "valueInteger"),
		joint(" – ", "valueRange", "low", "high"), joint(" / ", "valueRatio", "numerator", "denominator"), s.date(textAt(v, "valueDateTime")), textAt(v, "valueTime"),
		joined(" – ", s.date(textAt(v, "valuePeriod", "start")), s.date(textAt(v, "valuePeriod", "end"))), concept(at(v, "dataAbsentReason")))
}

func (s *spoken) quantity(q any) string {
	return strings.TrimSpace(textAt(q, "comparator") + s.figures(q, "value") + " " + unitOf(q))
}

func unitOf(q any) string { return firstOf(textAt(q, "unit"), textAt(q, "code")) }

// bloodPressure writes 138/84 mmHg where there is that and nothing else; empty where there is not.
func (s *spoken) bloodPressure(parts []any) string {
	values := pressureOf(parts)
	for _, v := range values {
		if textAt(v, "value") == "" || textAt(v, "comparator") != "" {
			return ""
		}
	}
	unit := textAt(values[0], "unit")
	if len(parts) != len(values) || unit != textAt(values[1], "unit") {
		return ""
	}
	return strings.TrimSpace(s.figures(values[0], "value") + "/" + s.figures(values[1], "value") + " " + unit)
}

// pressureOf are the upper and the lower value among the parts of an Observation; nil where there is none.
func pressureOf(parts []any) (values [2]any) {
	for i, code := range []string{"8480-6", "8462-4"} {
		for _, c := range parts {
			if coded([]any{at(c, "code")}, loinc, code) {
				values[i] = at(c, "valueQuantity")
			}
		}
	}
	return values
}
