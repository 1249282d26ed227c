package web

import (
	"cmp"
	"net/http"
	"slices"
	"strings"

	"golang.org/x/text/collate"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
)

// The kinds of registration that have a list of their own, as they stand on the page.
var (
	leftKinds  = []string{"DocumentReference", "Observation", "Immunization"}
	rightKinds = []string{"Condition", "AllergyIntolerance", "MedicationStatement"}
)

// standsWith is the list in which a kind stands that has none of its own: what is prescribed is medication, for the Sumehr too.
var standsWith = map[string]string{"MedicationRequest": "MedicationStatement"}

// speakOf are the kinds that say something of what a list is about, and stand among the others: beside one that is not over,
// an empty list cannot say that there is nothing.
var speakOf = map[string][]string{
	"MedicationStatement": {"MedicationDispense", "MedicationAdministration"},
	"Condition":           {"Flag", "FamilyMemberHistory", "RiskAssessment", "ClinicalImpression"},
	"AllergyIntolerance":  {"Flag", "AdverseEvent"},
	"Observation":         {"DiagnosticReport"},
}

// dossierPage is the page of one patient.
type dossierPage struct {
	ID, Name   string
	Here       bool // something of the dossier is
	Incomplete bool // there may be more than this desk could get
	Waits      bool // something of this desk waits for the server
	Person     *registration
	Facts      []fact
	Beside     []otherPerson // what other versions of a conflict say of the person
	Safety     safety
	Left       []section
	Right      []section
	Others     []group
	Conflicts  int             // in all of the dossier
	Wishes     []*registration // about the hub having the Sumehr
	Privacy    []consents
	View       string // overview, timeline or privacy
	Timeline   *timeline
}

type fact struct{ Term, Text string }

// otherPerson is who a patient is by a version of a conflict that is not the one shown.
type otherPerson struct {
	version
	Name  string
	Facts []fact
}

// section is the list of a kind of registration.
type section struct {
	*page
	Type    string
	Now     list
	Past    list // what is over
	Groups  []measured
	Empty   bool
	Others  string // what other registrations say of it, where it is empty
	Folded  int    // conflicts in what is folded away
	AddName string
}

// group are the registrations of a kind that the pages have no form for.
type group struct {
	Kind      string
	Count     int
	Conflicts int
	Rows      list
}

// dossierFragment answers GET /fragments/dossiers/<patient> with the inside of a dossier's page, as ?view=
// shows it; the choice in the timeline is ?kind=, ?user= and ?text=.
func (h *Handler) dossierFragment(w http.ResponseWriter, r *http.Request) error {
	patient := r.PathValue("patient")
	if err := events.ValidateID("patient", patient); err != nil {
		return badRequest("the path names no patient: %v", err)
	}
	p := h.newPage(r)
	var err error
	if p.Dossier, err = h.readDossier(r, p, patient); err != nil {
		return err
	}
	return h.render(w, http.StatusOK, "dossier", p)
}

func (h *Handler) readDossier(r *http.Request, p *page, patient string) (*dossierPage, error) {
	incomplete := h.desk.Need(r.Context(), patient) != nil
	states, err := h.records.Dossier(r.Context(), patient)
	if err != nil {
		return nil, err
	}
	queued, err := h.desk.Outbox(r.Context())
	if err != nil {
		return nil, err
	}
	waits := make(map[string]agent.Queued, len(queued))
	for _, q := range queued {
		waits[q.Type+"/"+q.RecordID] = q
	}
	h.saw(r, "Patient/"+patient, patient)
	d := &dossierPage{ID: patient, Incomplete: incomplete, Name: p.said.has("patients", "unnamed"), View: "overview", Waits: len(queued) > 0}
	if view := r.URL.Query().Get("view"); view == "timeline" || view == "privacy" {
		d.View = view
	}
	reader := &rowReader{page: p, known: h.newNames(r, p.said), waits: waits}
	var rows []*registration
	for _, s := range states {
		if s.Shown.Deleted() && !s.Conflict {
			continue
		}
		row := reader.read(s)
		if row.Type == "Patient" && row.ID == patient {
			d.Person = row
		}
		rows = append(rows, row)
	}
	d.Here = len(rows) > 0
	if d.Person != nil {
		readable := slices.IndexFunc(d.Person.versions, version.Readable) // the one shown may be a deletion
		d.Name = p.said.personName(d.Person.versions[max(readable, 0)].content)
		d.Facts = p.factsOf(d.Person.content)
		for _, v := range d.Person.versions[1:] {
			d.Beside = append(d.Beside, otherPerson{v, p.said.personName(v.content), p.factsOf(v.content)})
		}
	}
	d.Safety = p.safetyOf(rows, incomplete)
	for _, kind := range leftKinds {
		d.Left = append(d.Left, p.sectionOf(kind, rows))
	}
	for _, kind := range rightKinds {
		d.Right = append(d.Right, p.sectionOf(kind, rows))
	}
	d.Others = p.othersOf(patient, rows)
	d.Conflicts = conflictsIn(rows)
	d.Wishes, d.Privacy = p.privacyOf(rows)
	if d.View == "timeline" {
		d.Timeline = p.timelineOf(r, rows, reader.known)
	}
	return d, nil
}

