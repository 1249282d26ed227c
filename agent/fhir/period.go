package fhir

import (
	"errors"
	"strings"
	"time"
)

var errPeriod = errors.New("want a date such as 2026-11-26, or an instant with its zone, with eq, ge, gt, le or lt before it")

// narrow takes a date of a search, with its prefix, into the bounds of a time: from on,
// and before. A date without an hour is all of it, in UTC.
func narrow(value string, from, before *time.Time) error {
	prefix, date := "eq", value
	if len(value) > 2 && value[0] >= 'a' {
		prefix, date = value[:2], value[2:]
	}
	start, end, err := spanOf(date)
	if err != nil {
		return err
	}
	lower, upper := time.Time{}, time.Time{}
	switch prefix {
	case "eq":
		lower, upper = start, end
	case "ge":
		lower = start
	case "gt", "sa":
		lower = end
	case "le":
		upper = end
	case "lt", "eb":
		upper = start
	default:
		return errPeriod
	}
	if lower.After(*from) {
		*from = lower
	}
	if !upper.IsZero() && (before.IsZero() || upper.Before(*before)) {
		*before = upper
	}
	return nil
}

// spanOf is the time that a date is of: [start, end).
func spanOf(date string) (start, end time.Time, err error) {
	for _, form := range []struct {
		layout string
		after  func(time.Time) time.Time
	}{
		{"2006", func(t time.Time) time.Time { return t.AddDate(1, 0, 0) }},
		{"2006-01", func(t time.Time) time.Time { return t.AddDate(0, 1, 0) }},
		{time.DateOnly, func(t time.Time) time.Time { return t.AddDate(0, 0, 1) }},
		{"2006-01-02T15:04Z07:00", func(t time.Time) time.Time { return t.Add(time.Minute) }},
		{"2006-01-02T15:04:05Z07:00", func(t time.Time) time.Time {
			if t.Nanosecond() != 0 { // Parse takes a fraction whether or not the layout has one
				return t.Add(time.Millisecond)
			}
			return t.Add(time.Second)
		}},
	} {
		if start, err := time.Parse(form.layout, strings.Replace(date, " ", "+", 1)); err == nil {
			return start, form.after(start), nil
		}
	}
	return start, end, errPeriod
}
