package synthetic

import "math"

// practice is what all patients share.
type practice struct {
	language language
	org      organization
	doctors  []practitioner
	numbers  ssins
}

func newPractice(seed uint64) *practice {
	c := newChance(seed, math.MaxUint64) // a stream that no patient has
	p := &practice{language: language(c.below(2))}
	at := c.address(p.language, "work")
	p.org = organization{
		head:       head{ResourceType: "Organization", ID: c.uuid(), Meta: be("be-organization")},
		Identifier: []identifier{{System: nsNIHDI, Value: nihdi(c.between(940_000, 949_999), "")}},
		Active:     true,
		Type:       []concept{*coded(core+"CodeSystem/cd-hcparty", "orgpractice")},
		Name:       text{"Groepspraktijk ", "Maison médicale "}[p.language] + at.City,
		Telecom:    []contactPoint{{System: "email", Value: "info@praktijk.example", Use: "work"}},
		Address:    []address{at},
	}
	for range c.between(3, 6) {
		p.doctors = append(p.doctors, p.doctor(c))
	}
	return p
}

func (p *practice) doctor(c chance) practitioner {
	l, s := p.language, sex(c.below(2))
	return practitioner{
		head:       head{ResourceType: "Practitioner", ID: c.uuid(), Meta: be("be-practitioner")},
		Identifier: []identifier{{Use: "official", System: nsNIHDI, Value: nihdi(c.between(100_000, 199_999), "004")}},
		Active:     true,
		Name: []humanName{{
			Use: "official", Family: pick(c, families[l]), Given: []string{pick(c, givenNames[l][s])}, Prefix: []string{"Dr."},
		}},
		Telecom: []contactPoint{c.mobile()},
		Gender:  s.String(),
		Qualification: []qualification{{Code: concept{
			Coding: []coding{{System: core + "CodeSystem/cd-hcparty", Code: "persphysician"}},
			Text:   text{"Huisarts", "Médecin généraliste"}[l],
		}}},
	}
}

func (p *practice) write(w *writer) {
	w.write(p.org.head, p.org)
	for _, d := range p.doctors {
		w.write(d.head, d)
	}
}
