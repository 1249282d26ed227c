package fhirsearch

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/carelog/carelog/projections/fhirjson"
)

// Condition is one parameter of a question with its values, one of which must be there.
type Condition struct {
	Parameter
	not     bool // none of the values may be there
	exact   bool
	missing bool // there may be no value at all
	present bool // there must be one
	wants   []want
}

// want is one value that is asked for.
type want struct {
	prefix prefix // of dates and numbers

	code, system string // of a token; a reference has the type for a system
	anyCode      bool
	anySystem    bool
	hash         [8]byte
	systemHash   [4]byte

	span  Span
	slack int64

	number             numberWant
	unitSystem, unit   string
	unitHash, sysHash4 [4]byte

	text  string
	words []string
}

// prefix says how a date or a number is compared.
type prefix string

const (
	prefixEq prefix = "eq"
	prefixNe prefix = "ne"
	prefixGt prefix = "gt"
	prefixLt prefix = "lt"
	prefixGe prefix = "ge"
	prefixLe prefix = "le"
	prefixSa prefix = "sa"
	prefixEb prefix = "eb"
	prefixAp prefix = "ap"
)

// Bounds of one parameter of a question.
const (
	maxWants = 100
	maxValue = 4096 // bytes
)

// ErrNotSupported says that a parameter is known, but not asked in a way that is served.
var ErrNotSupported = errors.New("not supported")

// Parse reads one parameter of a question for a type, in FHIR's notation: its name, which
// may have a modifier, and its value, in which a comma parts values of which one must hold.
// Now is for what is "about" a date. The second result is false where the type has no such
// parameter. An error says what is wrong with the value; it wraps ErrNotSupported where
// the modifier or a chain is not served.
func Parse(typ, name, value string, now time.Time) (c Condition, known bool, err error) {
	bare, modifier := name, ""
	if i := strings.IndexAny(name, ":."); i >= 0 {
		bare, modifier = name[:i], name[i:]
	}
	c.Parameter, known = Lookup(typ, bare)
	if !known {
		return c, false, nil
	}
	if err := c.modify(modifier); err != nil {
		return c, true, err
	}
	if len(value) > maxValue {
		return c, true, fmt.Errorf("it has %d bytes: at most %d", len(value), maxValue)
	}
	if strings.HasPrefix(modifier, ":missing") {
		if value != "true" && value != "false" {
			return c, true, errors.New("want true or false")
		}
		c.missing, c.present = value == "true", value == "false"
		return c, true, nil
	}
	for _, part := range split(value, ',') {
		w, err := c.want(part, now)
		if err != nil {
			return c, true, err
		}
		c.wants = append(c.wants, w)
	}
	if len(c.wants) > maxWants {
		return c, true, fmt.Errorf("%d values: at most %d", len(c.wants), maxWants)
	}
	return c, true, nil
}

// modify takes in what stands behind the name.
func (c *Condition) modify(modifier string) error {
	unsupported := fmt.Errorf("%w: %s cannot be modified or chained by %q here", ErrNotSupported, c.Name, modifier)
	record := c.Name == ParamID || c.Name == ParamLastUpdated
	switch name := strings.TrimPrefix(modifier, ":"); {
	case modifier == "":
	case modifier[0] == '.':
		return unsupported
	case name == "missing" && !record:
	case name == "exact" && c.Kind == KindString:
		c.exact = true
	case name == "not" && (c.Kind == KindToken && c.Name != ParamID):
		c.not = true
	case c.Kind == KindReference && isType(name) && (c.Target == "" || c.Target == name):
		c.Target = name
	default:
		return unsupported
	}
	return nil
}

// Or is a condition that one of several values holds: references as Type/id, for what
// points at what was found.
func Or(p Parameter, references []string) (c Condition, err error) {
	c.Parameter = p
	for _, r := range references {
		w, err := c.reference(r)
		if err != nil {
			return c, err
		}
		c.wants = append(c.wants, w)
	}
	return c, nil
}

func (c *Condition) want(value string, now time.Time) (w want, err error) {
	if value == "" {
		return w, errors.New("a value is missing")
	}
	switch c.Kind {
	case KindToken:
		return tokenWant(value)
	case KindReference:
		return c.reference(unescape(value))
	case KindURI:
		w.code = unescape(value)
		w.hash = hash8(w.code)
		return w, nil
	case KindString:
		w.text = unescape(value)
		if w.words = fhirjson.Words(w.text); len(w.words) == 0 && !c.exact {
			return w, errors.New("there is no letter or digit to search for")
		}
		return w, nil
	case KindDate:
		w.prefix, w.text = cutPrefix(value)
		w.span, err = ParseDate(w.text)
		if w.prefix == prefixAp && err == nil {
			w.slack = max(abs(now.UnixMilli()/86_400_000*86_400_000-w.span.Low)/10, 0)
		}
		return w, err
	case KindQuantity:
		return quantityWant(value)
	}
	return w, fmt.Errorf("%w: %s", ErrNotSupported, c.Kind)
}

