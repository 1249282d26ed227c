package check

import (
	"github.com/carelog/carelog/projections/sumehr/kmehr"
)

func (c *checker) medication(item *kmehr.Element) {
	labels, products, atc := 0, 0, 0
	for _, content := range item.All("content") {
		switch {
		case len(content.All("text")) > 0:
			labels++
		case product(content) != nil:
			products++
			c.product(product(content))
		case len(content.All("cd")) > 0:
			atc++
			c.codes(content.All("cd"), "CD-ATC")
		default:
			c.foreign(content)
		}
	}
	c.labels(labels)
	c.products(products)
	switch {
	case atc == 0:
		c.find(atcMissing)
	case atc > 1:
		c.find(codesTwice)
	}
	if item.At("beginmoment") == nil {
		c.find(drugBegin)
	}
	if item.At("endmoment") == nil {
		c.find(drugEnd)
	}
	if p := item.At("posology"); p.At("text") != nil && len(p.Children) > len(p.All("text")) {
		c.find(posologyBoth)
	}
}

func product(content *kmehr.Element) *kmehr.Element {
	for _, name := range []string{"medicinalproduct", "substanceproduct", "compoundprescription"} {
		if p := content.At(name); p != nil {
			return p
		}
	}
	return nil
}

func (c *checker) products(n int) {
	switch {
	case n == 0:
		c.find(productMissing)
	case n > 1:
		c.find(productTwice)
	}
}

func (c *checker) product(p *kmehr.Element) {
	for _, cd := range p.All("intendedcd") {
		if cd.Attribute("S") == "CD-DRUG-CNK" && !digits(cd.Value(), 7) {
			c.find(cnk, cd.Value())
		}
	}
}

func (c *checker) vaccine(item *kmehr.Element) {
	products, indications, atc := 0, 0, 0
	for _, content := range item.All("content") {
		switch codes := content.All("cd"); {
		case len(codes) > 0:
			c.codes(codes, "CD-VACCINEINDICATION", "CD-ATC")
			indications += len(content.Codes("CD-VACCINEINDICATION"))
			atc += len(content.Codes("CD-ATC"))
		case product(content) != nil:
			products++
			c.product(product(content))
		case len(content.All("text")) > 0:
			c.find(vaccineText)
		default:
			c.foreign(content)
		}
	}
	if indications == 0 {
		c.find(indicationMissing)
	}
	if atc > 1 {
		c.find(codeTwice, "CD-ATC")
	}
	c.products(products)
	if item.At("beginmoment") == nil {
		c.find(vaccineBegin)
	}
}
