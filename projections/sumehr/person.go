package sumehr

import (
	"slices"
	"strings"

	"github.com/carelog/carelog/projections/sumehr/check"
	"github.com/carelog/carelog/projections/sumehr/kmehr"
)

// person writes the patient.
func (b *builder) person() *kmehr.Element {
	p := b.patient
	e := kmehr.New("patient")
	if number := ssin(p.Identifier); number != "" {
		e.Add(kmehr.ID("ID-PATIENT", number))
	}
	e.Add(kmehr.LocalID(check.LocalSystem, "Patient/"+b.in.Patient))
	family, given := nameOf(p.Name)
	addNames(e, family, given, true)
	e.Add(moment("birthdate", p.BirthDate), moment("deathdate", p.Deceased), kmehr.New("sex", code("CD-SEX", sex(p.Gender))))
	e.Add(addresses(p.Address, b.day)...).Add(telecoms(p.Telecom, b.day)...)
	if tag := p.language(); whole.MatchString(tag) {
		e.Add(kmehr.Leaf("usuallanguage", tag))
	}
	return e
}

// language is the one that the patient prefers, or else the first.
func (p patient) language() string {
	for _, c := range p.Communication {
		if c.Preferred && len(c.Language.Coding) > 0 {
			return c.Language.Coding[0].Code
		}
	}
	if len(p.Communication) > 0 && len(p.Communication[0].Language.Coding) > 0 {
		return p.Communication[0].Language.Coding[0].Code
	}
	return p.Language
}

func sex(gender string) string {
	switch gender {
	case "male", "female":
		return gender
	case "other":
		return "undefined"
	}
	return "unknown"
}

// ssin is the number in the National Register that stands today.
func ssin(list []identifier) string {
	return number(list, func(system string) bool {
		return strings.HasSuffix(system, "/NamingSystem/ssin") || system == "urn:oid:2.16.840.1.113883.3.6777.5.1"
	})
}

// nihii is the number at the national health insurance.
func nihii(list []identifier) string {
	return number(list, func(system string) bool {
		return strings.Contains(system, "/NamingSystem/nihdi") || system == "urn:oid:2.16.840.1.113883.3.6777.5.2"
	})
}

// number is the digits of the first identifier of a system that is in use.
func number(list []identifier, of func(system string) bool) string {
	for _, id := range list {
		pseudonym := slices.ContainsFunc(id.Extension, func(x extension) bool { return strings.HasSuffix(x.URL, "/be-ext-pseudonymization") })
		if of(id.System) && id.Use != "old" && id.Period.End == "" && !pseudonym {
			return strings.Map(func(r rune) rune {
				if strings.ContainsRune(" .-/", r) {
					return -1
				}
				return r
			}, id.Value)
		}
	}
	return ""
}

// nameOf is the name that is used officially, or else the first.
func nameOf(names []humanName) (family string, given []string) {
	best := -1
	for i, n := range names {
		if n.Use == "old" || n.Use == "maiden" || n.Family == "" && n.Text == "" {
			continue
		}
		if best < 0 || n.Use == "official" && names[best].Use != "official" {
			best = i
		}
	}
	if best < 0 {
		return "", nil
	}
	n := names[best]
	if n.Family != "" {
		return n.Family, n.Given
	}
	// A name in one text has the given name first, as it is said.
	first, rest, found := strings.Cut(strings.TrimSpace(n.Text), " ")
	if !found {
		return first, n.Given
	}
	return strings.TrimSpace(rest), []string{first}
}

// addNames writes names. A person may have several given names, a care provider one.
func addNames(e *kmehr.Element, family string, given []string, several bool) {
	given = slices.DeleteFunc(slices.Clone(given), func(s string) bool { return s == "" })
	switch {
	case len(given) == 0:
		e.Add(kmehr.Leaf("firstname", ""))
	case several:
		for _, g := range given {
			e.Add(kmehr.Leaf("firstname", g))
		}
	default:
		e.Add(kmehr.Leaf("firstname", strings.Join(given, " ")))
	}
	e.Add(kmehr.Leaf("familyname", family))
}

// work puts addresses of a home last: a care provider is met at work.
func work(list []address) []address {
	list = slices.Clone(list)
	for i := range list {
		if list[i].Use == "" {
			list[i].Use = "work"
		}
	}
	slices.SortStableFunc(list, func(a, b address) int { return bits(a.Use == "home") - bits(b.Use == "home") })
	return list
}

const partOfAddress = "http://hl7.org/fhir/StructureDefinition/iso21090-ADXP-"

// addresses writes those that stand. A line of which the parts are not told goes into the
// street as it is.
func addresses(list []address, day string) (written []*kmehr.Element) {
	for _, a := range list {
		if a.Use == "old" || over(a.Period.End, day) {
			continue
		}
		use := map[string]string{"": "home", "home": "home", "work": "work", "temp": "vacation"}[a.Use]
		parts := map[string]string{}
		var plain []string
		for i := range max(len(a.Line), len(a.LineParts)) {
			told := false
			if i < len(a.LineParts) && a.LineParts[i] != nil {
				for _, x := range a.LineParts[i].Extension {
					if name, ok := strings.CutPrefix(x.URL, partOfAddress); ok && parts[name] == "" {
						parts[name], told = x.ValueString, true
					}
				}
			}
			if i < len(a.Line) && a.Line[i] != "" && !told {
				plain = append(plain, a.Line[i])
			}
		}
		street := strings.Join(append([]string{parts["streetName"]}, plain...), ", ")
		street = strings.TrimPrefix(street, ", ")
		if street == "" && a.City == "" && a.PostalCode == "" {
			street = a.Text
		}
		e := kmehr.New("address", code("CD-ADDRESS", firstOf(use, "other")))
		if len(a.Country) == 2 {
			e.Add(kmehr.New("country", code("CD-FED-COUNTRY", strings.ToLower(a.Country))))
		}
		for _, part := range []struct{ name, value string }{
			{"zip", a.PostalCode}, {"city", a.City}, {"street", street}, {"housenumber", parts["houseNumber"]}, {"postboxnumber", parts["postBox"]},
		} {
			if part.value != "" {
				e.Add(kmehr.Leaf(part.name, part.value))
			}
		}
		if len(e.Children) > 1 {
			written = append(written, e)
		}
	}
	return written
}

// telecoms writes how somebody is reached, by what KMEHR has a word for.
func telecoms(list []contactPoint, day string) (written []*kmehr.Element) {
	for _, t := range list {
		kind := map[string]string{"phone": "phone", "fax": "fax", "email": "email", "sms": "mobile"}[t.System]
		if kind == "phone" && t.Use == "mobile" {
			kind = "mobile"
		}
		if kind == "" || t.Value == "" || t.Use == "old" || over(t.Period.End, day) {
			continue
		}
		use := "home"
		if t.Use == "work" {
			use = "work"
		}
		written = append(written, kmehr.New("telecom", code("CD-ADDRESS", use), code("CD-TELECOM", kind), kmehr.Leaf("telecomnumber", t.Value)))
	}
	return written
}
