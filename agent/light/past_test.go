package light_test

import (
	"testing"
	"time"

	"github.com/carelog/carelog/agent/light"
)

func TestPast(t *testing.T) {
	start := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	c := &clock{at: start}
	l := light.New(c.now, "starting")
	set := func(color light.Color, a *light.Activity) {
		c.at = c.at.Add(time.Minute)
		l.Set(color, "x", a)
	}
	set(light.Synchronising, &light.Activity{Kind: light.CatchUp, Done: 4, Bytes: 10})
	set(light.Synchronising, &light.Activity{Kind: light.CatchUp, Done: 9, Bytes: 30})
	set(light.Synchronising, &light.Activity{Kind: light.Push, Done: 2})
	if past := l.Past(); len(past) != 2 || past[0].Kind != light.Push || !past[0].Ended.IsZero() {
		t.Errorf("got %+v, want a push that goes on, and what was before it", past)
	}
	set(light.Online, nil)
	past := l.Past()
	want := []light.Episode{
		{Kind: light.Push, Began: start.Add(3 * time.Minute), Ended: start.Add(4 * time.Minute), Done: 2},
		{Kind: light.CatchUp, Began: start.Add(time.Minute), Ended: start.Add(3 * time.Minute), Done: 9, Bytes: 30},
	}
	if len(past) != 2 || past[0] != want[0] || past[1] != want[1] {
		t.Errorf("got %+v, want %+v", past, want)
	}
	for range 30 {
		set(light.Synchronising, &light.Activity{Kind: light.Push, Done: 1})
		set(light.Online, nil)
	}
	if past := l.Past(); len(past) != 20 || past[0].Done != 1 || past[19].Done != 1 {
		t.Errorf("got %d, want the last twenty", len(past))
	}
}
