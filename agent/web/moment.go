package web

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/feature/plural"
	"golang.org/x/text/number"
)

var fhirDate = regexp.MustCompile(`^(\d{4})(?:-(\d\d))?(?:-(\d\d))?(T.*)?$`)

// date writes a FHIR date or dateTime as exactly as it was given and no more so; what is none stays as it is.
func (s *spoken) date(value string) string {
	m := fhirDate.FindStringSubmatch(value)
	if m == nil || m[2] == "" {
		return value
	}
	if m[4] != "" {
		at, err := time.Parse(time.RFC3339, value)
		if err != nil {
			return value
		}
		return s.moment(at)
	}
	month, _ := strconv.Atoi(m[2])
	names := strings.Fields(s.has("dates", "months"))
	if month < 1 || month > len(names) {
		return value
	}
	if m[3] == "" {
		return names[month-1] + " " + m[1]
	}
	return s.must("dates.day", strings.TrimPrefix(m[3], "0"), names[month-1], m[1])
}

// moment writes a time of day by the clock of this PC, with its date unless that is today; a time that
// never was is said to be none.
func (s *spoken) moment(at time.Time) string {
	if at.UTC().Year() < 2 {
		return s.has("light", "never")
	}
	at = at.Local()
	if at.Format(time.DateOnly) == time.Now().Format(time.DateOnly) {
		return at.Format("15:04")
	}
	return s.momentInFull(at)
}

// momentInFull is with its date always, where it must stand alone.
func (s *spoken) momentInFull(at time.Time) string {
	at = at.Local()
	return s.must("dates.moment", s.date(at.Format(time.DateOnly)), at.Format("15:04"))
}

// number writes a number.
func (s *spoken) number(n uint64) string { return s.printer.Sprint(n) }

// bytes writes how much that is, in the unit that fits.
func (s *spoken) bytes(n uint64) string {
	switch {
	case n < 1e6:
		return s.inUnit("kilobyte", float64(n)/1e3, 0)
	case n < 1e9:
		return s.inUnit("megabyte", float64(n)/1e6, 0)
	}
	return s.inUnit("gigabyte", float64(n)/1e9, 1)
}

// duration writes a length of time as exactly as somebody who waits wants it.
func (s *spoken) duration(d time.Duration) string {
	switch {
	case d < 90*time.Second:
		return s.inUnit("second", d.Seconds(), 0)
	case d < 90*time.Minute:
		return s.inUnit("minute", d.Minutes(), 0)
	}
	return s.inUnit("hour", d.Hours(), 1)
}

// inUnit writes n rounded to at most one digit behind the point, or none. These are lengths and sizes of
// ours, to be read in passing; no figure of a record comes here.
func (s *spoken) inUnit(unit string, n float64, digits int) string {
	whole, tenth, visible := int(math.Round(n)), 0, 0
	if digits == 1 {
		if tenths := int(math.Round(n * 10)); tenths%10 != 0 {
			whole, tenth, visible = tenths/10, tenths%10, 1
		}
	}
	figures := s.printer.Sprint(number.Decimal(float64(whole)+float64(tenth)/10, number.MaxFractionDigits(digits)))
	form := s.form(whole)
	if visible > 0 {
		form = formOf(plural.Cardinal.MatchPlural(s.tag, whole, visible, visible, tenth, tenth))
	}
	return s.must("units."+unit+"."+form, figures)
}

// age is how old somebody is who was born then; empty where that is no whole date, or to come.
func (s *spoken) age(birth string, now time.Time) (string, error) {
	months, ok := monthsSince(birth, now)
	switch {
	case !ok:
		return "", nil
	case months >= 24:
		return s.say("years", months/12)
	}
	return s.say("months", months)
}

// monthsSince counts the whole months from a date of birth to a day at this PC.
func monthsSince(birth string, now time.Time) (int, bool) {
	born, err := time.Parse(time.DateOnly, birth)
	if err != nil {
		return 0, false
	}
	months := (now.Year()-born.Year())*12 + int(now.Month()-born.Month())
	if now.Day() < born.Day() {
		months--
	}
	return months, months >= 0
}
