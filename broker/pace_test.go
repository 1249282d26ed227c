package broker_test

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/carelog/carelog/broker"
	"github.com/carelog/carelog/broker/brokertest"
)

func TestPace(t *testing.T) {
	const large = 8 << 20
	for name, c := range map[string]struct {
		bytes int
		took  time.Duration
		want  int
	}{
		"a fast line has as many as may be":          {large, 10 * time.Millisecond, broker.ObjectMost},
		"one that took no time":                      {large, 0, broker.ObjectMost},
		"a middling line has what comes in a second": {large, 4 * time.Second, 2 << 20 / broker.ObjectChunk},
		"a slow line has few":                        {large, 2 * time.Minute, broker.ObjectAhead},
		"a small object says nothing":                {broker.ObjectAhead*broker.ObjectChunk - 1, time.Microsecond, broker.ObjectAhead},
		"one that broke off":                         {0, time.Second, broker.ObjectAhead},
	} {
		t.Run(name, func(t *testing.T) {
			var p broker.Pace
			if got := p.Most(t.Context()); got != broker.ObjectAhead {
				t.Errorf("%d pieces at once on a line of which nothing is known, want %d", got, broker.ObjectAhead)
			}
			p.Note(t.Context(), c.bytes, c.took)
			if got := p.Most(t.Context()); got != c.want {
				t.Errorf("%d pieces at once, want %d", got, c.want)
			}
			next, end := context.WithCancel(t.Context())
			defer end()
			if got := p.Most(next); got != broker.ObjectAhead {
				t.Errorf("%d pieces at once on the next connection, want %d", got, broker.ObjectAhead)
			}
		})
	}
}

func TestASmallObjectChangesNoPace(t *testing.T) {
	var p broker.Pace
	p.Note(t.Context(), 8<<20, time.Millisecond)
	p.Note(t.Context(), 100, time.Minute)
	if got := p.Most(t.Context()); got != broker.ObjectMost {
		t.Errorf("%d pieces at once after a small object that took long, want %d as before", got, broker.ObjectMost)
	}
	p.Note(t.Context(), 0, time.Second)
	if got := p.Most(t.Context()); got != broker.ObjectAhead {
		t.Errorf("%d pieces at once after an object broke off, want %d", got, broker.ObjectAhead)
	}
}

// A fast line is learnt of by the first object and used by the next, and forgotten with the
// connection: the next one may be slower.
func TestObjectsComeFasterOnAFastLine(t *testing.T) {
	b := brokertest.Start(t)
	d := b.Device("desk-1")
	l := d.Connect()
	data := bytes.Repeat([]byte("carelog!"), 4<<20/8)
	if err := l.PutObject(t.Context(), "a", data); err != nil {
		t.Fatal(err)
	}
	for ahead := range 2 {
		if got := l.PiecesAhead(); (got > broker.ObjectAhead) != (ahead > 0) {
			t.Errorf("%d pieces at once after %d objects", got, ahead)
		}
		if got, err := l.Object(t.Context(), "a"); err != nil || !bytes.Equal(got, data) {
			t.Errorf("%d bytes, %v; want %d", len(got), err, len(data))
		}
	}
	d.Cut()
	d.Await(l, false)
	d.Mend()
	d.Await(l, true)
	if got := l.PiecesAhead(); got != broker.ObjectAhead {
		t.Errorf("%d pieces at once on a new connection, want %d", got, broker.ObjectAhead)
	}
}
