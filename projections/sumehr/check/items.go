package check

import (
	"slices"
	"strconv"
	"strings"

	"github.com/carelog/carelog/projections/sumehr/kmehr"
)

// kinds are those of a Sumehr and how each is looked at; healthcareelement is of 1.1.
var kinds = map[string]func(*checker, *kmehr.Element){
	"problem": (*checker).problem, "healthcareelement": (*checker).problem, "treatment": (*checker).problem,
	"allergy": (*checker).described, "adr": (*checker).described, "socialrisk": (*checker).described, "risk": (*checker).described,
	"medication": (*checker).medication, "vaccine": (*checker).vaccine, "patientwill": (*checker).will,
	"gmdmanager": (*checker).manager, "contactperson": (*checker).contact, "contacthcparty": (*checker).careProvider,
}

func (c *checker) items(items []*kmehr.Element) {
	count, nothing := map[string]int{}, map[string]bool{}
	omissions := 0
	for i, item := range items {
		c.item, c.kind = i+1, item.Code("CD-ITEM")
		c.of(item, func() {
			if none(item) {
				nothing[c.kind] = true
				c.nothingKnown(item)
			} else {
				count[c.kind]++
				c.one(item)
			}
			if c.kind == "gmdmanager" && count[c.kind] == 2 {
				c.find(managerTwice)
			}
			if omits(item) {
				if omissions++; omissions == 2 {
					c.find(omissionTwice)
				}
			}
			c.newer(item)
		})
	}
	c.item, c.record = 0, ""
	for _, kind := range []string{"problem", "treatment"} {
		if c.kind = kind; nothing[kind] && count[kind] > 0 {
			c.find(nothingContradicts, kind)
		}
	}
	c.kind = ""
}

// omits reports whether an item says that something was left out.
func omits(item *kmehr.Element) bool {
	return slices.ContainsFunc(item.All("content"), func(content *kmehr.Element) bool {
		return content.Code("CD-PATIENTWILL") == "omissionofmedicaldata"
	})
}

// numbers finds items that have one number in the same place.
func (c *checker) numbers(parent *kmehr.Element) {
	seen := map[string]int{}
	for _, item := range parent.All("item") {
		if n := item.ID("ID-KMEHR"); n != "" {
			if seen[n]++; seen[n] == 2 {
				c.find(itemNumber, n)
			}
		}
	}
	for _, heading := range parent.All("heading") {
		c.numbers(heading)
	}
}

// none reports whether an item says that nothing of its kind is known.
func none(item *kmehr.Element) bool {
	for _, cd := range item.Codes("CD-ITEM") {
		if cd.Attribute("nullFlavor") != "" {
			return true
		}
	}
	return false
}

func (c *checker) nothingKnown(item *kmehr.Element) {
	if c.kind != "problem" && c.kind != "treatment" {
		c.find(nothingForbidden, c.kind)
	}
	if len(item.All("content")) > 0 {
		c.find(nothingContent)
	}
}

// newer finds what the release of KMEHR that the message names did not have yet.
func (c *checker) newer(item *kmehr.Element) {
	if c.standard == "" || c.standard >= "20161201" {
		return
	}
	isNew := c.kind == "problem" || c.kind == "treatment"
	for _, content := range item.All("content") {
		isNew = isNew || content.Code("CD-PATIENTWILL-RES") != "" || content.Code("CD-PATIENTWILL-HOS") != ""
	}
	if isNew {
		c.find(standardOld, c.standard)
	}
}

