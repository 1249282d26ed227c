package fhirsearch

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"strings"

	"github.com/carelog/carelog/projections/fhirjson"
)

// Values are what one version of a record is found by: for each its place and what
// stands there, after the length of both. They are sorted and hold nothing twice, so equal
// versions have equal bytes.
type Values []byte

// ValuesOf reads the values out of a resource that is in the dossier of a patient; empty
// for the practice's own. A nil body is one that cannot be opened; what is no resource has
// the dossier alone.
func ValuesOf(typ, patient string, body []byte) Values {
	c := collector{patient: patient}
	if patient != "" && InDossier(typ) {
		c.add(placeDossier, token{code: patient, system: "Patient"}.hashed())
	}
	if body == nil {
		c.add(placeSealed, nil)
	} else {
		_ = fhirjson.Visit(body, func(resource fhirjson.Element) { c.collect(typeOf(typ), resource) }) // kept all the same, and found by its id
	}
	slices.SortFunc(c.list, bytes.Compare)
	var out Values
	for _, v := range slices.CompactFunc(c.list, bytes.Equal) {
		out = append(binary.AppendUvarint(out, uint64(len(v))), v...)
	}
	return out
}

// each calls f with every value until it returns false.
func (v Values) each(f func(place uint16, value []byte) bool) {
	for len(v) > 0 {
		n, size := binary.Uvarint(v)
		if size <= 0 || n < 2 || n > uint64(len(v)-size) {
			return // not written here
		}
		value := v[size : size+int(n)]
		v = v[size+int(n):]
		if !f(binary.BigEndian.Uint16(value), value[2:]) {
			return
		}
	}
}

// Pack joins the values of a record's heads into one; Unpack takes them apart.
func Pack(heads []Values) []byte {
	out := []byte{}
	for _, v := range heads {
		out = append(binary.AppendUvarint(out, uint64(len(v))), v...)
	}
	return out
}

// Unpack takes apart what Pack joined. It shares the memory.
func Unpack(packed []byte) (heads []Values) {
	for len(packed) > 0 {
		n, size := binary.Uvarint(packed)
		if size <= 0 || n > uint64(len(packed)-size) {
			return heads
		}
		heads = append(heads, Values(packed[size:size+int(n)]))
		packed = packed[size+int(n):]
	}
	return heads
}

// collector gathers values.
type collector struct {
	patient string
	list    [][]byte
}

func (c *collector) add(place uint16, value []byte) {
	c.list = append(c.list, append(binary.BigEndian.AppendUint16(nil, place), value...))
}

func (c *collector) collect(t *typed, resource fhirjson.Element) {
	for i := range t.places {
		p := &t.places[i]
		for _, path := range p.paths {
			resource.Each(path, func(e fhirjson.Element) { c.value(p, e) })
		}
	}
}

func (c *collector) value(p *place, e fhirjson.Element) {
	switch p.kind {
	case KindToken:
		for _, t := range tokensOf(e, p.system) {
			c.add(p.number, t.hashed())
		}
	case KindURI:
		if uri := e.Text(); uri != "" {
			c.add(p.number, token{code: uri}.hashed())
			if bare, _, versioned := strings.Cut(uri, "|"); versioned {
				c.add(p.number, token{code: bare}.hashed())
			}
		}
	case KindReference:
		t, ok := referenceOf(e.Text("reference"))
		if !ok || p.dossier && c.patient != "" && t == (token{code: c.patient, system: "Patient"}) {
			return
		}
		c.add(p.number, t.hashed())
	case KindString:
		if s := e.Text(); s != "" {
			c.add(p.number, []byte(clip(s)))
		}
	case KindDate:
		for _, s := range spansOf(e) {
			c.add(p.number, s.appendTo(nil))
		}
	case KindQuantity:
		if q, ok := quantityOf(e.Member("value").Digits(), e.Text("comparator"), e.Text("system"), e.Text("code"), e.Text("unit")); ok {
			c.add(p.number, q.appendTo(nil))
		}
	}
}

// maxText bounds what of a text is compared, in bytes.
const maxText = 500

func clip(s string) string {
	if len(s) <= maxText {
		return s
	}
	return strings.ToValidUTF8(s[:maxText], "")
}

// token is a code, an identifier or a reference, with where it comes from: a system, or
// the type of what is referred to.
type token struct{ code, system string }

// hashed is the token as a value: what it is never has to be read back.
func (t token) hashed() []byte {
	code, system := hash8(t.code), hash4(t.system)
	return append(code[:], system[:]...)
}

const tokenSize = 12

func hash8(s string) (h [8]byte) {
	sum := sha256.Sum256([]byte(s))
	copy(h[:], sum[:])
	return h
}

// hash4 is zero for the empty text: no system.
func hash4(s string) (h [4]byte) {
	if s == "" {
		return h
	}
	sum := sha256.Sum256([]byte(s))
	copy(h[:], sum[:])
	h[0] |= 0x80
	return h
}

// tokensOf reads a code in any of the forms that FHIR has for one.
func tokensOf(e fhirjson.Element, system string) (list []token) {
	if e.Kind() != fhirjson.Object {
		if code := e.Primitive(); code != "" {
			list = append(list, token{code, Canonical(system)})
		}
		return list
	}
	one := func(c fhirjson.Element) {
		code := c.Text("value")
		if code == "" {
			code = c.Text("code")
		}
		if code != "" {
			list = append(list, token{code, Canonical(c.Text("system"))})
		}
	}
	if e.Member("coding") != fhirjson.None {
		e.Each([]string{"coding"}, one)
	} else {
		one(e)
	}
	return list
}

// referenceOf reads a literal reference: an id and its type, or a foreign URL whole. A
// version in it does not count, and what is contained or not resolved is none.
func referenceOf(reference string) (token, bool) {
	reference = fhirjson.Local(reference)
	reference, _, _ = strings.Cut(reference, "/_history/")
	if reference == "" || reference[0] == '#' {
		return token{}, false
	}
	typ, id, ok := strings.Cut(reference, "/")
	if ok && isType(typ) && id != "" && !strings.Contains(id, "/") {
		return token{code: id, system: typ}, true
	}
	return token{code: reference}, true
}

func isType(s string) bool {
	return s != "" && s[0] >= 'A' && s[0] <= 'Z' && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") == ""
}

// spansOf reads a date, a Period or a Timing.
func spansOf(e fhirjson.Element) (list []Span) {
	if e.Kind() != fhirjson.Object {
		if s, err := ParseDate(e.Text()); err == nil {
			list = append(list, s)
		}
		return list
	}
	if s, ok := period(e.Text("start"), e.Text("end")); ok {
		list = append(list, s)
	}
	e.Each([]string{"event"}, func(event fhirjson.Element) {
		if s, err := ParseDate(event.Text()); err == nil {
			list = append(list, s)
		}
	})
	e.Each([]string{"repeat", "boundsPeriod"}, func(bounds fhirjson.Element) {
		if s, ok := period(bounds.Text("start"), bounds.Text("end")); ok {
			list = append(list, s)
		}
	})
	return list
}
