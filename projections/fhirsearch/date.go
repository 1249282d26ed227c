package fhirsearch

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Span is a stretch of time: a date as precisely as it is written, or a period. Both ends
// are milliseconds since 1970 by the clock on the wall where it was written, and belong to
// it. Offset is that clock's, in minutes east of UTC; noOffset where none is written.
type Span struct {
	Low, High int64
	Offset    int16
}

const noOffset = math.MinInt16

// The ends of time: periods that do not begin or do not end.
const (
	earliest = math.MinInt64
	latest   = math.MaxInt64
)

// ParseDate reads FHIR's date, dateTime and instant, and what a search may say beside:
// minutes without seconds. The calendar must have the day.
func ParseDate(s string) (Span, error) {
	fail := func() (Span, error) {
		return Span{}, fmt.Errorf("%q is no date: want YYYY, YYYY-MM, YYYY-MM-DD or YYYY-MM-DDThh:mm:ss with Z or ±hh:mm", s)
	}
	date, clock, hasClock := strings.Cut(s, "T")
	if !hasClock {
		low, high, ok := parseDay(date)
		if !ok {
			return fail()
		}
		return Span{low, high, noOffset}, nil
	}
	low, _, ok := parseDay(date)
	at, length, offset, fine := parseClock(clock)
	if !ok || len(date) != len("2006-01-02") || !fine {
		return fail()
	}
	return Span{low + at, low + at + length - 1, offset}, nil
}

// parseDay reads a year, a month or a day.
func parseDay(s string) (low, high int64, ok bool) {
	layouts := map[int]string{4: "2006", 7: "2006-01", 10: "2006-01-02"}
	from, err := time.Parse(layouts[len(s)], s)
	if err != nil || len(s) == 0 || from.Year() < 1 {
		return 0, 0, false
	}
	to := from.AddDate(0, 0, 1)
	switch len(s) {
	case 4:
		to = from.AddDate(1, 0, 0)
	case 7:
		to = from.AddDate(0, 1, 0)
	}
	return from.UnixMilli(), to.UnixMilli() - 1, true
}

// parseClock reads the time of day: when it begins, how long what is written lasts (both
// in milliseconds) and its offset.
func parseClock(s string) (at, length int64, offset int16, ok bool) {
	offset = noOffset
	if rest, utc := strings.CutSuffix(s, "Z"); utc {
		s, offset = rest, 0
	} else if i := strings.LastIndexAny(s, "+-"); i > 0 {
		zone, sign := s[i+1:], int16(1)
		if s[i] == '-' {
			sign = -1
		}
		h, m, fine := twoNumbers(zone, 14, 59)
		if !fine {
			return 0, 0, 0, false
		}
		s, offset = s[:i], sign*int16(60*h+m)
	}
	clock, fraction, hasFraction := strings.Cut(s, ".")
	if len(clock) < len("15:04") {
		return 0, 0, 0, false
	}
	h, m, fine := twoNumbers(clock[:5], 24, 59)
	at, length = int64(h)*3_600_000+int64(m)*60_000, 60_000
	if !fine || h == 24 {
		return 0, 0, 0, false
	}
	switch {
	case len(clock) == 5 && !hasFraction:
		return at, length, offset, true
	case len(clock) != 8 || clock[5] != ':':
		return 0, 0, 0, false
	}
	seconds, err := strconv.ParseUint(clock[6:], 10, 8)
	if err != nil || seconds > 60 { // 60 is a leap second
		return 0, 0, 0, false
	}
	at, length = at+int64(seconds)*1000, 1000
	if !hasFraction {
		return at, length, offset, true
	}
	if fraction == "" || len(fraction) > 20 || strings.Trim(fraction, "0123456789") != "" {
		return 0, 0, 0, false
	}
	length = []int64{100, 10, 1}[min(len(fraction), 3)-1]
	milliseconds, _ := strconv.ParseInt((fraction + "00")[:3], 10, 64)
	return at + milliseconds, length, offset, true
}

