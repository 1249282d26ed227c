package web

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/carelog/carelog/projections/sumehr/standing"
)

const (
	sumehrsAtOnce  = 50
	findingsAtOnce = 3
)

// sumehrsPage is the table of the patients whose Sumehr on the hub is not the newest.
type sumehrsPage struct {
	NoTable       bool // this desk keeps none
	Total, Wished int
	Down, Next    string // since when the hub is, and when it is tried again
	Reasons       []selection
	Rows          []sumehrRow
	None          bool   // nobody of all has the reason that was chosen
	More          string // the address of the fragment with more rows; empty: there are none
}

// sumehrRow is how the Sumehr of one patient stands.
type sumehrRow struct {
	*page
	behindRow
	Called, Short, Sentence string // the patient; the reason in a word and in a sentence
	Held, By, Behind, Again string
	First                   []findingRow
	Beside                  int // findings beside those
	Button                  *remedy
}

type findingRow struct{ Text, Record, Kind string }

// remedy is what the user can do about a reason: go somewhere, or have something done.
type remedy struct {
	Text, Link string
	Do         string // set-up: say how a hub is set up; publish
}

// sumehrsFragment answers GET /fragments/sumehr with the inside of the page of the table: the patients of
// ?reason=, at most ?count= of them.
func (h *Handler) sumehrsFragment(w http.ResponseWriter, r *http.Request) error {
	p := h.newPage(r)
	var err error
	if p.Sumehrs, err = h.readSumehrs(r, p); err != nil {
		return err
	}
	return h.render(w, http.StatusOK, "sumehrs", p)
}

func (h *Handler) readSumehrs(r *http.Request, p *page) (*sumehrsPage, error) {
	if h.sumehrs == nil {
		return &sumehrsPage{NoTable: true}, nil
	}
	rows, wished, err := h.sumehrs.List(r.Context())
	if err != nil {
		return nil, err
	}
	t := &sumehrsPage{Total: len(rows), Wished: wished}
	if hub := h.hubStatus(); hub != nil && !hub.DownSince.IsZero() {
		t.Down = p.said.moment(hub.DownSince)
		if !hub.Next.IsZero() {
			t.Next = p.said.moment(hub.Next)
		}
	}
	query := r.URL.Query()
	chosen, count := query.Get("reason"), atLeast(query.Get("count"), sumehrsAtOnce)
	counts := make(map[string]int)
	var order []string
	known := h.newNames(r, p.said)
	fit := 0
	for _, row := range rows {
		reason := string(row.Reason)
		order = add(order, reason)
		counts[reason]++
		if chosen != "" && reason != chosen {
			continue
		}
		if fit++; fit <= count {
			t.Rows = append(t.Rows, p.sumehrRow(newBehindRow(row, p.said.code), known))
		}
	}
	t.None = len(rows) > 0 && fit == 0
	if fit > count {
		t.More = "/fragments/sumehr?" + url.Values{"reason": {chosen}, "count": {strconv.Itoa(count + sumehrsAtOnce)}}.Encode()
	}
	if chosen != "" {
		order = add(order, chosen)
	}
	if len(order) > 1 {
		reasons := selection{Name: "reason", Any: p.said.must("sumehr.anyReason"), Chosen: chosen}
		for _, reason := range order {
			reasons.Options = append(reasons.Options, option{reason, fmt.Sprintf("%s (%s)", firstOf(p.said.has("sumehr.reasons", reason), reason), p.N(counts[reason]))})
		}
		t.Reasons = []selection{reasons}
	}
	return t, nil
}

