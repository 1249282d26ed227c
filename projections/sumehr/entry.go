package sumehr

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections/sumehr/check"
	"github.com/carelog/carelog/projections/sumehr/kmehr"
)

// entry is an item before it has its place and number.
type entry struct {
	kind     string // of CD-ITEM
	record   events.Record
	part     int // of the record, from 1, where it makes several items
	nothing  bool
	second   *kmehr.Element   // a second cd, of the item itself
	contents []*kmehr.Element // each with one kind of thing
	comment  string
	language string // of the comment
	begin    *kmehr.Element
	end      *kmehr.Element
	state    string // of CD-LIFECYCLE; empty: by the two below
	active   bool
	inactive bool
	// The rest as the schema names it.
	certainty, temporality, frequency *kmehr.Element
	dayperiods                        []*kmehr.Element
	posology, regimen, batch          *kmehr.Element
	instruction                       *kmehr.Element
	recorded                          string // dateTime
}

// order in which kinds stand: whom to ask, what is the matter, what is to be avoided, what
// is wished, what is taken.
var order = []string{"gmdmanager", "contactperson", "contacthcparty", "problem", "treatment", "allergy", "adr", "socialrisk", "risk", "patientwill", "medication", "vaccine"}

// compare sorts items by kind, what is active first, the newest first; and then so that no
// two are equal.
func (e entry) compare(o entry) int {
	return cmp.Or(
		cmp.Compare(slices.Index(order, e.kind), slices.Index(order, o.kind)),
		bits(e.inactive)-bits(o.inactive),
		-strings.Compare(text(e.begin), text(o.begin)),
		strings.Compare(e.label(), o.label()),
		strings.Compare(e.record.String(), o.record.String()),
		cmp.Compare(e.part, o.part),
	)
}

func bits(b bool) int {
	if b {
		return 1
	}
	return 0
}

// text is all that stands in an element.
func text(e *kmehr.Element) string {
	if e == nil {
		return ""
	}
	parts := []string{e.Value()}
	for _, c := range e.Children {
		parts = append(parts, text(c))
	}
	return strings.TrimSpace(strings.Join(parts, " "))
}

func (e entry) label() string {
	var all []string
	for _, c := range e.contents {
		all = append(all, text(c))
	}
	return strings.Join(all, "\n")
}

// omission reports whether the item says that something was left out.
func (e entry) omission() bool {
	return slices.ContainsFunc(e.contents, func(c *kmehr.Element) bool { return c.Code("CD-PATIENTWILL") == omissionCode })
}

// element is the item with its number, in the order of the schema.
func (e entry) element(number int) *kmehr.Element {
	kind := code("CD-ITEM", e.kind)
	if e.nothing {
		kind.Attr = append(kind.Attr, kmehr.Attr{Name: "nullFlavor", Value: "NA"})
	}
	item := kmehr.New("item", kmehr.ID("ID-KMEHR", strconv.Itoa(number)), e.id(), kind, e.second).Add(e.contents...)
	if e.comment != "" {
		item.Add(kmehr.Text(e.language, e.comment))
	}
	item.Add(e.begin, e.end)
	switch {
	case e.state != "":
		item.Add(lifecycle(e.state))
	case e.active:
		item.Add(lifecycle("active"))
	case e.inactive:
		item.Add(lifecycle("inactive"))
	}
	if !e.nothing && (e.state != "" || e.active || e.inactive) {
		item.Add(kmehr.Leaf("isrelevant", "true"))
	}
	item.Add(e.certainty, e.temporality, e.frequency).Add(e.dayperiods...).Add(e.posology, e.regimen, e.batch, e.instruction)
	if strings.Contains(e.recorded, "T") {
		item.Add(kmehr.Leaf("recorddatetime", e.recorded)) // it is a moment, never a day
	}
	return item
}

func lifecycle(state string) *kmehr.Element {
	return kmehr.New("lifecycle", code("CD-LIFECYCLE", state))
}

// id names the record that the item was made from: by it a finding finds its record, and
// whoever compares two versions the same item.
func (e entry) id() *kmehr.Element {
	if e.record == (events.Record{}) {
		return nil
	}
	name := e.record.String()
	if e.part > 0 {
		name += "#" + strconv.Itoa(e.part)
	}
	return kmehr.LocalID(check.LocalSystem, name)
}
