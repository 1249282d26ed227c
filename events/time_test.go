package events_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/carelog/carelog/events"
)

// Times are written and read as package time does it, for every text that is nearly one.
func TestTimesAreThoseOfPackageTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		at := time.UnixMilli(rapid.Int64Range(-70_000_000_000_000, 260_000_000_000_000).Draw(t, "ms")).UTC()
		text := []byte(at.Format(events.TimeLayout))
		if got := string(events.AppendTime(nil, at)); got != string(text) {
			t.Fatalf("written as %s: want %s", got, text)
		}
		for range rapid.IntRange(0, 3).Draw(t, "changes") {
			text[rapid.IntRange(0, len(text)-1).Draw(t, "at")] = rapid.SampledFrom([]byte("0123456789-:.,TZ /+;\x00\xff")).Draw(t, "byte")
		}
		want, err := time.Parse(events.TimeLayout, string(text))
		valid := err == nil && want.Format(events.TimeLayout) == string(text)
		got, err := events.ParseTime(string(text))
		if valid != (err == nil) || valid && !got.Equal(want) {
			t.Fatalf("%q read as %v, %v: want %v, %v", text, got, err, want, valid)
		}
	})
}
