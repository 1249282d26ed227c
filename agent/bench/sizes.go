package bench

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// units are those of a count of events.
var units = []struct {
	name string
	of   int
}{{"M", 1_000_000}, {"k", 1000}}

// ParseCount reads a number of events as people write it: 500, 10k, 1.5M.
func ParseCount(text string) (int, error) {
	digits, unit := text, 1
	for _, u := range units {
		if number, ok := strings.CutSuffix(strings.ToLower(text), strings.ToLower(u.name)); ok {
			digits, unit = number, u.of
			break
		}
	}
	x, err := strconv.ParseFloat(digits, 64)
	if n := x * float64(unit); err == nil && n >= 1 && n <= math.MaxInt32 && n == math.Trunc(n) {
		return int(n), nil
	}
	return 0, fmt.Errorf("%q is no number of events: want one like 500, 10k or 1M", text)
}

// Count writes a number of events as ParseCount reads it.
func Count(n int) string {
	for _, u := range units {
		if n >= u.of {
			return strconv.FormatFloat(float64(n)/float64(u.of), 'f', -1, 64) + u.name
		}
	}
	return strconv.Itoa(n)
}
