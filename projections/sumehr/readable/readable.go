package readable

import (
	"slices"
	"strings"

	"github.com/carelog/carelog/projections/sumehr/check"
	"github.com/carelog/carelog/projections/sumehr/kmehr"
)

// Page is a Sumehr to be read.
type Page struct {
	Patient  Person    `json:"patient"`
	Author   Person    `json:"author"`
	Made     string    `json:"made"` // date and time, as they stand in the message
	Sections []Section `json:"sections"`
	Remark   string    `json:"remark,omitempty"`
}

// Person is somebody with a name.
type Person struct {
	Name   string `json:"name"`
	Number string `json:"number,omitempty"` // INSS of the patient, NIHII of a care provider
	Born   string `json:"born,omitempty"`
	Sex    string `json:"sex,omitempty"`
}

// Section holds the items of one kind.
type Section struct {
	Kind    string `json:"kind"` // of CD-ITEM
	Title   string `json:"title"`
	Nothing bool   `json:"nothing_known,omitempty"` // it is said that there is none
	Lines   []Line `json:"lines"`
}

// Line is one item.
type Line struct {
	Label   string   `json:"label"`
	Codes   []string `json:"codes,omitempty"`
	Begin   string   `json:"begin,omitempty"`
	End     string   `json:"end,omitempty"`
	State   string   `json:"state,omitempty"`
	Details []string `json:"details,omitempty"`
	Record  string   `json:"record,omitempty"` // of ours that it was made from: Type/id
}

// order in which sections stand; others follow.
var order = []string{"problem", "healthcareelement", "treatment", "allergy", "adr", "socialrisk", "risk", "medication", "vaccine", "patientwill", "gmdmanager", "contactperson", "contacthcparty"}

// Of reads a message. Headings are in a language of check.Languages, or else in English.
func Of(message *kmehr.Element, language string) Page {
	folder := message.At("folder")
	tx := folder.At("transaction")
	p := Page{Patient: person(folder.At("patient")), Made: strings.TrimSpace(tx.At("date").Value() + " " + tx.At("time").Value()), Remark: join(tx.All("text"), "\n")}
	if authors := tx.At("author").All("hcparty"); len(authors) > 0 {
		p.Author = person(authors[len(authors)-1])
	}
	for _, item := range kmehr.Items(tx) {
		s := p.section(item.Code("CD-ITEM"), language)
		if cd := item.Codes("CD-ITEM"); len(cd) > 0 && cd[0].Attribute("nullFlavor") != "" && len(item.All("content")) == 0 {
			s.Nothing = true
			continue
		}
		s.Lines = append(s.Lines, line(item, language))
	}
	slices.SortStableFunc(p.Sections, func(a, b Section) int { return place(a.Kind) - place(b.Kind) })
	return p
}

func place(kind string) int {
	if at := slices.Index(order, kind); at >= 0 {
		return at
	}
	return len(order)
}

func (p *Page) section(kind, language string) *Section {
	for i := range p.Sections {
		if p.Sections[i].Kind == kind {
			return &p.Sections[i]
		}
	}
	p.Sections = append(p.Sections, Section{Kind: kind, Title: title(kind, language), Lines: []Line{}})
	return &p.Sections[len(p.Sections)-1]
}

func person(e *kmehr.Element) Person {
	p := Person{Name: join(slices.Concat(e.All("firstname"), e.All("familyname"), e.All("name")), " "), Sex: e.At("sex").Code("CD-SEX"), Born: moment(e.At("birthdate"))}
	for _, scheme := range []string{"ID-HCPARTY", "ID-PATIENT", "INSS"} {
		if p.Number == "" {
			p.Number = e.ID(scheme)
		}
	}
	return p
}

func join(list []*kmehr.Element, by string) string {
	var all []string
	for _, e := range list {
		if v := e.Value(); v != "" {
			all = append(all, v)
		}
	}
	return strings.Join(all, by)
}

func moment(e *kmehr.Element) string {
	if e == nil {
		return ""
	}
	return join(e.Children, " ")
}

