package web

import (
	"net/http"
	"time"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/behind"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections/sumehr/standing"
)

// behindAnswer is what /api/sumehr says: the patients whose Sumehr on the hub is not the
// newest.
type behindAnswer struct {
	Wished   int              `json:"wished"` // patients whose Sumehr is to be kept up to date
	Hub      *agent.HubStatus `json:"hub"`    // how it does; null: none is set up at this desk
	Patients []behindRow      `json:"patients"`
}

type behindRow struct {
	Patient  string          `json:"patient"`
	Name     string          `json:"name"`
	Author   string          `json:"author"` // who answers for it: number at the national health insurance; may be empty
	Reason   standing.Reason `json:"reason"` // the first that holds
	Text     string          `json:"text"`   // the reason, and what to do
	Do       standing.Action `json:"do"`
	Detail   string          `json:"detail,omitempty"`
	Since    time.Time       `json:"since,omitzero"` // the first change that the hub does not have
	Next     time.Time       `json:"next,omitzero"`  // attempt
	Records  []string        `json:"records"`        // to blame
	Findings []sumehrFinding `json:"findings"`
	Hub      *onHub          `json:"hub"` // what it holds; null: nothing
}

type onHub struct {
	URI    string        `json:"uri"`
	Since  time.Time     `json:"since"`
	Author string        `json:"author"` // id of the Practitioner
	Digest events.Digest `json:"digest"`
	Event  events.ID     `json:"event"` // that says so
}

func newOnHub(p *standing.Publication) *onHub {
	return &onHub{URI: p.URI, Since: p.At, Author: p.Author, Digest: p.Digest, Event: p.Version}
}

// hubStatus is how the hub does; nil where none is set up.
func (h *Handler) hubStatus() *agent.HubStatus {
	if h.publisher == nil {
		return nil
	}
	s := h.publisher.Status()
	return &s
}

// sumehrsBehind answers GET /api/sumehr. ?language= is that of the texts.
func (h *Handler) sumehrsBehind(w http.ResponseWriter, r *http.Request) error {
	if h.sumehrs == nil {
		return notFound("this desk keeps no table of Sumehrs")
	}
	rows, wished, err := h.sumehrs.List(r.Context())
	if err != nil {
		return err
	}
	answer := behindAnswer{Wished: wished, Patients: make([]behindRow, len(rows))}
	answer.Hub = h.hubStatus()
	for i, row := range rows {
		answer.Patients[i] = newBehindRow(row, r.URL.Query().Get("language"))
	}
	return writeJSON(w, http.StatusOK, answer)
}

func newBehindRow(row behind.Row, language string) behindRow {
	b := behindRow{
		Patient: row.Patient, Name: row.Name, Author: row.Author, Reason: row.Reason, Text: row.Reason.Text(language), Do: row.Reason.Do(), Detail: row.Detail,
		Since: row.Since, Next: row.Next, Records: append([]string{}, row.Records...), Findings: make([]sumehrFinding, len(row.Findings)),
	}
	for i, f := range row.Findings {
		b.Findings[i] = sumehrFinding{f, f.Severity(), f.Text(language)}
	}
	if p := row.Published; p != nil && !p.Revoked {
		b.Hub = newOnHub(p)
	}
	return b
}
