package web

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/light"
)

const queuedAtOnce = 100

// syncPage is where this desk stands: the light in full, what waits, and what somebody should look at.
type syncPage struct {
	State   *lightView
	Seen    []warningView // warnings that somebody has acknowledged
	Doubts  []lightFact
	Aside   queue
	Waiting queue
	Desks   []deskRow
	Past    []pastRow
}

// queue is what waits, or what was set aside.
type queue struct {
	*page
	Title, Text string
	Total, More int
	Rows        []queuedRow
}

type queuedRow struct {
	agent.Queued
	Kind, Name, By, At string
	Said               string // the last answer, in the language in use; empty: there is none but the exact one
}

type deskRow struct {
	ID, Name, Position, Far, Seen string
	Here, Revoked                 bool
}

type pastRow struct{ What, Began, Took, Records, Bytes string }

// syncFragment answers GET /fragments/sync with the inside of the page of the synchronisation.
func (h *Handler) syncFragment(w http.ResponseWriter, r *http.Request) error {
	p := h.newPage(r)
	var err error
	if p.Sync, err = h.readSync(r, p); err != nil {
		return err
	}
	return h.render(w, http.StatusOK, "sync", p)
}

func (h *Handler) readSync(r *http.Request, p *page) (*syncPage, error) {
	if p.unknown != nil {
		return nil, p.unknown
	}
	queued, err := h.desk.Outbox(r.Context())
	if err != nil {
		return nil, err
	}
	s := &syncPage{State: p.lightView(true)}
	for doubt, n := range p.status.Doubts {
		if n > 0 {
			s.Doubts = append(s.Doubts, lightFact{Term: firstOf(p.said.has("synchronisation.doubtNames", string(doubt)), string(doubt)), Text: p.N(n)})
		}
	}
	slices.SortFunc(s.Doubts, func(a, b lightFact) int { return strings.Compare(a.Term, b.Term) })
	known := h.newNames(r, p.said)
	for _, a := range p.status.Acknowledged {
		w := p.warningView(a.Warning)
		w.Seen = p.said.must("synchronisation.acknowledgedBy", known.who(a.By), p.said.moment(a.At), a.Reason)
		s.Seen = append(s.Seen, w)
	}
	aside := slices.DeleteFunc(slices.Clone(queued), func(q agent.Queued) bool { return !q.SetAside })
	waiting := slices.DeleteFunc(queued, func(q agent.Queued) bool { return q.SetAside })
	s.Aside = p.queueOf("synchronisation.aside", "synchronisation.asideText", aside, known)
	s.Waiting = p.queueOf("synchronisation.queue", "", waiting, known)
	if s.Desks, err = h.desksOf(r, p); err != nil {
		return nil, err
	}
	for _, e := range h.desk.Past() {
		s.Past = append(s.Past, p.said.pastRow(e))
	}
	return s, nil
}

func (p *page) queueOf(title, text string, list []agent.Queued, known *names) queue {
	q := queue{page: p, Title: p.said.must(title), Total: len(list), More: max(0, len(list)-queuedAtOnce)}
	if text != "" {
		q.Text = p.said.must(text)
	}
	for _, one := range list[:min(len(list), queuedAtOnce)] {
		row := queuedRow{Queued: one, Kind: p.said.kind(one.Type), Name: p.said.must("conflicts.practice"), By: known.who(one.Author), At: p.said.moment(one.Time)}
		if one.Patient != "" {
			row.Name = firstOf(known.person("Patient", one.Patient), one.Patient)
		}
		if one.Problem != nil && one.LastError != "" {
			row.Said = p.said.problem(one.Problem)
		}
		q.Rows = append(q.Rows, row)
	}
	return q
}

// desksOf are the PCs of the practice and how far each has read.
func (h *Handler) desksOf(r *http.Request, p *page) (rows []deskRow, err error) {
	list, err := h.listDevices(r)
	if err != nil {
		return nil, err
	}
	for _, d := range list {
		row := deskRow{ID: d.ID, Name: firstOf(d.Name, d.ID), Here: d.ID == p.status.Device, Revoked: !d.Active, Seen: "—"}
		sequence := d.Sequence
		if row.Here {
			sequence = p.status.Position.Sequence
		}
		switch end := p.status.Server.Sequence; {
		case sequence == 0:
			row.Position = p.said.must("synchronisation.noPosition")
		case sequence < end:
			row.Position, row.Far = p.said.number(sequence), p.said.must("synchronisation.behind", int(end-sequence))
		default:
			row.Position, row.Far = p.said.number(sequence), p.said.must("synchronisation.level")
		}
		if !d.Seen.IsZero() {
			row.Seen = p.said.moment(d.Seen)
		}
		rows = append(rows, row)
	}
	return rows, nil
}

func (s *spoken) pastRow(e light.Episode) pastRow {
	row := pastRow{
		What: firstOf(s.has("light.activity", string(e.Kind)), string(e.Kind)), Began: s.moment(e.Began),
		Took: s.must("synchronisation.running"), Records: s.number(e.Done),
	}
	if !e.Ended.IsZero() {
		row.Took = s.duration(max(time.Second, e.Ended.Sub(e.Began)))
	}
	if e.Bytes > 0 {
		row.Bytes = s.bytes(e.Bytes)
	}
	return row
}
