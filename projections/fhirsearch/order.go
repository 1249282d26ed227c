package fhirsearch

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
)

// Order is how what was found is listed. The zero value is by name where the type has
// one, and else by id. Equals stand by id, and what has nothing to be ordered by comes last.
type Order struct {
	Parameter  // a date, name, _id or _lastUpdated; zero: the usual one
	Descending bool
}

// ParseOrder reads FHIR's _sort. Only one parameter orders, and _id may follow it.
func ParseOrder(typ, text string) (o Order, err error) {
	text, _ = strings.CutSuffix(text, ","+ParamID)
	name, descending := strings.CutPrefix(text, "-")
	p, known := Lookup(typ, name)
	if !known || p.Kind != KindDate && p.Name != ParamName && p.Name != ParamID || len(p.places) == 0 {
		return o, fmt.Errorf("%w: want one of %s, with - before it for descending", ErrNotSupported, strings.Join(Orders(typ), ", "))
	}
	return Order{p, descending}, nil
}

// Orders are the parameters that records of a type can be ordered by.
func Orders(typ string) (names []string) {
	for _, p := range typeOf(typ).parameters {
		if p.Kind == KindDate || p.Name == ParamName || p.Name == ParamID {
			names = append(names, p.Name)
		}
	}
	return names
}

// Usual is the order for a type where none is asked for.
func (o Order) Usual(typ string) Order {
	if o.Name != "" {
		return o
	}
	if p, ok := Lookup(typ, ParamName); ok {
		return Order{Parameter: p}
	}
	p, _ := Lookup(typ, ParamID)
	return Order{Parameter: p}
}

// String is the order as _sort has it.
func (o Order) String() string {
	if o.Descending {
		return "-" + o.Name
	}
	return o.Name
}

// Key is what a version is ordered by, where that is one of its dates: the earliest, or
// where the order descends the latest. Nil where it has none.
func (o Order) Key(v Values) (key []byte) {
	v.each(func(place uint16, value []byte) bool {
		if place != o.places[0] {
			return true
		}
		if s, ok := readSpan(value); ok {
			at := second(s.Low)
			if c := bytes.Compare(at, key); key == nil || c < 0 && !o.Descending || c > 0 && o.Descending {
				key = at
			}
		}
		return true
	})
	return key
}

// Reach is all keys of a type in this order, where the index has any: those of a date or a
// name, behind two bytes that they have in common.
func (o Order) Reach(typ string) (r Reach, ok bool) {
	switch {
	case o.Name == ParamName:
		return reach(typeOf(typ).label, nil, nil), true
	case o.Kind == KindDate && o.Name != ParamLastUpdated:
		return reach(o.places[0], nil, nil), true
	}
	return r, false
}

// InValues reports whether the order is by what stands among the values of a record, or by
// its label.
func (o Order) InValues() bool {
	return o.Name == ParamName || o.Kind == KindDate && o.Name != ParamLastUpdated
}

// First is the first key within a reach of a record with the values of its heads packed,
// behind its first two bytes; nil where it has none.
func (r Reach) First(packed []byte) (first []byte) {
	for _, v := range Unpack(packed) {
		v.each(func(place uint16, value []byte) bool {
			for _, key := range appendKeys(nil, place, value) {
				if bytes.Compare(key, r.From) >= 0 && bytes.Compare(key, r.To) <= 0 && (first == nil || bytes.Compare(key, first) < 0) {
					first = key
				}
			}
			return true
		})
	}
	if first == nil {
		return nil
	}
	return first[2:]
}

// LabelKey is the key of a record by the name that lists are ordered by; nil where the type
// has none, or the record.
func LabelKey(typ, label string) []byte {
	if place := typeOf(typ).label; place != 0 && label != "" {
		return keyOf(place, []byte(label))
	}
	return nil
}

// IDKey is the key by which a record stands among all of its type, by id.
func IDKey(typ, id string) []byte { return keyOf(placeID, []byte(typ+"/"+id)) }

// IDsOf is the keys of all records of a type.
func IDsOf(typ string) Reach {
	from := []byte(typ + "/")
	return reach(placeID, from, from)
}

// IDIn reads the id out of such a key.
func IDIn(key []byte) string {
	_, id, _ := strings.Cut(string(key[2:]), "/")
	return id
}

// Compare orders two keys; nil comes last.
func (o Order) Compare(a, b []byte) int {
	switch {
	case (a == nil) != (b == nil):
		if a == nil {
			return 1
		}
		return -1
	case o.Descending:
		return bytes.Compare(b, a)
	}
	return bytes.Compare(a, b)
}

// KeyOfArrival orders by when something came here.
func KeyOfArrival(arrival int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(arrival)) }

// KeyText writes a key as a word, ParseKey reads it.
func KeyText(key []byte) string {
	if key == nil {
		return ""
	}
	return "k" + hex.EncodeToString(key)
}

// ParseKey reads what KeyText wrote.
func ParseKey(s string) (key []byte, ok bool) {
	if s == "" {
		return nil, true
	}
	digits, ok := strings.CutPrefix(s, "k")
	key, err := hex.DecodeString(digits)
	return key, ok && err == nil && len(key) <= maxText
}
