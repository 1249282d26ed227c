package agent_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing/synctest"
	"time"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/broker/memlog"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
)

// action does something to one of the machines, or to the server. It says what, and
// nothing where it cannot be done now.
type action struct {
	weight int
	do     func(s *simulation, m *machine) string
}

var actions = []action{
	{30, (*simulation).writeOne},
	{5, (*simulation).writeMany},
	{8, (*simulation).transact},
	{9, (*simulation).resolve},

	{4, func(_ *simulation, m *machine) string { m.fault((*memlog.Log).Cut); return "line cut" }},
	{2, func(_ *simulation, m *machine) string { m.fault((*memlog.Log).CutIncoming); return "nothing comes in" }},
	{2, func(_ *simulation, m *machine) string { m.fault((*memlog.Log).CutOutgoing); return "nothing goes out" }},
	{5, (*simulation).delay},
	{4, func(s *simulation, m *machine) string {
		n := 1 + s.IntN(3)
		m.once(func(l *memlog.Log) { l.LoseAcks(n) })
		return fmt.Sprintf("%d acks will be lost", n)
	}},
	{3, func(_ *simulation, m *machine) string {
		m.once(func(l *memlog.Log) { l.LoseSends(1) })
		return "a send will be lost"
	}},
	{3, func(_ *simulation, m *machine) string {
		m.once((*memlog.Log).CutAfterStoring)
		return "line cut after the next is stored"
	}},
	{14, func(_ *simulation, m *machine) string { m.mend(); return "line mended" }},

	{3, (*simulation).chooseOffline},
	{5, (*simulation).chooseOnline},
	{3, (*simulation).restart},
	{5, (*simulation).crash},
	{6, (*simulation).open},
	{3, (*simulation).setClock},
	{2, (*simulation).copyDisk},
	{2, (*simulation).putDiskBack},
	{2, (*simulation).loseRecords},
	{2, (*simulation).loseQueue},

	{3, func(s *simulation, _ *machine) string { s.server.Restart(); return "server restarted" }},
	{2, (*simulation).rollBack},
	{1, (*simulation).wipe},
}

// act does one thing, by chance.
func (s *simulation) act() {
	total := 0
	for _, a := range actions {
		total += a.weight
	}
	m := s.desks[s.IntN(len(s.desks))]
	n := s.IntN(total)
	for _, a := range actions {
		if n -= a.weight; n >= 0 {
			continue
		}
		if what := a.do(s, m); what != "" {
			s.say("%s: %s", m.Name, what)
		}
		return
	}
}

// records are few, in two dossiers, so that people meet.
var records = []struct {
	record  events.Record
	patient string
}{
	{events.Record{Type: "Patient", ID: "p1"}, "p1"},
	{events.Record{Type: "AllergyIntolerance", ID: "a1"}, "p1"},
	{events.Record{Type: "Condition", ID: "c1"}, "p1"},
	{events.Record{Type: "Patient", ID: "p2"}, "p2"},
	{events.Record{Type: "Condition", ID: "c2"}, "p2"},
	{events.Record{Type: "Organization", ID: "o1"}, ""},
}

// say of a resource: mostly something that nobody has said before.
func (s *simulation) text() string {
	if s.IntN(6) == 0 {
		return fmt.Sprintf("common %d", s.IntN(2))
	}
	s.texts++
	return fmt.Sprintf("text %d", s.texts)
}

func body(r events.Record, patient, text string) []byte {
	subject := ""
	if patient != "" && r.Type != "Patient" {
		subject = fmt.Sprintf(`"subject":{"reference":"Patient/%s"},`, patient)
	}
	return fmt.Appendf(nil, `{"resourceType":%q,"id":%q,%s"name":[{"family":"Peeters"}],"code":{"text":%q}}`, r.Type, r.ID, subject, text)
}

// draft is a change that a person at a desk could want, on what stands there or on
// what stood there before.
func (s *simulation) draft(m *machine) (d agent.Draft, text string) {
	r := records[s.IntN(len(records))]
	text = s.text()
	d = agent.Draft{Record: r.record, Patient: r.patient, Author: "dr-" + m.Name, Body: body(r.record, r.patient, text)}
	history, err := m.Store().History(s.t.Context(), r.record)
	if err != nil {
		return d, text // not here yet
	}
	switch n := s.IntN(10); {
	case n < 5:
		for _, v := range history {
			if v.Head && (len(d.Parents) == 0 || s.IntN(3) == 0) {
				d.Parents = append(d.Parents, v.Event.ID)
			}
		}
	case n < 7: // perhaps a stale one
		d.Parents = []events.ID{history[s.IntN(len(history))].Event.ID}
	case n < 8:
		d.Create = true
	}
	if s.IntN(6) == 0 {
		d.Delete, d.Create, text = true, false, ""
	}
	return d, text
}

