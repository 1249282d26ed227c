package resources

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/carelog/carelog/projections/sumehr"
	"github.com/carelog/carelog/projections/sumehr/check"
	"github.com/carelog/carelog/projections/sumehr/kmehr"
)

// Resource is one FHIR resource.
type Resource struct {
	Type, ID string
	Body     []byte
}

// Known says which people of a message have a record already: those records are referred to
// and not made again.
type Known struct {
	Patient       string            // id; empty: a Patient is made
	Practitioners map[string]string // ids, by their NIHII number
	// Records, by their names, are those of People.Records that stand here, or stood: an item
	// that was made of one is not read.
	Records map[string]bool
	// Sumehr is the one that the dossier makes now; nil: it is not known. An item that says just
	// what one of its does is the record which that was made of, and is not made again.
	Sumehr *kmehr.Element
}

// Reading is what was read.
type Reading struct {
	Resources []Resource // each after those that it refers to
	// Unread names what the message says and no resource does: "item 3 medication: duration".
	Unread []string
	// Here is how many items are records of the dossier already; see Known.Sumehr.
	Here int
}

// ErrNotSumehr says that a message is not one that can be read as a Sumehr.
var ErrNotSumehr = errors.New("the message is no Sumehr: it has no patient, or no transaction of that kind")

// ErrOwn says that a message was made of records that are here.
var ErrOwn = errors.New("this Sumehr was made by this practice itself: all that it says stands in the dossier, and nothing was taken in")

// People are those of whom a message speaks who may have a record already.
type People struct {
	Patient       string   // number in the National Register; empty: it is not said
	Practitioners []string // numbers of the national health insurance
	Records       []string // "Type/id" of which a program like this one made the items
}

// PeopleOf says of whom a message speaks.
func PeopleOf(message *kmehr.Element) (p People) {
	p.Patient = number(message.At("folder", "patient"))
	seen := map[string]bool{"": true}
	note := func(party *kmehr.Element) {
		if n := party.ID("ID-HCPARTY"); !seen[n] && party.At("familyname") != nil {
			seen[n] = true
			p.Practitioners = append(p.Practitioners, n)
		}
	}
	tx := message.At("folder", "transaction")
	for _, party := range tx.At("author").All("hcparty") {
		note(party)
	}
	for _, item := range kmehr.Items(tx) {
		for _, content := range item.All("content") {
			note(content.At("hcparty"))
		}
		if name := recordOf(item); name != "" && !slices.Contains(p.Records, name) {
			p.Records = append(p.Records, name)
		}
	}
	return p
}

// recordOf is the record that an item says it was made of; empty where it says none.
func recordOf(item *kmehr.Element) string {
	name, _, _ := strings.Cut(item.Local(check.LocalSystem), "#")
	return name
}

// nameless are the items that may be made of no record: that something was left out, and who
// keeps the global medical file.
var nameless = []string{"patientwill", "gmdmanager"}

// own reports whether a message was made here: each of its items of a record that is here or
// was, and where it has none, of a patient who is.
func own(message *kmehr.Element, known Known) bool {
	ours := known.Patient != "" && message.At("folder", "patient").Local(check.LocalSystem) == "Patient/"+known.Patient
	for _, item := range kmehr.Items(message.At("folder", "transaction")) {
		switch name := recordOf(item); {
		case known.Records[name]:
			ours = true
		case name != "" || len(item.All("content")) > 0 && !slices.Contains(nameless, item.Code("CD-ITEM")):
			return false
		} // else it says that nothing is known
	}
	return ours
}

func number(person *kmehr.Element) string {
	if n := person.ID("INSS"); n != "" {
		return n
	}
	return person.ID("ID-PATIENT")
}

