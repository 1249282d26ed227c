package fhir

import (
	"cmp"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
	"github.com/carelog/carelog/projections/fhirsearch"
)

// provenanceAsked is a search for who made what: of the log, and of the records that
// clients wrote.
type provenanceAsked struct {
	past    projections.Past
	ids     []string  // of Provenance; nil: any
	version events.ID // only this one; zero: all
	agent   string    // of the Practitioner or the Device; empty: any
	made    span      // by the clock of the author's desk
	came    span      // to this desk
	none    bool      // what is made of the log is none of what is asked for
	used    url.Values
	ignored []leftOut // parameters that are not supported
	records asked     // of what clients wrote
	only    *problem  // why their records are not searched as well; nil: they are
	stage   string    // where in the search this page begins; see below
}

// Stages of a search. A cursor of the log or of records follows the first and the last.
const (
	stageLog     = "log"
	stageRecords = "records"
)

// span is a time from one moment on and before another; zero is no bound.
type span struct{ from, before time.Time }

func (s span) has(t time.Time) bool {
	return !t.Before(s.from) && (s.before.IsZero() || t.Before(s.before))
}

// maxIDs bounds for how many ids one search may ask.
const maxIDs = 100

// provenanceControls do not narrow a search for Provenance, and are understood.
var provenanceControls = map[string]func(value string) error{
	"_summary": func(value string) error {
		switch value {
		case "count":
			return errUncounted
		case "false":
			return nil
		}
		return errIgnored
	},
	"_total": func(value string) error {
		switch value {
		case "accurate":
			return errUncounted
		case "none", "estimate":
			return nil
		}
		return errors.New("want none or estimate")
	},
	"_sort": ignoredControl, "_include": ignoredControl, "_revinclude": ignoredControl,
}

func ignoredControl(string) error { return errIgnored }

var errUncounted = badRequest("not-supported", "nobody counts the versions of which there is a Provenance: read the pages, without _summary=count and _total=accurate")

// understandProvenance reads the parameters. What cannot be taken as it was meant is an
// error; a parameter that is not known is ignored and named, or, where strict, an error as well.
func understandProvenance(values url.Values, base string, strict bool) (*provenanceAsked, error) {
	a := &provenanceAsked{used: url.Values{}}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		bare, modifier, _ := strings.Cut(name, ":")
		switch {
		case name == "_format" || name == "_pretty":
			continue
		case strings.Join(values[name], "") == "" && name != cursorParameter:
			a.ignored = append(a.ignored, leaveOut("Provenance", name, ""))
			continue
		case len(values[name]) > 1 && !slices.Contains([]string{"recorded", "_lastUpdated", "_tag", "_include", "_revinclude"}, bare):
			return nil, badRequest("not-supported", "%s is given %d times: once is supported", name, len(values[name]))
		}
		for _, value := range values[name] {
			var told *problem
			err := a.take(name, bare, modifier, value, base)
			switch {
			case errors.Is(err, errIgnored):
				a.ignored = append(a.ignored, leaveOut("Provenance", name, value))
				continue
			case errors.As(err, &told):
				return nil, told
			case errors.Is(err, fhirsearch.ErrNotSupported):
				return nil, badRequest("not-supported", "%s: %v; see %s/metadata", name, err, Root)
			case err != nil:
				return nil, badRequest("value", "%s=%s: %v", name, value, err)
			}
			if name != cursorParameter {
				a.used.Add(name, value)
			}
		}
	}
	a.ignored = slices.Compact(a.ignored)
	if strict && len(a.ignored) > 0 {
		return nil, unsupported(a.ignored)
	}
	return a, a.divide(values.Get(cursorParameter))
}

