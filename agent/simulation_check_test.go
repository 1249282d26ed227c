package agent_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/light"
	"github.com/carelog/carelog/events"
)

// history is what people were told.
type history struct {
	mu       sync.Mutex
	accepted map[events.ID]string
	refused  map[string]string // why, by text
	gone     map[events.ID]bool
	together [][]events.ID // that were accepted as one
	strange  []string
}

func newHistory() *history {
	return &history{accepted: make(map[events.ID]string), refused: make(map[string]string), gone: make(map[events.ID]bool)}
}

// note keeps the answer to a write.
func (h *history) note(desk string, r events.Record, text string, w agent.Written, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var stale *agent.StaleError
	switch {
	case err == nil:
		h.accepted[w.ID] = fmt.Sprintf("%s of %s by %s (%q, at %d)", w.ID, r, desk, text, w.Sequence)
	case errors.As(err, &stale), errors.Is(err, agent.ErrExists), errors.Is(err, agent.ErrNotFound), errors.Is(err, agent.ErrGone), errors.Is(err, agent.ErrNoChoice):
		h.refused[text] = err.Error()
	default:
		h.strange = append(h.strange, fmt.Sprintf("%s writes %s: %v", desk, r, err))
	}
}

// noteAll keeps the answer to a transaction.
func (h *history) noteAll(desk string, list []agent.Draft, texts []string, written []agent.Written, err error) {
	var ids []events.ID
	for i, d := range list {
		switch {
		case errors.Is(err, agent.ErrBusy):
		case err != nil:
			h.note(desk, d.Record, texts[i], agent.Written{}, err)
		default:
			h.note(desk, d.Record, texts[i], written[i], nil)
			ids = append(ids, written[i].ID)
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.together = append(h.together, ids)
}

func (h *history) unexpected(desk string, r events.Record, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.strange = append(h.strange, fmt.Sprintf("%s, %s: %v", desk, r, err))
}

// must is an answer that can only be good.
func (h *history) must(desk string, err error) func() {
	return func() {
		if err != nil {
			h.unexpected(desk, events.Record{}, err)
		}
	}
}

// missing are the accepted events that are not among those found.
func (h *history) missing(found map[events.ID]bool) []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var list []string
	for id, what := range h.accepted {
		if !found[id] && !h.gone[id] {
			list = append(list, what)
		}
	}
	slices.Sort(list)
	return list
}

func (h *history) destroyed(id events.ID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.gone[id] = true
}

// watch remembers where the log ended, to hold green lights against it.
type watch struct{ ends []end }

type end struct {
	at   time.Time
	last uint64
}

// proofAge is how old the proof of a green light can be: the interval, and what one
// proof and the writes that it waits for take on a line that is slow or mute.
const proofAge = simulationInterval + time.Minute

// look holds every light against the truth. Green says that nothing waits in the
// outbox but one write, or transaction, that its user is still waiting for, and that at a moment not
// longer ago than proofAge this desk stood at the end of the log.
func (s *simulation) look() {
	s.t.Helper()
	now := time.Now()
	s.watch.ends = append(s.watch.ends, end{now, uint64(len(s.server.Stored()))})
	then, known := uint64(0), false
	for _, e := range s.watch.ends {
		if now.Sub(e.at) >= proofAge {
			then, known = e.last, true
		}
	}
	over := true
	for _, m := range s.desks {
		over = over && m.running() && m.green()
		if !m.running() {
			continue
		}
		status := m.Now()
		if status.Color != light.Online {
			continue
		}
		if status.Outbox > mostTogether {
			s.t.Fatalf("the light of %s is green with %d events in the outbox", m.Name, status.Outbox)
		}
		if known && status.Position.Sequence < then {
			s.t.Fatalf("the light of %s is green at %d, and the log went up to %d more than %v ago", m.Name, status.Position.Sequence, then, proofAge)
		}
	}
	if over {
		s.hurt = ""
	}
	if h := s.history; len(h.strange) > 0 {
		s.t.Fatalf("no answer to expect: %v", h.strange)
	}
}

// check holds the log, and every desk, against what people were told.
func (s *simulation) check() {
	s.t.Helper()
	s.checkPromises(s.server.Stored(), s.agreed())
}

// checkPromises looks for every answer that the log does not bear out.
func (s *simulation) checkPromises(log []events.Stored, graph model) {
	s.t.Helper()
	there := make(map[events.ID]bool)
	for _, stored := range log {
		if e, err := events.Decode(stored.Message); err == nil {
			there[e.ID] = true
		}
	}
	for _, m := range s.desks {
		queue, err := m.Outbox(s.t.Context())
		if err != nil {
			s.t.Fatal(err)
		}
		for _, q := range queue {
			there[q.ID] = there[q.ID] || q.SetAside
		}
	}
	for _, what := range s.history.missing(there) {
		s.t.Errorf("accepted, and not in the log: %s", what)
	}
	for _, ids := range s.history.together {
		for _, id := range ids {
			if there[id] != there[ids[0]] {
				s.t.Errorf("of a transaction the log has %s %v, and %s %v", ids[0], there[ids[0]], id, there[id])
			}
		}
	}
	for r, versions := range graph {
		for _, v := range versions {
			if why, ok := s.history.refused[v.text]; ok && strings.HasPrefix(v.text, "text ") {
				s.t.Errorf("%q of %s stands at %d, and its author was told: %s", v.text, r, v.sequence, why)
			}
		}
	}
}
