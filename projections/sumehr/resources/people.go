package resources

import (
	"strings"

	"github.com/carelog/carelog/projections/sumehr"
	"github.com/carelog/carelog/projections/sumehr/kmehr"
)

// whole reads the patient.
func (r *reader) whole(p *kmehr.Element, items []*kmehr.Element) {
	body := r.person(p)
	if n := number(p); n != "" {
		body["identifier"] = []object{{"system": sumehr.SystemSSIN, "value": n, "use": "official"}}
	}
	if died, _ := moment(p.At("deathdate")); died != "" {
		body["deceasedDateTime"] = died
	}
	if tag := p.At("usuallanguage").Value(); tag != "" {
		body["communication"] = []object{{"language": object{"coding": []object{{"system": "urn:ietf:bcp:47", "code": tag}}}, "preferred": true}}
	}
	for _, item := range items {
		if item.Code("CD-ITEM") != "gmdmanager" {
			continue
		}
		if who := r.party(item.At("content", "hcparty")); who != "" {
			body["generalPractitioner"] = []object{{"reference": who}}
			break
		}
	}
	r.make("Patient", r.patient, body)
}

// person reads what a patient and a contact have in common.
func (r *reader) person(p *kmehr.Element) object {
	body := object{"name": names(p), "gender": gender(p.At("sex").Code("CD-SEX")), "address": addresses(p), "telecom": telecoms(p)}
	if born, _ := moment(p.At("birthdate")); born != "" {
		body["birthDate"], _, _ = strings.Cut(born, "T")
	}
	return body
}

func gender(word string) string {
	switch word {
	case "male", "female":
		return word
	case "undefined", "changed":
		return "other"
	}
	return "unknown"
}

func names(p *kmehr.Element) []object {
	name := object{}
	if family := p.At("familyname").Value(); family != "" {
		name["family"] = family
	}
	var given []string
	for _, g := range p.All("firstname") {
		if v := g.Value(); v != "" {
			given = append(given, v)
		}
	}
	if len(given) > 0 {
		name["given"] = given
	}
	if len(name) == 0 {
		return nil
	}
	return []object{name}
}

const partOfAddress = "http://hl7.org/fhir/StructureDefinition/iso21090-ADXP-"

func addresses(p *kmehr.Element) (list []object) {
	for _, a := range p.All("address") {
		one := object{}
		set := func(name, value string) {
			if value != "" {
				one[name] = value
			}
		}
		set("city", a.At("city").Value())
		set("postalCode", a.At("zip").Value())
		set("country", strings.ToUpper(a.At("country", "cd").Value()))
		var parts []object
		line := ""
		for _, part := range []struct{ name, extension string }{{"street", "streetName"}, {"housenumber", "houseNumber"}, {"postboxnumber", "postBox"}} {
			if value := a.At(part.name).Value(); value != "" {
				parts = append(parts, object{"url": partOfAddress + part.extension, "valueString": value})
				line = strings.TrimSpace(line + " " + value)
			}
		}
		if line != "" {
			one["line"], one["_line"] = []string{line}, []object{{"extension": parts}}
		}
		if len(one) == 0 {
			continue
		}
		set("use", map[string]string{"home": "home", "work": "work", "vacation": "temp"}[a.Code("CD-ADDRESS")])
		list = append(list, one)
	}
	return list
}

func telecoms(p *kmehr.Element) (list []object) {
	for _, t := range p.All("telecom") {
		value := t.At("telecomnumber").Value()
		if value == "" {
			continue
		}
		one := object{"value": value, "use": "home"}
		if t.Code("CD-ADDRESS") == "work" {
			one["use"] = "work"
		}
		switch kind := t.Code("CD-TELECOM"); kind {
		case "mobile":
			one["system"], one["use"] = "phone", "mobile"
			if t.Code("CD-ADDRESS") == "work" {
				one["system"], one["use"] = "sms", "work" // FHIR has one use, and the number is mobile either way
			}
		case "fax", "email":
			one["system"] = kind
		default:
			one["system"] = "phone"
		}
		list = append(list, one)
	}
	return list
}

// party reads a care provider or an organisation, and returns the reference to it; empty
// where there is none.
func (r *reader) party(p *kmehr.Element) string {
	if p.At("familyname") != nil {
		return r.practitioner(p)
	}
	if p.At("name").Value() == "" {
		return ""
	}
	key := firstOf(p.ID("ID-HCPARTY"), p.At("name").Value())
	return r.once("Organization", key, func() object {
		return object{
			"identifier": identifiers(p), "type": []object{concept("", p.Codes("CD-HCPARTY")...)}, "name": p.At("name").Value(),
			"address": addresses(p), "telecom": telecoms(p),
		}
	})
}

func (r *reader) practitioner(p *kmehr.Element) string {
	if p.At("familyname") == nil {
		return ""
	}
	if id := r.known.Practitioners[p.ID("ID-HCPARTY")]; id != "" {
		return "Practitioner/" + id
	}
	key := firstOf(p.ID("ID-HCPARTY"), p.At("firstname").Value()+" "+p.At("familyname").Value())
	return r.once("Practitioner", key, func() object {
		body := object{"identifier": identifiers(p), "name": names(p), "address": addresses(p), "telecom": telecoms(p)}
		if what := concept("", p.Codes("CD-HCPARTY")...); len(what) > 0 {
			body["qualification"] = []object{{"code": what}}
		}
		return body
	})
}

// once makes a resource the first time that somebody is met.
func (r *reader) once(kind, key string, body func() object) string {
	if id := r.practitioners[kind+"|"+key]; id != "" {
		return kind + "/" + id
	}
	id := made(kind, key)
	r.practitioners[kind+"|"+key] = id
	return r.make(kind, id, body())
}

func identifiers(p *kmehr.Element) (list []object) {
	if n := p.ID("ID-HCPARTY"); n != "" {
		list = append(list, object{"system": sumehr.SystemNIHII, "value": n})
	}
	if n := p.ID("INSS"); n != "" {
		list = append(list, object{"system": sumehr.SystemSSIN, "value": n})
	}
	return list
}

// contact reads somebody to be told.
func (r *reader) contact(item *kmehr.Element) string {
	p := item.At("content", "person")
	if p == nil {
		r.miss("content")
		return ""
	}
	body := r.person(p)
	body["patient"] = r.subject()
	body["active"] = true
	begin, _ := moment(item.At("beginmoment"))
	end, _ := moment(item.At("endmoment"))
	body["period"] = period(begin, end)
	if n := number(p); n != "" {
		body["identifier"] = []object{{"system": sumehr.SystemSSIN, "value": n}}
	}
	if who := concept("", item.Codes("CD-CONTACT-PERSON")...); len(who) > 0 {
		body["relationship"] = []object{who}
	}
	return r.make("RelatedPerson", r.idOf("RelatedPerson", item), body)
}

// careProvider reads one of the team.
func (r *reader) careProvider(item *kmehr.Element) {
	if who := r.party(item.At("content", "hcparty")); who != "" {
		r.team = append(r.team, object{"member": object{"reference": who}})
		return
	}
	r.miss("content")
}

// careTeam makes the team, when all of it are met.
func (r *reader) careTeam() {
	if len(r.team) > 0 {
		ref := r.make("CareTeam", made("CareTeam", r.key), object{"status": "active", "subject": r.subject(), "participant": r.team})
		r.sections["contacthcparty"] = []string{ref}
	}
}
