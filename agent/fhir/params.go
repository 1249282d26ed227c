package fhir

import (
	"errors"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/carelog/carelog/projections"
	"github.com/carelog/carelog/projections/fhirsearch"
)

// controls are the parameters that do not narrow a search, and what they do to it.
var controls = map[string]func(a *asked, value string) error{
	"_count":        setCount,
	cursorParameter: func(a *asked, value string) error { a.query.After = value; return nil },
	"_sort":         setSort,
	"_summary":      setSummary,
	"_total":        setTotal,
	"_include":      func(a *asked, value string) error { return a.include(value, false) },
	"_revinclude":   func(a *asked, value string) error { return a.include(value, true) },
}

// cursorParameter carries the place in a search from one page to the next.
const cursorParameter = "_cursor"

// single are the parameters that say one thing, of whatever request.
var single = []string{"_count", cursorParameter, "_format", "_pretty", "_since", "_sort", "_summary", "_total"}

// repeated refuses a parameter that says one thing and is given twice: only one of the two could be heeded, and the other may be
// the one that was meant.
func repeated(values url.Values) error {
	for _, name := range single {
		if n := len(values[name]); n > 1 {
			return badRequest("value", "%s is given %d times: once is supported", name, n)
		}
	}
	return nil
}

// asked is a search as it was understood.
type asked struct {
	query     projections.Query
	includes  []include
	used      url.Values // for the self link
	ignored   []leftOut  // parameters that are not supported
	countOnly bool
}

// include brings other records onto a page: those that the matches refer to, or those
// that refer to the matches.
type include struct {
	typ       string // whose parameter it is
	parameter fhirsearch.Parameter
	target    string // the only type that is brought; empty: any
	reverse   bool
}

// leftOut is a parameter that a search passes over.
type leftOut struct{ name, fault string }

func leaveOut(typ, name, value string) leftOut {
	fault := "the parameter " + name
	switch _, known := controls[name]; {
	case value == "":
		return leftOut{name, fault + " has no value"}
	case known:
		fault = name + "=" + value
	}
	return leftOut{name, fault + " is not supported for " + typ}
}

// errIgnored says that a parameter is not supported, and can be left out.
var errIgnored = errors.New("not supported")

// DefaultCount is how many entries a page of a search has where nobody says. A page costs by
// its entries, and whoever wants more asks with _count or for the next one.
const DefaultCount = 20

// understand reads search parameters. What cannot be taken as it was meant is an
// error; a parameter that is not known is ignored and named, or, where strict, an
// error as well.
func understand(typ string, values url.Values, strict bool, now time.Time) (asked, error) {
	a := asked{query: projections.Query{Type: typ, Limit: DefaultCount}, used: url.Values{}}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if name == "_format" || name == "_pretty" {
			continue
		}
		if strings.Join(values[name], "") == "" {
			a.ignored = append(a.ignored, leaveOut(typ, name, ""))
			continue
		}
		for _, value := range values[name] {
			err := a.take(name, value, now)
			switch {
			case errors.Is(err, errIgnored):
				a.ignored = append(a.ignored, leaveOut(typ, name, value))
				continue
			case errors.Is(err, fhirsearch.ErrNotSupported):
				return asked{}, badRequest("not-supported", "%s: %v; see %s/metadata", name, err, Root)
			case err != nil:
				return asked{}, badRequest("value", "%s=%s: %v", name, value, err)
			}
			a.used.Add(name, value)
		}
	}
	a.ignored = slices.Compact(a.ignored)
	if strict && len(a.ignored) > 0 {
		return asked{}, unsupported(a.ignored)
	}
	return a, nil
}

// unsupported refuses parameters that would have been ignored.
func unsupported(ignored []leftOut) *problem {
	faults := make([]string, len(ignored))
	for i, out := range ignored {
		faults[i] = out.fault
	}
	return badRequest("not-supported", "%s; see %s/metadata", strings.Join(faults, ", "), Root)
}

// maxConditions bounds what one search may ask.
const maxConditions = 50

// take takes in one parameter.
func (a *asked) take(name, value string, now time.Time) error {
	if value == "" {
		return errors.New("the value is missing")
	}
	if control, ok := controls[name]; ok {
		return control(a, value)
	}
	c, known, err := fhirsearch.Parse(a.query.Type, name, value, now)
	if !known {
		return errIgnored
	}
	if len(a.query.Conditions) == maxConditions {
		return errors.New("there are too many parameters")
	}
	a.query.Conditions = append(a.query.Conditions, c)
	return err
}

func setCount(a *asked, value string) error {
	n, err := strconv.Atoi(value)
	if err != nil || n < 0 {
		return errors.New("want a number of entries")
	}
	a.query.Limit = min(max(n, 1), projections.MaxLimit)
	if n == 0 {
		a.countOnly, a.query.CountOnly = true, true
	}
	return nil
}

// setTotal lets a client have the total also where it costs more than the page.
func setTotal(a *asked, value string) error {
	switch value {
	case "accurate":
		a.query.Counted = true
	case "none", "estimate":
	default:
		return errors.New("want none, estimate or accurate")
	}
	return nil
}

func setSort(a *asked, value string) (err error) {
	if a.query.Order.Name != "" {
		return errors.New("one parameter orders a search")
	}
	a.query.Order, err = fhirsearch.ParseOrder(a.query.Type, value)
	if errors.Is(err, fhirsearch.ErrNotSupported) {
		return errIgnored
	}
	return err
}

func setSummary(a *asked, value string) error {
	switch value {
	case "count":
		a.countOnly, a.query.CountOnly = true, true
		return nil
	case "false":
		return nil
	}
	return errIgnored
}

// include reads Type:parameter or Type:parameter:target.
func (a *asked) include(value string, reverse bool) error {
	parts := strings.Split(value, ":")
	if len(parts) < 2 || len(parts) > 3 {
		return errIgnored
	}
	i := include{typ: parts[0], reverse: reverse}
	if len(parts) == 3 {
		i.target = parts[2]
	}
	p, known := fhirsearch.Lookup(i.typ, parts[1])
	if i.parameter = p; !known || p.Kind != fhirsearch.KindReference {
		return errIgnored
	}
	here := a.query.Type
	switch {
	case !reverse && i.typ != here, reverse && (!p.PointsAt(here) || i.target != "" && i.target != here):
		return errIgnored
	}
	if _, ok := resourceTypes[i.typ]; !ok {
		return errIgnored
	}
	if _, ok := resourceTypes[i.target]; i.target != "" && (!ok || p.Target != "" && p.Target != i.target) {
		return errIgnored // it would bring nothing, whoever asks
	}
	a.includes = append(a.includes, i)
	return nil
}

// effect says what a parameter would have done.
func effect(name string) string {
	switch bare, _, _ := strings.Cut(name, ":"); bare {
	case "_sort":
		return "did not order what was found"
	case "_include", "_revinclude":
		return "brought nothing with it"
	case "_summary":
		return "left nothing out"
	}
	return "did not narrow the search"
}
