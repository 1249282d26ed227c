package sumehr

import (
	"slices"
	"strings"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections/fhirjson"
	"github.com/carelog/carelog/projections/sumehr/check"
	"github.com/carelog/carelog/projections/sumehr/kmehr"
)

// people finds who answers for the Sumehr and who keeps the patient's file, and makes the
// items of the patient's own record.
func (b *builder) people() {
	if b.manager == (events.Record{}) && len(b.patient.GeneralPractitioner) > 0 {
		b.manager = named(b.patient.GeneralPractitioner[0])
	}
	if b.in.Author != "" {
		b.author = events.Record{Type: "Practitioner", ID: b.in.Author}
	}
	if b.author == (events.Record{}) {
		b.author = b.behind(b.manager)
	}
	if b.author != (events.Record{}) {
		b.use(b.author)
	}
	if party := b.party(b.manager, "persphysician"); party != nil {
		b.use(b.manager)
		b.entries = append(b.entries, entry{kind: "gmdmanager", record: b.manager, contents: []*kmehr.Element{kmehr.New("content", party)}})
	} else if b.manager != (events.Record{}) {
		b.find(check.ManagerUnknown, b.manager)
	}
	self := events.Record{Type: "Patient", ID: b.in.Patient}
	c := candidate{builder: b, record: self, shown: true}
	for i, k := range b.patient.Contact {
		if !over(k.Period.End, b.day) {
			c.contact(b.patient.head, relatedPerson{
				Relationship: k.Relationship, Name: []humanName{k.Name}, Telecom: k.Telecom, Gender: k.Gender, Address: []address{k.Address}, Period: k.Period,
			}, i+1)
		}
	}
}

// behind is the Practitioner behind a reference to one, or to one in a role.
func (b *builder) behind(r events.Record) events.Record {
	var role practitionerRole
	if r.Type == "PractitionerRole" && b.open(r, &role) {
		r = named(role.Practitioner)
	}
	if r.Type != "Practitioner" {
		return events.Record{}
	}
	return r
}

// named is the record that a reference names; zero where it names none of the practice.
func named(r reference) events.Record {
	record, err := events.ParseRecord(fhirjson.Local(r.Reference))
	if err != nil {
		return events.Record{}
	}
	return record
}

// related makes the item of a RelatedPerson.
func related(c *candidate, body []byte) error {
	var p relatedPerson
	if err := read(body, &p); err != nil {
		return err
	}
	if (p.Active == nil || *p.Active) && !over(p.Period.End, c.day) {
		c.contact(p.head, p, 0)
	}
	return nil
}

func (c *candidate) contact(h head, p relatedPerson, part int) {
	family, given := nameOf(p.Name)
	if family == "" {
		c.say(check.ContactNameless, c.record)
		return
	}
	person := kmehr.New("person")
	if number := ssin(p.Identifier); number != "" {
		person.Add(kmehr.ID("INSS", number))
	} else {
		e := entry{record: c.record, part: part}
		person.Add(e.id())
	}
	addNames(person, family, given, true)
	person.Add(moment("birthdate", p.BirthDate), kmehr.New("sex", code("CD-SEX", sex(p.Gender))))
	person.Add(addresses(p.Address, c.day)...).Add(telecoms(p.Telecom, c.day)...)
	c.add(h, entry{kind: "contactperson", part: part, second: code("CD-CONTACT-PERSON", relation(p.Relationship)),
		contents: []*kmehr.Element{kmehr.New("content", person)}, begin: moment("beginmoment", p.Period.Start)})
}

// relations are the roles of HL7 (v3-RoleCode, v2-0131) that CD-CONTACT-PERSON has a word for.
var relations = map[string]string{
	"MTH": "mother", "NMTH": "mother", "FTH": "father", "NFTH": "father", "SPS": "spouse", "WIFE": "spouse", "HUSB": "husband", "DOMPART": "partner",
	"SIS": "sister", "NSIS": "sister", "BRO": "brother", "NBRO": "brother", "SON": "son", "NSON": "son", "DAU": "daughter", "NDAU": "daughter",
	"DAUC": "daughter", "SONC": "son", "CHILD": "child", "NCHILD": "child", "GRPRN": "grandparent", "GRMTH": "grandparent", "GRFTH": "grandparent",
	"GRNDCHILD": "grandchild", "STPMTH": "stepmother", "STPFTH": "stepfather", "STPSON": "stepson", "STPDAU": "stepdaughter",
	"BROINLAW": "brotherinlaw", "SISINLAW": "sisterinlaw", "NBOR": "neighbour", "FAMMEMB": "familymember", "E": "employer",
}