// line reads an item: the label from words, people and products, in that order; the rest
// that says something as details.
func line(item *kmehr.Element, language string) Line {
	l := Line{Begin: moment(item.At("beginmoment")), End: moment(item.At("endmoment")), State: said(item.At("lifecycle", "cd"), language)}
	l.Record, _, _ = strings.Cut(item.Local(check.LocalSystem), "#")
	var words, products, meant []string // meant by codes
	for _, content := range item.All("content") {
		words = append(words, texts(content.All("text"))...)
		for _, cd := range content.All("cd") {
			l.Codes = append(l.Codes, coded(cd))
			if word, ok := inWords(cd, language); ok {
				meant = append(meant, word)
			}
		}
		for _, kind := range []string{"medicinalproduct", "substanceproduct"} {
			p := content.At(kind)
			products = append(products, texts(p.All("intendedname"))...)
			for _, cd := range p.All("intendedcd") {
				l.Codes = append(l.Codes, coded(cd))
			}
		}
		for _, kind := range []string{"hcparty", "person"} {
			if who := content.At(kind); who != nil {
				words = append(words, person(who).Name)
				l.Details = append(l.Details, reach(who, language)...)
			}
		}
	}
	for _, cd := range item.All("cd") {
		if cd.Attribute("S") != "CD-ITEM" {
			l.Details = append(l.Details, cd.Value())
		}
	}
	all := slices.Compact(append(words, products...))
	if len(all) > 0 {
		l.Label, all = all[0], all[1:]
		l.Details = append(l.Details, all...)
	}
	if l.Label == "" {
		l.Label = strings.Join(meant, ", ")
	}
	if l.Label == "" {
		l.Label = strings.Join(l.Codes, ", ")
	}
	for _, name := range []string{"text", "certainty", "temporality", "frequency", "dayperiod", "posology", "batch", "instructionforpatient", "duration"} {
		for _, e := range item.All(name) {
			if said := strings.Join(leaves(e, language), " "); said != "" {
				l.Details = append(l.Details, said)
			}
		}
	}
	if scheme := item.At("regimen"); scheme != nil {
		l.Details = append(l.Details, steps(scheme, language)...)
	}
	return l
}

func texts(list []*kmehr.Element) (all []string) {
	for _, e := range list {
		if v := e.Value(); v != "" {
			all = append(all, v)
		}
	}
	return all
}

// coded writes a code with its table: ICPC T90.
func coded(cd *kmehr.Element) string {
	return strings.TrimPrefix(cd.Attribute("S"), "CD-") + " " + cd.Value()
}

// reach is how somebody is found: number, profession, address, telephone.
func reach(who *kmehr.Element, language string) (details []string) {
	if number := who.ID("ID-HCPARTY"); number != "" {
		details = append(details, number)
	}
	for _, cd := range who.Codes("CD-HCPARTY") {
		details = append(details, said(cd, language))
	}
	for _, a := range who.All("address") {
		parts := []string{
			strings.TrimSpace(a.At("street").Value() + " " + a.At("housenumber").Value() + " " + a.At("postboxnumber").Value()),
			strings.TrimSpace(a.At("zip").Value() + " " + a.At("city").Value()),
		}
		if said := strings.Trim(strings.Join(parts, ", "), ", "); said != "" {
			details = append(details, said)
		}
	}
	for _, t := range who.All("telecom") {
		details = append(details, strings.TrimSpace(t.Code("CD-TELECOM")+" "+t.At("telecomnumber").Value()))
	}
	return details
}

// leaves are all words beneath an element.
func leaves(e *kmehr.Element, language string) (words []string) {
	if v := said(e, language); v != "" {
		words = append(words, v)
	}
	for _, c := range e.Children {
		words = append(words, leaves(c, language)...)
	}
	return words
}

// steps are those of a scheme, each up to its quantity.
func steps(scheme *kmehr.Element, language string) (all []string) {
	var step []string
	for _, part := range scheme.Children {
		step = append(step, leaves(part, language)...)
		if part.Name == "quantity" {
			all, step = append(all, strings.Join(step, " ")), nil
		}
	}
	return all
}