// take takes in one parameter.
func (a *provenanceAsked) take(name, bare, modifier, value, base string) (err error) {
	if control, ok := provenanceControls[name]; ok {
		return control(value)
	}
	switch bare {
	case "target", "agent", "recorded", "_lastUpdated", fhirsearch.ParamID, "patient", "subject":
		if modifier != "" && (modifier != "Patient" || bare != "patient" && bare != "subject") {
			return badRequest("not-supported", "Provenance is searched by %s, and not by %s", bare, name)
		}
	}
	switch bare {
	case "target":
		return a.setTarget(strings.TrimPrefix(value, base+"/"))
	case "patient", "subject":
		if a.past.Patient != "" {
			return badRequest("not-supported", "Provenance is searched by one patient: ask for patient or subject once")
		}
		a.past.Patient, err = idOf(value, "Patient", base)
	case "agent":
		a.agent = strings.TrimPrefix(value, base+"/")
	case "recorded":
		err = narrow(value, &a.made.from, &a.made.before)
	case "_lastUpdated":
		err = narrow(value, &a.came.from, &a.came.before)
	case "_count":
		a.past.Limit, err = parseCount(value)
	case cursorParameter:
	case fhirsearch.ParamID:
		if a.ids = strings.Split(value, ","); len(a.ids) > maxIDs {
			err = badRequest("too-costly", "Provenance is searched by %d ids: at most %d", len(a.ids), maxIDs)
		}
	default:
		return a.takeAlike(name, value)
	}
	return err
}

// alike is what all that is made of the log has in common.
var alike = fhirsearch.Head{Values: fhirsearch.ValuesOf("Provenance", "", provenance(projections.Version{Event: &events.Event{}}, practitioner("")))}

// takeAlike takes in a parameter whose values are the same in all that is made of the log.
func (a *provenanceAsked) takeAlike(name, value string) error {
	c, known, err := fhirsearch.Parse("Provenance", name, value, time.Now())
	if !known {
		return errIgnored
	}
	if err == nil && !c.Matches(&alike) {
		a.none = true
	}
	return err
}

// divide says what is to be looked for where.
func (a *provenanceAsked) divide(cursor string) (err error) {
	if a.past.ID != "" && a.past.Patient != "" {
		return badRequest("not-supported", "Provenance is searched by target or by patient, not by both")
	}
	a.past.Since = a.came.from
	first := stageLog
	if a.none {
		first = stageRecords
	}
	a.stage, cursor, _ = strings.Cut(cmp.Or(cursor, first), ".")
	switch {
	case a.stage == stageLog && !a.none:
		a.past.After = cursor
	case a.stage != stageRecords:
		return badRequest("value", "%s is none that a search of Provenance gave", cursorParameter)
	}
	if a.records, err = understand("Provenance", a.used, true, time.Now()); err != nil {
		a.only = problemOf(err)
	}
	if a.only != nil && a.stage == stageRecords && !a.none {
		return badRequest("value", "%s is none that this search gave: %s", cursorParameter, a.only.text)
	}
	if a.stage == stageRecords {
		a.records.query.After = cursor
	}
	a.records.ignored = a.ignored
	return nil
}

// setTarget takes Type/id, or one version of it.
func (a *provenanceAsked) setTarget(value string) error {
	name, version, versioned := strings.Cut(value, "/_history/")
	typ, id, _ := strings.Cut(name, "/")
	record := events.Record{Type: typ, ID: id}
	if err := record.Validate(); err != nil {
		return errors.New("want Type/<id>, or Type/<id>/_history/<version>")
	}
	a.past.Type, a.past.ID = typ, id
	if !versioned {
		return nil
	}
	var err error
	a.version, err = events.ParseID(version)
	return err
}

// ofOne reports whether one record or dossier is asked about.
func (a *provenanceAsked) ofOne() bool { return a.past.ID != "" || a.past.Patient != "" }

func (a *provenanceAsked) fits(v projections.Version) bool {
	e := v.Event
	return (a.version.IsZero() || a.version == e.ID) &&
		(a.past.ID == "" || e.Record == events.Record{Type: a.past.Type, ID: a.past.ID}) &&
		(a.agent == "" || a.agent == "Practitioner/"+e.Author || a.agent == "Device/"+e.Device || a.agent == e.Author) &&
		a.made.has(e.Time) && a.came.has(v.Arrived)
}

// address is the one of this search, from a place in it on.
func (a *provenanceAsked) address(r *http.Request, cursor string) string {
	used := a.used
	if cursor != "" {
		used = maps.Clone(used)
		used.Set(cursorParameter, cursor)
	}
	return withQuery(base(r)+"/Provenance", used)
}