// relation is who somebody is to the patient; other where there is no word for it.
func relation(said []concept) string {
	if own := anyOf("CD-CONTACT-PERSON", said...); own != "" {
		return own
	}
	for _, c := range said {
		for _, k := range c.Coding {
			if word, ok := relations[k.Code]; ok {
				return word
			}
		}
	}
	return "other"
}

// team makes an item of each person of a CareTeam, but for who is named already.
func team(c *candidate, body []byte) error {
	var t careTeam
	if err := read(body, &t); err != nil {
		return err
	}
	if t.Status != "" && t.Status != "active" {
		return nil
	}
	for i, p := range t.Participant {
		who := named(p.Member)
		if who.Type != "Practitioner" && who.Type != "PractitionerRole" || over(p.Period.End, c.day) {
			continue // the patient, a relative, an organisation: contacthcparty takes a person
		}
		party := c.party(who, profession(p.Role))
		switch {
		case party == nil:
			c.say(check.PartyUnknown, c.record, who.String())
			continue
		case !strings.HasPrefix(party.Code("CD-HCPARTY"), "pers"):
			c.say(check.PartyProfession, who)
			continue
		}
		c.use(who)
		c.add(t.head, entry{kind: "contacthcparty", part: i + 1, contents: []*kmehr.Element{kmehr.New("content", party)}})
	}
	return nil
}

// profession is the word of CD-HCPARTY for what somebody does; empty where it is not said.
func profession(said []concept) string { return anyOf("CD-HCPARTY", said...) }

// party writes a Practitioner, a PractitionerRole or an Organization; nil where there is none.
// otherwise is the profession of a person of whom the record does not say it.
func (b *builder) party(r events.Record, otherwise string) *kmehr.Element {
	var role practitionerRole
	if r.Type == "PractitionerRole" {
		if !b.open(r, &role) {
			return nil
		}
		b.use(r)
		otherwise = firstOf(profession(role.Code), otherwise)
		r = named(role.Practitioner)
	}
	if r.Type == "Organization" {
		return b.office(r)
	}
	var p practitioner
	if r.Type != "Practitioner" || !b.open(r, &p) {
		return nil
	}
	e := kmehr.New("hcparty")
	number := nihii(p.Identifier)
	if number != "" {
		e.Add(kmehr.ID("ID-HCPARTY", number))
	}
	if insz := ssin(p.Identifier); insz != "" {
		e.Add(kmehr.ID("INSS", insz))
	}
	e.Add(kmehr.LocalID(check.LocalSystem, r.String()))
	var said []concept
	for _, q := range p.Qualification {
		said = append(said, q.Code)
	}
	word := firstOf(profession(said), otherwise)
	if word == "" && len(number) == 11 && number[0] == '1' {
		word = "persphysician" // numbers that begin with 1 are those of physicians
	}
	e.Add(code("CD-HCPARTY", word))
	family, given := nameOf(p.Name)
	addNames(e, family, given, false)
	return e.Add(addresses(work(p.Address), b.day)...).Add(telecoms(append(slices.Clone(p.Telecom), role.Telecom...), b.day)...)
}

// office writes an Organization.
func (b *builder) office(r events.Record) *kmehr.Element {
	var o organization
	if !b.open(r, &o) {
		return nil
	}
	e := kmehr.New("hcparty")
	if number := nihii(o.Identifier); number != "" {
		e.Add(kmehr.ID("ID-HCPARTY", number))
	}
	e.Add(kmehr.LocalID(check.LocalSystem, r.String()), code("CD-HCPARTY", firstOf(profession(o.Type), "orgpractice")), kmehr.Leaf("name", o.Name))
	return e.Add(addresses(work(o.Address), b.day)...).Add(telecoms(o.Telecom, b.day)...)
}