func (p *page) sumehrRow(b behindRow, known *names) sumehrRow {
	s := p.said
	row := sumehrRow{
		page: p, behindRow: b, Called: firstOf(b.Name, s.has("patients", "unnamed")), Short: firstOf(s.has("sumehr.reasons", string(b.Reason)), string(b.Reason)),
		Sentence: s.sentence(b.Text) + ".", Behind: "—", Beside: max(0, len(b.Findings)-findingsAtOnce), Button: s.remedy(b),
	}
	if !b.Since.IsZero() {
		row.Behind = s.moment(b.Since)
	}
	if !b.Next.IsZero() {
		row.Again = s.must("named", s.must("sumehr.next"), s.moment(b.Next))
	}
	if b.Hub != nil {
		row.Held = s.moment(b.Hub.Since)
		if b.Hub.Author != "" {
			row.By = s.must("dossier.by", known.who(b.Hub.Author))
		}
	}
	for _, f := range b.Findings[:len(b.Findings)-row.Beside] {
		finding := findingRow{Text: s.sentence(f.Text)}
		if kind, _, _ := strings.Cut(f.Record, "/"); hasForm(kind) {
			finding.Record, finding.Kind = f.Record, s.kind(kind)
		}
		row.First = append(row.First, finding)
	}
	return row
}

// standingPage is how the Sumehr of one patient stands, for the privacy tab.
type standingPage struct {
	sumehrRow
	Wished, Refused bool
	OnHub           string // since when and by whom; empty: there is none
	Taken           string // that it was taken from there; empty: it was not
	Next            string // attempt
}

// standingFragment answers GET /fragments/sumehr/<patient>: how the patient's Sumehr stands, and what
// the hub holds.
func (h *Handler) standingFragment(w http.ResponseWriter, r *http.Request) error {
	row, err := h.standingOf(r)
	if err != nil {
		return err
	}
	p := h.newPage(r)
	known := h.newNames(r, p.said)
	s := &standingPage{sumehrRow: p.sumehrRow(newBehindRow(row, p.said.code), known), Wished: row.Wished, Refused: row.Refused}
	if hub := row.Published; hub != nil && hub.Revoked {
		s.Taken = p.said.must("privacy.taken", p.said.momentInFull(hub.At))
	} else if hub != nil {
		s.OnHub = p.said.momentInFull(hub.At)
		if hub.Author != "" {
			s.OnHub += ", " + known.who(hub.Author)
		}
	}
	if !row.Next.IsZero() {
		s.Next = p.said.moment(row.Next)
	}
	p.Standing = s
	return h.render(w, http.StatusOK, "standing", p)
}

// hasForm reports whether the pages have a form for a kind of record.
func hasForm(kind string) bool {
	return kind == "Patient" || kind == "Consent" || slices.Contains(leftKinds, kind) || slices.Contains(rightKinds, kind)
}

// remedy is the button for what the user can do; nil where only somebody else can do anything.
func (s *spoken) remedy(b behindRow) *remedy {
	dossier := "/patients/" + b.Patient
	edit := func(record string) string { return dossier + "?edit=" + url.QueryEscape(record) }
	r := &remedy{Text: s.has("sumehr.do", string(b.Do))}
	switch b.Do {
	case standing.WithdrawWish:
		r.Link = dossier + "?view=privacy"
	case standing.OpenPatient:
		r.Link = edit("Patient/" + b.Patient)
	case standing.RecordConsent:
		r.Link = dossier + "?view=privacy&record=retrospective"
	case standing.RecordRelation:
		r.Link = dossier + "?view=privacy&record=gmd"
	case standing.Resolve:
		if r.Link = "/conflicts"; len(b.Records) > 0 {
			r.Link += "/" + b.Records[0]
		}
	case standing.Connect:
		r.Link = "/sync"
	case standing.Correct:
		if r.Link = "/sumehr/" + b.Patient; len(b.Findings) > 0 && b.Findings[0].Record != "" {
			r.Link = edit(b.Findings[0].Record)
		}
	case standing.Choose:
		r.Link = "/sumehr/" + b.Patient + "?view=hub"
	case standing.SetUpHub:
		r.Do = "set-up"
	case standing.LogIn:
		r.Do = "publish"
	default:
		if b.Reason != standing.Unreachable && b.Reason != standing.Waiting {
			return nil
		}
		r.Text, r.Do = s.must("sumehr.publish"), "publish"
	}
	return r
}