func (s *simulation) writeOne(m *machine) string {
	if !m.running() {
		return ""
	}
	d, text := s.draft(m)
	s.write(m, d, text)
	return fmt.Sprintf("writes %s %q on %v, create %v, delete %v", d.Record, text, d.Parents, d.Create, d.Delete)
}

func (s *simulation) writeMany(m *machine) string {
	if !m.running() {
		return ""
	}
	var drafts []agent.Draft
	var texts []string
	for range 2 + s.IntN(8) {
		d, text := s.draft(m)
		drafts, texts = append(drafts, d), append(texts, text)
	}
	m.user(func(a *agent.Agent) func() {
		outcomes, err := a.WriteMany(s.t.Context(), drafts)
		return func() {
			for i, d := range drafts {
				switch {
				case err != nil:
					s.history.unexpected(m.Name, d.Record, err)
				case !outcomes[i].Unchanged:
					s.history.note(m.Name, d.Record, texts[i], outcomes[i].Written, outcomes[i].Err)
				}
			}
		}
	})
	return fmt.Sprintf("writes many: %q", texts)
}

// mostTogether is how many changes a transaction of a simulation has at most.
const mostTogether = 5

// transact has a user make several changes that belong together.
func (s *simulation) transact(m *machine) string {
	if !m.running() {
		return ""
	}
	var list []agent.Draft
	var texts []string
	for range 2 + s.IntN(mostTogether-1) {
		d, text := s.draft(m)
		if slices.ContainsFunc(list, func(other agent.Draft) bool { return other.Record == d.Record }) {
			continue
		}
		list, texts = append(list, d), append(texts, text)
	}
	m.user(func(a *agent.Agent) func() {
		written, err := a.Transact(s.t.Context(), func(context.Context) ([]agent.Draft, error) { return list, nil })
		return func() { s.history.noteAll(m.Name, list, texts, written, err) }
	})
	return fmt.Sprintf("writes together: %q", texts)
}