// twoNumbers reads hh:mm.
func twoNumbers(s string, most, mostMinutes uint64) (h, m uint64, ok bool) {
	if len(s) != 5 || s[2] != ':' || strings.Trim(s[:2]+s[3:], "0123456789") != "" {
		return 0, 0, false
	}
	h, _ = strconv.ParseUint(s[:2], 10, 8)
	m, _ = strconv.ParseUint(s[3:], 10, 8)
	return h, m, h <= most && m <= mostMinutes
}

// period joins the beginning of one span and the end of another. An end that is written by
// another clock is set by that of the beginning.
func period(start, end string) (Span, bool) {
	from, err := ParseDate(start)
	to, endErr := ParseDate(end)
	switch {
	case err != nil && endErr != nil || start != "" && err != nil || end != "" && endErr != nil:
		return Span{}, false
	case end == "":
		return Span{from.Low, latest, from.Offset}, true
	case start == "":
		return Span{earliest, to.High, to.Offset}, true
	}
	if from.Offset != noOffset && to.Offset != noOffset {
		to.High += minutes(int64(from.Offset) - int64(to.Offset))
	}
	return Span{from.Low, max(from.Low, to.High), from.Offset}, true
}

func minutes(n int64) int64 { return n * 60_000 }

// utc is the span by the clock of UTC.
func (s Span) utc() (low, high int64) {
	low, high = s.Low, s.High
	if low != earliest {
		low -= minutes(int64(s.Offset))
	}
	if high != latest {
		high -= minutes(int64(s.Offset))
	}
	return low, high
}

// together brings two spans to one clock: that of UTC where both say what theirs is, else
// the one on the wall: a day that is asked for without a zone is the day as it was written.
func together(a, b Span) (aLow, aHigh, bLow, bHigh int64) {
	if a.Offset == noOffset || b.Offset == noOffset {
		return a.Low, a.High, b.Low, b.High
	}
	aLow, aHigh = a.utc()
	bLow, bHigh = b.utc()
	return aLow, aHigh, bLow, bHigh
}

// holds reports whether a value is what a prefix and a span ask for, as R4 defines it
// (https://hl7.org/fhir/R4/search.html#prefix). Slack widens "about".
func (w Span) holds(p prefix, value Span, slack int64) bool {
	low, high, from, to := together(w, value)
	within := low <= from && to <= high
	switch p {
	case prefixNe:
		return !within
	case prefixGt:
		return to > high
	case prefixLt:
		return from < low
	case prefixGe:
		return to > high || within
	case prefixLe:
		return from < low || within
	case prefixSa:
		return from > high
	case prefixEb:
		return to < low
	case prefixAp:
		return from <= later(high, slack) && to >= earlier(low, slack)
	}
	return within
}

func later(t, by int64) int64 {
	if t > latest-by {
		return latest
	}
	return t + by
}

func earlier(t, by int64) int64 {
	if t < earliest+by {
		return earliest
	}
	return t - by
}

const spanSize = 18

// appendTo writes the span as a value.
func (s Span) appendTo(out []byte) []byte {
	out = binary.BigEndian.AppendUint64(out, uint64(s.Low))
	out = binary.BigEndian.AppendUint64(out, uint64(s.High))
	return binary.BigEndian.AppendUint16(out, uint16(s.Offset))
}

func readSpan(b []byte) (s Span, ok bool) {
	if len(b) != spanSize {
		return s, false
	}
	return Span{int64(binary.BigEndian.Uint64(b)), int64(binary.BigEndian.Uint64(b[8:])), int16(binary.BigEndian.Uint16(b[16:]))}, true
}

// shortest is how long a span may be without a key at its end.
const shortest = 48 * 3_600_000

func (s Span) long() bool { return s.High == latest || s.Low == earliest || s.High-s.Low > shortest }

// second is a time as a key orders it: five bytes of seconds since the year 1.
func second(t int64) []byte {
	const yearOne, bytesOfKey = 62_135_596_800, 5
	n := t/1000 + yearOne
	if t < 0 && t%1000 != 0 {
		n--
	}
	n = min(max(n, 0), 1<<40-1)
	return binary.BigEndian.AppendUint64(nil, uint64(n))[8-bytesOfKey:]
}