func abs(n int64) int64 { return max(n, -n) }

// tokenWant reads code, system|code, |code (no system) or system| (any code).
func tokenWant(value string) (w want, err error) {
	parts := splitN(value, '|', 2)
	if len(parts) == 1 {
		w.code, w.anySystem = unescape(value), true
	} else {
		w.system, w.code = Canonical(unescape(parts[0])), unescape(parts[1])
		w.anyCode = w.code == ""
		if w.anyCode && w.system == "" {
			return w, errors.New("want a code, system|code, |code or system|")
		}
	}
	w.hash, w.systemHash = hash8(w.code), hash4(w.system)
	return w, nil
}

// reference reads Type/id, an id, or a URL.
func (c *Condition) reference(value string) (w want, err error) {
	t, ok := referenceOf(value)
	switch {
	case !ok:
		return w, errors.New("want Type/id, an id or a URL")
	case t.system == "" && !strings.Contains(t.code, "/") && !strings.Contains(t.code, ":"): // an id alone
		t.system, w.anySystem = c.Target, c.Target == ""
	case t.system == "" && !strings.Contains(t.code, ":"):
		return w, fmt.Errorf("want %s/<id>", orType(c.Target))
	case c.Target != "" && t.system != "" && t.system != c.Target,
		c.Target != "" && t.system == "" && !strings.Contains(t.code, "/"+c.Target+"/"):
		return w, fmt.Errorf("want %s/<id>", c.Target)
	}
	w.code, w.system = t.code, t.system
	w.hash, w.systemHash = hash8(w.code), hash4(w.system)
	return w, nil
}

func orType(target string) string {
	if target == "" {
		return "Type"
	}
	return target
}

// quantityWant reads number, number|system|code or number||unit.
func quantityWant(value string) (w want, err error) {
	w.prefix, value = cutPrefix(value)
	parts := splitN(value, '|', 3)
	if len(parts) == 2 {
		return w, errors.New("want a number, number|system|code or number||unit")
	}
	if w.number, err = numberWantOf(parts[0]); err != nil || len(parts) == 1 {
		return w, err
	}
	w.unitSystem, w.unit = Canonical(unescape(parts[1])), unescape(parts[2])
	w.sysHash4, w.unitHash = hash4(w.unitSystem), hash4(w.unit)
	return w, nil
}

// cutPrefix takes the two letters before a date or a number.
func cutPrefix(value string) (prefix, string) {
	if len(value) > 2 && value[0] >= 'a' && value[0] <= 'z' {
		switch p := prefix(value[:2]); p {
		case prefixEq, prefixNe, prefixGt, prefixLt, prefixGe, prefixLe, prefixSa, prefixEb, prefixAp:
			return p, value[2:]
		}
	}
	return prefixEq, value
}

// split parts a value at every separator that no backslash stands before.
func split(value string, separator byte) []string { return splitN(value, separator, -1) }

func splitN(value string, separator byte, most int) (parts []string) {
	from := 0
	for i := 0; i < len(value) && len(parts) != most-1; i++ {
		switch value[i] {
		case '\\':
			i++
		case separator:
			parts = append(parts, value[from:i])
			from = i + 1
		}
	}
	return append(parts, value[from:])
}

// unescape takes FHIR's backslashes out of a value.
func unescape(value string) string {
	if !strings.Contains(value, `\`) {
		return value
	}
	var b strings.Builder
	for i := 0; i < len(value); i++ {
		if value[i] == '\\' && i+1 < len(value) && strings.IndexByte(`\,$|`, value[i+1]) >= 0 {
			i++
		}
		b.WriteByte(value[i])
	}
	return b.String()
}

// Patients are the ids of those whom a condition names: by their own record, or by a
// reference. Nobody has to be there.
func (c *Condition) Patients(typ string) (list []string) {
	for _, w := range c.wants {
		dossier := w.anySystem && slices.Contains(c.places, placeDossier)
		if typ == "Patient" && c.Name == ParamID || c.Kind == KindReference && (w.system == "Patient" || dossier) {
			list = append(list, w.code)
		}
	}
	return list
}

// Dossiers are those outside of which nothing is found; false where that is not known
// without looking.
func (c *Condition) Dossiers(typ string) (patients []string, ok bool) {
	if c.not || c.missing || len(c.wants) == 0 {
		return nil, false
	}
	if typ == "Patient" && c.Name == ParamID {
		return c.codes(), true
	}
	if !slices.Contains(c.places, placeDossier) {
		return nil, false
	}
	for _, w := range c.wants {
		if w.system != "Patient" {
			return nil, false
		}
	}
	return c.codes(), true
}