// one looks at an item that says something.
func (c *checker) one(item *kmehr.Element) {
	if list := item.Codes("CD-ITEM"); len(list) != 1 {
		c.find(itemKind, strconv.Itoa(len(list)))
		return
	}
	look, ok := kinds[c.kind]
	if !ok {
		c.find(itemUnknown, c.kind)
		return
	}
	look(c, item)
	begin, end := moment(item.At("beginmoment")), moment(item.At("endmoment"))
	c.inOrder(begin, end)
	if c.kind != "medication" && c.kind != "treatment" && c.kind != "patientwill" { // these may be to come
		c.notLater(begin)
	}
	for _, state := range states {
		if cd := item.At(state.element, "cd"); cd != nil && !slices.Contains(tables[state.table], cd.Value()) {
			c.find(codeUnknown, state.table, cd.Value())
		}
	}
	for _, d := range item.All("dayperiod") {
		if word := d.Code("CD-DAYPERIOD"); !slices.Contains(tables["CD-DAYPERIOD"], word) {
			c.find(codeUnknown, "CD-DAYPERIOD", word)
		}
	}
	for _, holder := range append(item.All("content"), item, item.At("posology")) {
		for _, text := range holder.All("text") {
			c.text(text)
		}
	}
}

// described looks at an item that is a label and codes.
func (c *checker) described(item *kmehr.Element) {
	accepted := []string{"ICPC", "ICD", "CD-CLINICAL", "LOCAL"}
	if c.kind == "adr" {
		accepted = append(accepted, "CD-ATC")
	}
	labels, coded := 0, 0
	for _, content := range item.All("content") {
		switch codes := content.All("cd"); {
		case len(codes) > 0:
			coded++
			c.codes(codes, accepted...)
		case len(content.All("text")) > 0:
			labels++
		default:
			c.foreign(content)
		}
	}
	c.labels(labels)
	if coded > 1 {
		c.find(codesTwice)
	}
	if coded == 0 && (c.kind == "problem" || c.kind == "healthcareelement") {
		c.find(codeMissing)
	}
}

func (c *checker) labels(n int) {
	switch {
	case n == 0:
		c.find(labelMissing)
	case n > 1:
		c.find(labelTwice)
	}
}

// foreign finds a content of another kind.
func (c *checker) foreign(content *kmehr.Element) {
	name := "content"
	if len(content.Children) > 0 {
		name = content.Children[0].Name
	}
	c.find(contentForeign, name)
}

// codes looks at the codes of one content.
func (c *checker) codes(codes []*kmehr.Element, accepted ...string) {
	seen := map[string]int{}
	for _, cd := range codes {
		table := cd.Attribute("S")
		if !slices.Contains(accepted, table) {
			c.find(codeSystem, table)
			continue
		}
		if seen[table]++; seen[table] == 2 && table != "LOCAL" && table != "CD-VACCINEINDICATION" {
			c.find(codeTwice, table)
		}
		want := map[string]string{"ICPC": "2", "ICD": "10"}[table]
		if version := cd.Attribute("SV"); want != "" && version != want {
			c.find(codeVersion, table, version, want)
		}
		if words := tables[table]; words != nil && !slices.Contains(words, cd.Value()) {
			c.find(codeUnknown, table, cd.Value())
		}
	}
}

func (c *checker) problem(item *kmehr.Element) {
	c.described(item)
	state := item.At("lifecycle").Code("CD-LIFECYCLE")
	switch state {
	case "active", "inactive":
	default:
		c.find(lifecycleMissing)
	}
	if c.kind == "treatment" {
		return
	}
	if state == "active" && item.At("beginmoment") == nil {
		c.find(beginMissing)
	}
	if state == "inactive" && item.At("endmoment") == nil {
		c.find(endMissing)
	}
}

func (c *checker) will(item *kmehr.Element) {
	coded, texts := 0, 0
	for _, content := range item.All("content") {
		switch codes := content.All("cd"); {
		case len(codes) > 0:
			coded++
			c.codes(codes, "CD-PATIENTWILL", "CD-PATIENTWILL-RES", "CD-PATIENTWILL-HOS", "LOCAL")
			if len(codes) != 1 {
				c.find(willCode)
			}
			if strings.HasPrefix(content.Code("CD-PATIENTWILL"), "ntbr") {
				c.find(willOld, content.Code("CD-PATIENTWILL"))
			}
		case len(content.All("text")) > 0:
			texts++
		default:
			c.foreign(content)
		}
	}
	if coded != 1 {
		c.find(willCode)
	}
	if texts > 1 {
		c.find(willText)
	}
}
