package agent_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/events"
)

// warning is a warning of a desk; none where it is not given.
func (m *machine) warning(code string) (w agent.Warning) {
	if i := slices.IndexFunc(m.Now().Warnings, func(w agent.Warning) bool { return w.Code == code }); i >= 0 {
		return m.Now().Warnings[i]
	}
	return w
}

// What nobody can give back any more is acknowledged once, in somebody's name, and then at every desk: it is no warning, and is
// not forgotten. Where something else is missing, it is a warning again.
func TestWhatStaysMissingIsAcknowledged(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		one, two := w.two()
		one.notes(6)
		two.notes(6)
		w.settled()
		keys := w.keeps()
		w.away(ofDevice("one", 3, 5))
		keys()
		// The PCs that had them are gone.
		three, four := w.desk("three"), w.desk("four")
		for _, m := range []*machine{three, four} {
			w.await(t, "the warning at "+m.Name, func() bool { return m.warned(agent.WarnMissing) })
		}
		said := three.warning(agent.WarnMissing)
		if said.Fact == "" || said.Fact != four.warning(agent.WarnMissing).Fact {
			t.Fatalf("two desks that lack the same call it %q and %q", said.Fact, four.warning(agent.WarnMissing).Fact)
		}
		if _, err := three.Acknowledge(t.Context(), agent.WarnMissing, said.Fact, "dr-jansen", "both PCs burnt; asked, and registered anew"); err != nil {
			t.Fatal(err)
		}
		acknowledged := func(m *machine) {
			t.Helper()
			w.await(t, "that it is acknowledged at "+m.Name, func() bool { return len(m.Now().Acknowledged) > 0 })
			got := m.Now()
			a := got.Acknowledged[0]
			if len(got.Warnings) > 0 || a.Code != agent.WarnMissing || a.Text != said.Text || a.By != "dr-jansen" || a.At.IsZero() || a.Reason != "both PCs burnt; asked, and registered anew" {
				t.Errorf("%s warns of %+v, and has as acknowledged: %+v", m.Name, got.Warnings, a)
			}
		}
		acknowledged(three)
		acknowledged(four)
		three.kill()
		three.loseProjection()
		three.start()
		acknowledged(three)
		if _, err := three.Acknowledge(t.Context(), agent.WarnMissing, said.Fact, "dr-jansen", "again"); !errors.Is(err, agent.ErrNoWarning) {
			t.Errorf("acknowledged twice: %v, want %v", err, agent.ErrNoWarning)
		}

		w.settled()
		keys = w.keeps()
		w.away(ofDevice("two", 2, 2))
		keys()
		five := w.desk("five")
		w.await(t, "the warning of more", func() bool { return five.warned(agent.WarnMissing) })
		if more := five.warning(agent.WarnMissing); more.Fact == said.Fact || len(five.Now().Acknowledged) > 0 {
			t.Errorf("more is missing, and it says %+v, with %+v acknowledged", more, five.Now().Acknowledged)
		}
		// With what was lost last, it is of the same again.
		four.start()
		acknowledged(five)
	})
}

// A warning is acknowledged by somebody, for a reason, and only one of a fact that may stay, as it is read.
func TestWhatIsNotAcknowledged(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		one, _ := w.two()
		one.notes(6)
		w.settled()
		keys := w.keeps()
		w.away(ofDevice("one", 3, 5))
		keys()
		three, four := w.desk("three"), w.machine("four")
		four.skew.Store(int64(time.Hour))
		four.start()
		w.await(t, "the warnings", func() bool { return three.warned(agent.WarnMissing) && four.warned("clock-wrong") })
		fact := three.warning(agent.WarnMissing).Fact
		for name, c := range map[string]struct {
			m                          *machine
			code, fact, author, reason string
			want                       error
		}{
			"nobody":                {three, agent.WarnMissing, fact, "", "why", agent.ErrNobodyAnswers},
			"no reason":             {three, agent.WarnMissing, fact, "dr-jansen", " ", agent.ErrNobodyAnswers},
			"something else":        {three, agent.WarnMissing, "another", "dr-jansen", "why", agent.ErrOtherFact},
			"what it was not given": {three, agent.WarnRevocationLate, fact, "dr-jansen", "why", agent.ErrNoWarning},
			"what can be mended":    {four, "clock-wrong", "", "dr-jansen", "why", agent.ErrNotLasting},
		} {
			if _, err := c.m.Acknowledge(t.Context(), c.code, c.fact, c.author, c.reason); !errors.Is(err, c.want) {
				t.Errorf("%s: %v, want %v", name, err, c.want)
			}
		}
		if !three.warned(agent.WarnMissing) {
			t.Error("the warning is gone")
		}
	})
}

// What a PC acknowledged that is revoked later is a warning again, and so is what somebody takes back.
func TestAnAcknowledgementThatCountsNoMore(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		one, _ := w.two()
		one.notes(6)
		w.settled()
		keys := w.keeps()
		w.away(ofDevice("one", 3, 5))
		keys()
		three, four := w.desk("three"), w.desk("four")
		acknowledge := func(m *machine) events.Record {
			t.Helper()
			w.await(t, "the warning", func() bool { return four.warned(agent.WarnMissing) })
			written, err := m.Acknowledge(t.Context(), agent.WarnMissing, m.warning(agent.WarnMissing).Fact, "dr-jansen", "both PCs burnt")
			if err != nil {
				t.Fatal(err)
			}
			w.await(t, "that it is acknowledged", func() bool { return !four.warned(agent.WarnMissing) })
			v, err := m.Store().ByID(t.Context(), written.ID)
			if err != nil {
				t.Fatal(err)
			}
			return v.Event.Record
		}
		acknowledge(three)
		if _, _, err := four.RevokeDevice(t.Context(), "three", "dr-peeters"); err != nil {
			t.Fatal(err)
		}
		record := acknowledge(four)
		if _, err := four.Write(t.Context(), agent.Draft{Record: record, Author: "dr-peeters", Delete: true}); err != nil {
			t.Fatal(err)
		}
		w.await(t, "the warning again", func() bool { return four.warned(agent.WarnMissing) })
	})
}
