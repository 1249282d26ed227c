package sumehr

import (
	"strings"

	"github.com/carelog/carelog/projections/sumehr/kmehr"
)

// when is a moment as FHIR lets it be said: at most one of these.
type when struct {
	at   string // date or dateTime, with the precision that the doctor gave
	age  quantity
	span span
	text string
}

// moment writes a moment of an item with its precision: a year stays a year. What is no
// date is a text. Nil where nothing is known.
func (b *builder) moment(name string, w when, language string) *kmehr.Element {
	switch {
	case w.at != "":
		return moment(name, w.at)
	case w.text != "":
		return kmehr.New(name, kmehr.Text(language, w.text))
	case w.age.Value != "":
		return kmehr.New(name, kmehr.Text(language, w.age.text()))
	case w.span.Low.Value != "" || w.span.High.Value != "":
		return kmehr.New(name, kmehr.Text(language, strings.Trim(w.span.Low.text()+" - "+w.span.High.text(), " -")))
	}
	return nil
}

func moment(name, at string) *kmehr.Element {
	day, clock, timed := strings.Cut(at, "T")
	switch {
	case at == "":
		return nil
	case timed:
		return kmehr.New(name, kmehr.Leaf("date", day), kmehr.Leaf("time", clock))
	case len(day) == len("2006"):
		return kmehr.New(name, kmehr.Leaf("year", day))
	case len(day) == len("2006-01"):
		return kmehr.New(name, kmehr.Leaf("yearmonth", day))
	}
	return kmehr.New(name, kmehr.Leaf("date", day))
}

func (q quantity) text() string {
	unit := q.Unit
	if unit == "" {
		unit = q.Code
	}
	return strings.TrimSpace(q.Value.String() + " " + unit)
}

// over reports whether a moment is before a day, as far as its precision tells.
func over(at, day string) bool {
	at, _, _ = strings.Cut(at, "T")
	return at != "" && at < day[:min(len(at), len(day))]
}

func firstOf(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}