// Of reads a message. Errors: ErrNotSumehr, ErrOwn.
func Of(message *kmehr.Element, known Known) (*Reading, error) {
	folder := message.At("folder")
	tx := folder.At("transaction")
	if folder.At("patient") == nil || tx.Code("CD-TRANSACTION") != "sumehr" {
		return nil, ErrNotSumehr
	}
	if own(message, known) {
		return nil, ErrOwn
	}
	r := reader{known: known, practitioners: map[string]string{}, sections: map[string][]string{}, nothing: map[string]bool{}, keys: map[string]int{}, stands: standing(known.Sumehr)}
	authors := tx.At("author").All("hcparty")
	if len(authors) > 0 {
		r.author = authors[len(authors)-1] // a hub puts itself before
	}
	r.key = strings.Join([]string{number(folder.At("patient")), text(folder.At("patient").All("familyname")), r.author.ID("ID-HCPARTY"), r.author.At("familyname").Value()}, "|")
	r.patient = known.Patient
	if r.patient == "" {
		r.patient = made("Patient", firstOf(number(folder.At("patient")), r.key))
	}
	by := r.practitioner(r.author)
	items := kmehr.Items(tx)
	if known.Patient == "" {
		r.whole(folder.At("patient"), items)
	}
	for i, item := range items {
		r.item(i+1, item)
	}
	r.careTeam()
	r.composition(message, by)
	return &Reading{Resources: r.resources, Unread: r.unread, Here: r.standing}, nil
}

// reader is one reading of a message.
type reader struct {
	known         Known
	key           string // names the summary of this author for this patient
	author        *kmehr.Element
	patient       string
	practitioners map[string]string // ids of those that were made here, by key
	keys          map[string]int    // how often an item's name was given out
	resources     []Resource
	sections      map[string][]string // references, by kind of item
	nothing       map[string]bool
	stands        map[string]string // records of the dossier, by what their item says
	standing      int               // items that are such a record
	team          []object
	manager       string // reference to an Organization
	unread        []string
	at            string // the item that is read, for unread
	language      string // of its words
}

// object is a JSON object; its members are written in the order of their names.
type object map[string]any

// make writes a resource, and returns the reference to it.
func (r *reader) make(kind, id string, body object) string {
	body["resourceType"], body["id"], body["language"] = kind, id, r.language
	for name, value := range body {
		if empty(value) {
			delete(body, name)
		}
	}
	var w bytes.Buffer
	e := json.NewEncoder(&w)
	e.SetEscapeHTML(false)
	if err := e.Encode(body); err != nil {
		panic(err) // strings, lists and objects always encode
	}
	r.resources = append(r.resources, Resource{kind, id, bytes.TrimSpace(w.Bytes())})
	return kind + "/" + id
}

func empty(value any) bool {
	switch v := value.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case object:
		return len(v) == 0
	case []object:
		return len(v) == 0
	case []string:
		return len(v) == 0
	}
	return false
}

// made is an id that is made of a name: the same whenever it is read.
func made(kind, name string) string {
	h := sha256.Sum256([]byte("sumehr|" + kind + "|" + name))
	h[6], h[8] = h[6]&0x0f|0x80, h[8]&0x3f|0x80 // a UUID of version 8
	return fmt.Sprintf("%x-%x-%x-%x-%x", h[0:4], h[4:6], h[6:8], h[8:10], h[10:16])
}

// idOf is the id of an item's resource: made of the name that the author's system gives the
// item, or else of what it says.
func (r *reader) idOf(kind string, item *kmehr.Element) string {
	name := ""
	for _, id := range item.IDs("LOCAL") {
		name += "|" + id.Attribute("SL") + "=" + id.Value()
	}
	if name == "" {
		name = string(kmehr.Write(sumehr.Bare(item)))
	}
	name = r.key + "|" + item.Code("CD-ITEM") + "|" + name
	r.keys[name]++
	return made(kind, fmt.Sprintf("%s|%d", name, r.keys[name]))
}

// miss notes what is not read.
func (r *reader) miss(what string) {
	if entry := r.at + ": " + what; !slices.Contains(r.unread, entry) {
		r.unread = append(r.unread, entry)
	}
}

func (r *reader) subject() object { return object{"reference": "Patient/" + r.patient} }

func firstOf(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}

// text joins the values of elements.
func text(list []*kmehr.Element) string {
	var all []string
	for _, e := range list {
		if v := e.Value(); v != "" {
			all = append(all, v)
		}
	}
	return strings.Join(all, " ")
}
