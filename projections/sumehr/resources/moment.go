package resources

import (
	"regexp"
	"time"

	"github.com/carelog/carelog/projections/sumehr/kmehr"
)

var (
	dayForm   = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}`)
	monthForm = regexp.MustCompile(`^\d{4}-\d{2}`)
	yearForm  = regexp.MustCompile(`^\d{4}`)
	timeForm  = regexp.MustCompile(`^(\d{2}:\d{2}:\d{2}(?:\.\d+)?)(Z|[+-]\d{2}:\d{2})?$`)
)

// moment reads a moment as FHIR writes it, with its precision; or the text that it is.
func moment(e *kmehr.Element) (at, words string) {
	switch {
	case e.At("date").Value() != "":
		day := dayForm.FindString(e.At("date").Value())
		if clock := e.At("time").Value(); clock != "" && day != "" {
			return instant(day, clock), ""
		}
		return day, ""
	case e.At("yearmonth").Value() != "":
		return monthForm.FindString(e.At("yearmonth").Value()), ""
	case e.At("year").Value() != "":
		return yearForm.FindString(e.At("year").Value()), ""
	}
	return "", e.At("text").Value()
}

// instant joins a day and a time. A time that does not say where it was is that of Belgian
// clocks; one that is none leaves the day.
func instant(day, clock string) string {
	m := timeForm.FindStringSubmatch(clock)
	on, err := time.Parse(time.DateOnly, day)
	if m == nil || err != nil {
		return day
	}
	offset := m[2]
	if offset == "" {
		offset = belgian(on)
	}
	return day + "T" + m[1] + offset
}

// stamp reads an xs:dateTime; some write a date in its place.
func stamp(value string) string {
	day := dayForm.FindString(value)
	if len(value) > len(day) && day != "" && value[len(day)] == 'T' {
		return instant(day, value[len(day)+1:])
	}
	return day
}

// belgian is the offset of Belgian clocks on a day: summer time runs from the last Sunday of
// March to the last Sunday of October.
func belgian(on time.Time) string {
	lastSunday := func(m time.Month) time.Time {
		end := time.Date(on.Year(), m, 31, 0, 0, 0, 0, time.UTC)
		return end.AddDate(0, 0, -int(end.Weekday()))
	}
	if !on.Before(lastSunday(time.March)) && on.Before(lastSunday(time.October)) {
		return "+02:00"
	}
	return "+01:00"
}
