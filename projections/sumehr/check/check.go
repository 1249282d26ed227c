package check

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/carelog/carelog/projections/sumehr/kmehr"
)

// Message holds a message against the rules, as of a day.
func Message(message *kmehr.Element, on time.Time) []Finding {
	c := checker{day: on.Format(time.DateOnly)}
	c.header(message)
	if list := message.All("folder"); len(list) != 1 {
		c.find(folders, strconv.Itoa(len(list)))
	}
	folder := message.At("folder")
	if folder == nil {
		return c.findings
	}
	c.patient(folder.At("patient"))
	if list := folder.All("transaction"); len(list) != 1 {
		c.find(transactions, strconv.Itoa(len(list)))
	}
	if tx := folder.At("transaction"); tx != nil {
		c.transaction(tx)
	}
	return c.findings
}

// checker goes through a message. Where it is decides what a finding names.
type checker struct {
	day      string
	standard string
	item     int
	kind     string
	record   string
	findings []Finding
}

func (c *checker) find(r Rule, args ...string) {
	c.findings = append(c.findings, Finding{Rule: r, Item: c.item, Kind: c.kind, Record: c.record, Args: args})
}

// of lets f speak of another record, where an element names one.
func (c *checker) of(e *kmehr.Element, f func()) {
	before := c.record
	if name := e.Local(LocalSystem); name != "" {
		c.record, _, _ = strings.Cut(name, "#")
	}
	f()
	c.record = before
}

func (c *checker) header(message *kmehr.Element) {
	c.standard = message.At("header", "standard").Code("CD-STANDARD")
	if c.standard == "" {
		c.find(standardMissing)
	}
	for _, name := range []string{"sender", "recipient"} {
		for _, side := range message.At("header").All(name) {
			for _, p := range side.All("hcparty") {
				c.party(p)
			}
		}
	}
}

func (c *checker) transaction(tx *kmehr.Element) {
	if kinds := tx.Codes("CD-TRANSACTION"); len(kinds) != 1 || kinds[0].Value() != "sumehr" {
		c.find(notSumehr, values(kinds))
		return // the other rules are of a Sumehr
	}
	if v := tx.At("iscomplete").Value(); v != "true" && v != "1" {
		c.find(incomplete)
	}
	if v := tx.At("isvalidated").Value(); v != "true" && v != "1" {
		c.find(unvalidated)
	}
	if len(tx.All("heading")) > 0 {
		c.find(headings)
	}
	c.author(tx.At("author").All("hcparty"))
	c.numbers(tx)
	c.items(kmehr.Items(tx))
	for _, text := range tx.All("text") {
		c.text(text)
	}
}

// author looks at who answers for the Sumehr: the last one, as a hub puts itself first.
func (c *checker) author(list []*kmehr.Element) {
	if len(list) == 0 {
		c.find(authorMissing)
		return
	}
	for _, p := range list {
		c.of(p, func() { c.party(p) })
	}
	a := list[len(list)-1]
	c.of(a, func() {
		if len(a.IDs("ID-HCPARTY")) != 1 {
			c.find(authorNumber)
		}
		if a.At("familyname").Value() == "" {
			c.find(authorName)
		}
		if kind := a.Code("CD-HCPARTY"); kind != "persphysician" {
			c.find(authorKind, kind)
		}
		if a.ID("INSS") == "" {
			c.find(authorINSS)
		}
		if a.At("address") == nil {
			c.find(authorAddress)
		}
		if a.At("telecom") == nil {
			c.find(authorTelecom)
		}
	})
}

// party looks at what holds for every care provider, organisation and program.
func (c *checker) party(p *kmehr.Element) {
	if kinds := p.Codes("CD-HCPARTY"); len(kinds) > 1 {
		c.find(partyKinds, values(kinds))
	}
	for _, id := range p.IDs("ID-HCPARTY") {
		if !nihii(id.Value()) {
			c.find(partyNumber, id.Value())
		}
	}
	c.inss(p.IDs("INSS"))
}

func (c *checker) inss(ids []*kmehr.Element) {
	for _, id := range ids {
		if !inss(id.Value()) {
			c.find(INSSNumber, id.Value())
		}
	}
}

func (c *checker) patient(p *kmehr.Element) {
	c.of(p, func() {
		ids := slices.Concat(p.IDs("INSS"), p.IDs("ID-PATIENT"))
		if len(ids) != 1 {
			c.find(PatientINSS)
		}
		c.inss(ids)
		if p.At("familyname").Value() == "" {
			c.find(patientName)
		}
		c.person(p)
		if born := p.At("birthdate"); moment(born) == "" {
			c.find(patientBirth)
		}
		if p.At("usuallanguage").Value() == "" {
			c.find(patientLanguage)
		}
	})
}

// person looks at what holds for the patient and for who is to be told.
func (c *checker) person(p *kmehr.Element) {
	if p.At("firstname").Value() == "" {
		c.find(givenName)
	}
	if sex := p.At("sex").Code("CD-SEX"); !slices.Contains(tables["CD-SEX"], sex) {
		c.find(sexUnknown, sex)
	}
	born, died := moment(p.At("birthdate")), moment(p.At("deathdate"))
	c.notLater(born)
	c.notLater(died)
	c.inOrder(born, died)
}

// notLater finds a moment that is after the day of the check.
func (c *checker) notLater(at string) {
	if at != "" && at > c.day[:min(len(at), len(c.day))] {
		c.find(future, at)
	}
}

// inOrder finds an end before a begin, as far as the coarser of both tells.
func (c *checker) inOrder(begin, end string) {
	if n := min(len(begin), len(end)); n > 0 && end[:n] < begin[:n] {
		c.find(backwards, begin, end)
	}
}

// moment is a date, a month or a year; empty where it is a text or there is none.
func moment(e *kmehr.Element) string {
	for _, name := range []string{"date", "yearmonth", "year"} {
		if at := e.At(name).Value(); at != "" {
			return at
		}
	}
	return ""
}

// text looks at a text for people.
func (c *checker) text(e *kmehr.Element) {
	if e.Value() == "" && len(e.Children) == 0 {
		c.find(emptyText)
	}
	if e.Attribute("L") == "" {
		c.find(textLanguage)
	}
}

func values(list []*kmehr.Element) string {
	var all []string
	for _, e := range list {
		all = append(all, e.Value())
	}
	return strings.Join(all, ", ")
}
