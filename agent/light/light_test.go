package light_test

import (
	"testing"
	"time"

	"github.com/carelog/carelog/agent/light"
)

// clock is a PC's clock that a test moves.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func TestLight(t *testing.T) {
	c := &clock{at: time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)}
	l := light.New(c.now, "starting")
	start := c.at
	steps := []struct {
		name     string
		color    light.Color
		reason   string
		activity *light.Activity
		changed  bool
		since    time.Duration
	}{
		{"the same again is no change", light.Offline, "starting", nil, false, 0},
		{"another reason is one, and since stays", light.Offline, "no connection", nil, true, 0},
		{"blinks", light.Synchronising, "reading", &light.Activity{Kind: light.CatchUp, Total: 9}, true, 3 * time.Minute},
		{"progress is a change, and since stays", light.Synchronising, "reading", &light.Activity{Kind: light.CatchUp, Done: 4, Total: 9}, true, 3 * time.Minute},
		{"the same progress is none", light.Synchronising, "reading", &light.Activity{Kind: light.CatchUp, Done: 4, Total: 9}, false, 3 * time.Minute},
		{"green", light.Online, "safe", &light.Activity{Kind: light.Push}, true, 6 * time.Minute},
	}
	for i, s := range steps {
		c.at = start.Add(time.Duration(i+1) * time.Minute)
		if changed := l.Set(s.color, s.reason, s.activity); changed != s.changed {
			t.Errorf("%s: changed %v, want %v", s.name, changed, s.changed)
		}
		got := l.State()
		if got.Color != s.color || got.Reason != s.reason {
			t.Errorf("%s: got %s (%s), want %s (%s)", s.name, got.Color, got.Reason, s.color, s.reason)
		}
		if want := start.Add(s.since); !got.Since.Equal(want) {
			t.Errorf("%s: since %v, want %v", s.name, got.Since, want)
		}
		if got.Activity != nil && got.Color != light.Synchronising {
			t.Errorf("%s: a steady light says that it is doing %v", s.name, *got.Activity)
		}
	}
}
