package check

import (
	"strings"

	"github.com/carelog/carelog/projections/sumehr/kmehr"
)

// sole is what each content of an item holds, where there is exactly one of it and nothing
// else; nil where there is not.
func (c *checker) sole(item *kmehr.Element, name string, missing Rule) (one *kmehr.Element) {
	contents := item.All("content")
	if len(contents) == 1 {
		one = contents[0].At(name)
	}
	if one == nil {
		c.find(missing)
	}
	return one
}

func (c *checker) manager(item *kmehr.Element) {
	p := c.sole(item, "hcparty", partyMissing)
	if p == nil {
		return
	}
	c.of(p, func() {
		c.party(p)
		if p.ID("ID-HCPARTY") == "" {
			c.find(managerNumber)
		}
		if kind := p.Code("CD-HCPARTY"); p.At("familyname") != nil && kind != "persphysician" {
			c.find(managerKind, kind)
		}
		c.reachable(p)
	})
}

func (c *checker) careProvider(item *kmehr.Element) {
	p := c.sole(item, "hcparty", partyMissing)
	if p == nil {
		return
	}
	c.of(p, func() {
		c.party(p)
		if p.At("familyname").Value() == "" {
			c.find(partyName)
		}
		if kind := p.Code("CD-HCPARTY"); !strings.HasPrefix(kind, "pers") {
			c.find(partyKind, kind)
		}
		if p.ID("ID-HCPARTY") == "" {
			c.find(partyID)
		}
		c.reachable(p)
	})
}

func (c *checker) contact(item *kmehr.Element) {
	if item.Code("CD-CONTACT-PERSON") == "" {
		c.find(relationMissing)
	}
	if p := c.sole(item, "person", personMissing); p != nil {
		c.inss(p.IDs("INSS"))
		c.person(p)
		c.reachable(p)
	}
}

func (c *checker) reachable(p *kmehr.Element) {
	if p.At("address") == nil {
		c.find(address)
	}
	if p.At("telecom") == nil {
		c.find(telecom)
	}
}