// factsOf is who a patient is.
func (p *page) factsOf(person object) (facts []fact) {
	gone := textAt(person, "deceasedDateTime") != "" || at(person, "deceasedBoolean") == true
	if birth := textAt(person, "birthDate"); birth != "" {
		text := p.Date(birth)
		if age, err := p.Age(birth); err == nil && age != "" && !gone {
			text += " (" + age + ")"
		}
		facts = append(facts, fact{p.said.must("dossier.born"), text})
	}
	if gone {
		facts = append(facts, fact{p.said.must("dossier.deceased"), p.Date(textAt(person, "deceasedDateTime"))})
	}
	if gender := textAt(person, "gender"); gender != "" {
		facts = append(facts, fact{p.said.must("patients.gender"), firstOf(p.Word("gender", gender), gender)})
	}
	if number := numberOf(person); number != "" {
		facts = append(facts, fact{p.said.must("patients.number"), writeSSIN(number)})
	}
	return facts
}

// sectionOf is the list of a kind: the newest first, what should have ended last, and what is over folded away. What one version of a
// conflict says is not over, is not over until somebody has decided.
func (p *page) sectionOf(kind string, rows []*registration) section {
	var now, past []*registration
	for _, r := range rows {
		switch {
		case r.list() != kind || r.privacy:
		case r.over:
			past = append(past, r)
		default:
			now = append(now, r)
		}
	}
	newest := func(a, b *registration) int {
		if a.ended() != b.ended() {
			return map[bool]int{true: 1, false: -1}[a.ended()]
		}
		return cmp.Or(strings.Compare(b.When, a.When), strings.Compare(b.ID, a.ID))
	}
	slices.SortFunc(now, newest)
	slices.SortFunc(past, newest)
	s := section{page: p, Type: kind, Empty: len(now)+len(past) == 0, AddName: p.said.within(p.said.kind(kind)), Folded: conflictsIn(past)}
	if s.Empty {
		s.Others = p.speakingOf(kind, rows)
	}
	if kind == "Observation" {
		s.Groups = p.measuredOf(now)
	} else {
		s.Now = p.newList(kind, now, rowsAtOnce)
	}
	s.Past = p.newList("past "+kind, past, rowsAtOnce)
	return s
}

// speakingOf names the other registrations that say something of what a list is about, and are not over.
func (p *page) speakingOf(kind string, rows []*registration) string {
	var found []string
	for _, other := range speakOf[kind] {
		n := 0
		for _, r := range rows {
			if r.Type == other && !r.over {
				n++
			}
		}
		if n > 0 {
			found = append(found, p.said.kind(other)+" ("+p.N(n)+")")
		}
	}
	if len(found) == 0 {
		return ""
	}
	return p.said.must("dossier.speaking", strings.Join(found, ", "))
}

// othersOf are what the pages have no form for, by kind in the order of their names.
func (p *page) othersOf(patient string, rows []*registration) (groups []group) {
	byKind := make(map[string][]*registration)
	var kinds []string
	for _, r := range rows {
		own := r.Type == "Patient" && r.ID == patient
		if own || r.privacy || slices.Contains(leftKinds, r.list()) || slices.Contains(rightKinds, r.list()) {
			continue
		}
		kinds = add(kinds, r.Type)
		byKind[r.Type] = append(byKind[r.Type], r)
	}
	order := collate.New(p.said.tag)
	slices.SortFunc(kinds, func(a, b string) int { return order.CompareString(p.said.kind(a), p.said.kind(b)) })
	for _, kind := range kinds {
		list := byKind[kind]
		slices.SortStableFunc(list, func(a, b *registration) int { return strings.Compare(b.When, a.When) })
		groups = append(groups, group{p.said.kind(kind), len(list), conflictsIn(list), p.newList("other "+kind, list, othersAtOnce)})
	}
	return groups
}

func conflictsIn(rows []*registration) (n int) {
	for _, r := range rows {
		if r.Versions > 1 {
			n++
		}
	}
	return n
}

// rowReader reads the registrations of a dossier.
type rowReader struct {
	*page
	known *names
	waits map[string]agent.Queued
}

func (r *rowReader) read(s projections.State) *registration {
	heads := []projections.Version{s.Shown}
	if s.Conflict {
		heads = s.Heads
	}
	row := &registration{page: r.page, known: r.known, Type: s.Record.Type, ID: s.Record.ID, Kind: r.said.kind(s.Record.Type), over: true}
	for _, head := range heads {
		v := version{Deleted: head.Deleted(), content: readResource(head.Body), By: r.by(head), At: r.said.moment(head.Event.Time)}
		v.Said = r.known.about(v.content)
		row.versions = append(row.versions, v)
		row.over = row.over && v.over()
		table, _ := consentTable(v.content)
		row.allows = firstOf(row.allows, table)
		row.wish = row.wish || isWish(v.content)
		row.privacy = row.privacy || table != "" || isWish(v.content) || isPublication(v.content)
	}
	first := row.versions[0]
	row.content, row.author, row.event = first.content, heads[0].Event.Author, heads[0].Event.ID.String()
	row.Said, row.When, row.By = first.Said, first.Said.When, first.By
	row.Name = firstOf(first.Said.Title, cut(first.Said.Detail, 60), row.Kind)
	if s.Conflict {
		row.Versions = len(heads)
		row.InPlace = row.versions[1:min(len(heads), 1+mostInPlace)]
		row.Beside = max(0, len(heads)-1-mostInPlace)
	}
	if q, ok := r.waits[s.Record.String()]; ok {
		row.Queued, row.SetAside = !q.SetAside, q.SetAside
	}
	return row
}

func (r *rowReader) by(v projections.Version) string {
	if v.Event.Author == "" {
		return ""
	}
	return r.known.who(v.Event.Author)
}
