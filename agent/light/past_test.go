package light_test

import (
	"slices"
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
	for range 60 {
		set(light.Synchronising, &light.Activity{Kind: light.Push, Done: 1})
		set(light.Online, nil)
	}
	past = l.Past()
	if len(past) != light.KeptEpisodes || past[0].Done != 1 || past[len(past)-1].Done != 1 {
		t.Errorf("got %d, want the last %d", len(past), light.KeptEpisodes)
	}

	later := light.New(c.now, "starting")
	later.Remember(append([]light.Episode{{Kind: light.Push, Began: c.at}}, past...))
	if got := later.Past(); !slices.Equal(got, past) {
		t.Errorf("got %+v, want %+v: what nobody saw end is left out", got, past)
	}
	c.at = c.at.Add(time.Minute)
	later.Set(light.Synchronising, "x", &light.Activity{Kind: light.CatchUp, Done: 3})
	want = append([]light.Episode{{Kind: light.CatchUp, Began: c.at, Done: 3}}, past[:light.KeptEpisodes-1]...)
	if got := later.Past(); !slices.Equal(got, want) {
		t.Errorf("got %+v, want what goes on before the newest of what was remembered", got)
	}
}
