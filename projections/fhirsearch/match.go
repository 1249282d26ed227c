package fhirsearch

import (
	"slices"
	"strings"

	"github.com/carelog/carelog/projections/fhirjson"
)

// Head is one live version of a record, as it is asked about.
type Head struct {
	ID       string // of the record
	Updated  int64  // when the last of the record's heads came here, in milliseconds since 1970
	Conflict bool   // the record is in conflict
	Values   Values
}

// Matches reports whether a head is what is asked for. Of one that nobody can open, only
// what stands outside of it is known: it never matches what is asked of its content, not
// even that something is missing there.
func (c *Condition) Matches(h *Head) bool {
	hit := c.any(h, func(w *want, place uint16, value []byte) bool {
		return c.present || c.missing || c.fits(w, place, value, h)
	})
	if c.missing || c.not {
		return !hit && (c.outside() || !h.Values.sealed())
	}
	return hit
}

// Alone reports whether the values of a head decide alone whether it is what is asked for of
// records of a type: nothing of the record beside them matters, and one of the conditions
// holds of values only that no other type has.
func Alone(typ string, list []Condition) bool {
	if t := typeOf(typ); t == &others || t == &inside {
		return false
	}
	own := false
	for i := range list {
		c := &list[i]
		if slices.ContainsFunc(c.places, func(p uint16) bool { return p == placeID || p == placeLastUpdated || p == placeTag }) {
			return false
		}
		own = own || !c.not && !c.missing && !slices.Contains(c.places, placeDossier)
	}
	return own
}

// OfConflict reports whether a question asks for nothing but that records are in conflict.
func OfConflict(list []Condition) bool {
	if len(list) != 1 || len(list[0].wants) != 1 || list[0].not || list[0].missing || list[0].present {
		return false
	}
	c := &list[0]
	w := &c.wants[0]
	return c.Kind == KindToken && slices.Equal(c.places, []uint16{placeTag}) && !w.anyCode && c.fits(w, placeTag, conflictTag, nil)
}

// OfNames is the one condition of a question that the words of a record's names decide alone, as
// fhirjson.Index has them; nil where there is another one, or it asks for more. It is of
// people: what else is a name differs from type to type.
func OfNames(typ string, list []Condition) *Condition {
	if len(list) != 1 || list[0].Name != ParamName || list[0].exact || list[0].present || list[0].missing {
		return nil
	}
	switch typ {
	case "Patient", "Practitioner", "RelatedPerson":
		return &list[0]
	}
	return nil
}

// sealed reports whether the content cannot be opened.
func (v Values) sealed() (sealed bool) {
	v.each(func(place uint16, _ []byte) bool {
		sealed = place == placeSealed
		return !sealed
	})
	return sealed
}

// outside reports whether the values of a parameter are not of the content.
func (c *Condition) outside() bool {
	return len(c.places) > 0 && (c.places[0] == placeID || c.places[0] == placeLastUpdated)
}

// any reports whether a value of the parameter fits one that is wanted. Words may stand in
// several values of one head.
func (c *Condition) any(h *Head, fits func(*want, uint16, []byte) bool) bool {
	if c.Kind == KindString && !c.exact && !c.present && !c.missing {
		return c.anyWords(h.Values)
	}
	wants := c.wants
	if len(wants) == 0 {
		wants = []want{{}}
	}
	one := func(place uint16, value []byte) bool {
		return slices.ContainsFunc(wants, func(w want) bool { return fits(&w, place, value) })
	}
	switch c.places[0] {
	case placeID:
		return one(placeID, []byte(h.ID))
	case placeLastUpdated:
		return one(placeLastUpdated, Span{h.Updated, h.Updated, 0}.appendTo(nil))
	case placeTag:
		if h.Conflict && one(placeTag, conflictTag) {
			return true
		}
	}
	found := false
	h.Values.each(func(place uint16, value []byte) bool {
		found = slices.Contains(c.places, place) && one(place, value)
		return !found
	})
	return found
}

var conflictTag = token{fhirjson.ConflictTag.Code, fhirjson.ConflictTag.System}.hashed()

// fits reports whether one value is what is wanted.
func (c *Condition) fits(w *want, place uint16, value []byte, h *Head) bool {
	switch c.Kind {
	case KindString:
		return w.text == string(value)
	case KindDate:
		s, ok := readSpan(value)
		return ok && w.span.holds(w.prefix, s, w.slack)
	case KindQuantity:
		q, ok := readQuantity(value)
		return ok && w.measured(q)
	}
	if place == placeID {
		return w.anySystem && w.code == h.ID
	}
	if len(value) != tokenSize {
		return false
	}
	return (w.anyCode || [8]byte(value) == w.hash) && (w.anySystem || [4]byte(value[8:]) == w.systemHash)
}

// measured compares units as they are written, and numbers in them: nothing is converted.
func (w *want) measured(q quantity) bool {
	switch {
	case w.unitSystem != "" && q.system != w.sysHash4, w.unit != "" && q.code != w.unitHash && (w.unitSystem != "" || q.unit != w.unitHash):
		return false
	}
	return w.number.holds(w.prefix, q.low, q.high)
}

// anyWords reports whether all words of one of the texts that are wanted begin a word of
// the head's texts, whatever the order.
func (c *Condition) anyWords(v Values) bool {
	var words []string
	v.each(func(place uint16, value []byte) bool {
		if slices.Contains(c.places, place) {
			words = append(words, fhirjson.Words(string(value))...)
		}
		return true
	})
	return c.MatchesWords(words)
}

// MatchesWords reports whether all words of one of the texts that are wanted begin one of
// these words.
func (c *Condition) MatchesWords(words []string) bool {
	return slices.ContainsFunc(c.wants, func(w want) bool {
		return !slices.ContainsFunc(w.words, func(begin string) bool {
			return !slices.ContainsFunc(words, func(word string) bool { return strings.HasPrefix(word, begin) })
		})
	})
}