// resolve has a conflict settled, now and then by two people at once.
func (s *simulation) resolve(m *machine) string {
	if !m.running() {
		return ""
	}
	open, err := m.Store().Conflicts(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	if len(open) == 0 {
		return ""
	}
	state := open[s.IntN(len(open))]
	what := s.settle(m, state)
	if other := s.desks[s.IntN(len(s.desks))]; other.running() && s.IntN(3) == 0 {
		what += ", and " + other.Name + " " + s.settle(other, state)
	}
	return what
}

func (s *simulation) settle(m *machine, state projections.State) string {
	r := agent.Resolution{Record: state.Record, Author: "dr-" + m.Name}
	for _, h := range state.Heads {
		r.Heads = append(r.Heads, h.Event.ID)
	}
	text := ""
	if s.IntN(2) == 0 {
		r.Keep = r.Heads[s.IntN(len(r.Heads))]
	} else {
		text = s.text()
		r.Body = body(r.Record, state.Patient, text)
	}
	m.user(func(a *agent.Agent) func() {
		w, err := a.Resolve(s.t.Context(), r)
		return func() { s.history.note(m.Name, r.Record, text, w, err) }
	})
	return fmt.Sprintf("resolves %s %v keeping %v or %q", r.Record, r.Heads, r.Keep, text)
}

func (s *simulation) delay(m *machine) string {
	d := time.Duration(s.IntN(3000)) * time.Millisecond
	m.fault(func(l *memlog.Log) { l.Delay(d) })
	return fmt.Sprintf("line delayed by %v", d)
}

func (s *simulation) chooseOffline(m *machine) string {
	if !m.running() {
		return ""
	}
	m.user(func(a *agent.Agent) func() { return s.history.must(m.Name, a.WorkOffline(s.t.Context())) })
	return "works offline"
}

func (s *simulation) chooseOnline(m *machine) string {
	if !m.running() {
		return ""
	}
	m.user(func(a *agent.Agent) func() { return s.history.must(m.Name, a.WorkOnline(s.t.Context())) })
	return "works online"
}

func (s *simulation) restart(m *machine) string {
	m.stop()
	m.start()
	return "program restarted"
}

func (s *simulation) crash(m *machine) string {
	m.kill()
	m.start()
	return "program killed and started again"
}

// open opens a dossier, whether or not the desk has read so far.
func (s *simulation) open(m *machine) string {
	if !m.running() {
		return ""
	}
	patient := records[s.IntN(len(records))].patient
	m.user(func(a *agent.Agent) func() {
		err := a.Need(s.t.Context(), patient)
		return func() {
			if err != nil && !errors.Is(err, agent.ErrIncomplete) {
				s.t.Errorf("open dossier %q at %s: %v", patient, m.Name, err)
			}
		}
	})
	return "opens dossier " + patient
}

func (s *simulation) setClock(m *machine) string {
	now := time.Now()
	skews := []time.Duration{0, now.AddDate(2, 0, 0).Sub(now), -time.Duration(now.UnixNano()), time.Duration(s.IntN(7200)-3600) * time.Second}
	skew := skews[s.IntN(len(skews))]
	m.skew.Store(int64(skew))
	return fmt.Sprintf("clock off by %v", skew)
}

func (s *simulation) copyDisk(m *machine) string {
	synctest.Wait()
	s.kept[m.Name] = m.copyData()
	return "disk copied to " + filepath.Base(s.kept[m.Name])
}

func (s *simulation) putDiskBack(m *machine) string {
	dir := s.kept[m.Name]
	if dir == "" || !s.strikes("disk") {
		return ""
	}
	delete(s.kept, m.Name)
	s.destroy(func() { m.abandon(dir) })
	m.start()
	return "disk put back from " + filepath.Base(dir)
}

func (s *simulation) loseRecords(m *machine) string {
	if !s.strikes("disk") {
		return ""
	}
	s.destroy(func() { m.kill(); m.loseProjection() })
	m.start()
	return "record.db lost"
}

// loseQueue loses outbox.db alone, or puts an older one back; record.db has all that it had.
func (s *simulation) loseQueue(m *machine) string {
	if !s.strikes("disk") {
		return ""
	}
	older := s.kept[m.Name]
	s.destroy(func() {
		m.kill()
		if older == "" {
			m.loseOutbox()
		} else {
			m.putBackOutbox(older)
		}
	})
	m.start()
	return "outbox.db lost; in its place: " + cmp.Or(older, "nothing")
}

func (s *simulation) rollBack(*machine) string {
	last := uint64(len(s.server.Stored()))
	to := last - uint64(s.IntN(1+min(int(last), 12)))
	if to == last || !s.strikes("server") {
		return ""
	}
	s.destroy(func() { s.down(); s.server.RollBack(to) })
	return fmt.Sprintf("server put back from a backup made at %d", to)
}

func (s *simulation) wipe(*machine) string {
	if !s.strikes("server") {
		return ""
	}
	s.destroy(func() { s.down(); s.server.Wipe() })
	return "server's disk lost"
}

// down stops the server until all desks have noticed: no disk comes back in no time.
func (s *simulation) down() {
	s.server.Stop()
	synctest.Wait()
}

// strikes says whether a disaster of a kind may come now. The server's disk can be lost
// again and again, and so can the desks'; but not both before all have got over the
// first. A desk that comes back from an older copy, to a server that has come back from
// a still older one, cannot know which numbers of its chain it has given away: that is
// a fork, which audit verify finds.
func (s *simulation) strikes(what string) bool {
	if s.hurt != "" && s.hurt != what {
		return false
	}
	s.hurt = what
	return true
}

// destroy does what makes something disappear for good. What was accepted and is
// nowhere afterwards cannot come back; everything else must.
func (s *simulation) destroy(do func()) {
	s.t.Helper()
	synctest.Wait()
	before := s.everywhere()
	if missing := s.history.missing(before); len(missing) > 0 {
		s.t.Fatalf("accepted, and nowhere to be found: %v", missing)
	}
	do()
	s.watch = watch{}
	after := s.everywhere()
	for id := range before {
		if !after[id] {
			s.history.destroyed(id)
		}
	}
}

// everywhere are the events that the server has, or any disk.
func (s *simulation) everywhere() map[events.ID]bool {
	s.t.Helper()
	found := make(map[events.ID]bool)
	for _, stored := range s.server.Stored() {
		if e, err := events.Decode(stored.Message); err == nil {
			found[e.ID] = true
		}
	}
	for _, m := range s.desks {
		if !m.running() {
			s.onDisk(m, found)
			continue
		}
		for _, id := range eventsIn(s.t, m.Store()) {
			found[id] = true
		}
		queue, err := m.Outbox(s.t.Context())
		if err != nil {
			s.t.Fatal(err)
		}
		for _, q := range queue {
			found[q.ID] = true
		}
	}
	return found
}

// onDisk reads the files of a machine that is off, from a copy of them.
func (s *simulation) onDisk(m *machine, found map[events.ID]bool) {
	s.t.Helper()
	dir := m.copyData()
	a, err := agent.Open(s.t.Context(), withData(m.Config, dir))
	if err != nil {
		s.t.Fatal(err)
	}
	for _, id := range eventsIn(s.t, a.Store()) {
		found[id] = true
	}
	queue, err := a.Outbox(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	for _, q := range queue {
		found[q.ID] = true
	}
	if err := a.Close(); err != nil {
		s.t.Fatal(err)
	}
	if err := os.RemoveAll(dir); err != nil {
		s.t.Fatal(err)
	}
}

func withData(c agent.Config, dir string) agent.Config {
	c.Data = dir
	return c
}
