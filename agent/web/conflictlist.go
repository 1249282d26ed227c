package web

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"golang.org/x/text/collate"

	"github.com/carelog/carelog/projections"
)

const (
	conflictsAtOnce = 50
	linesAtOnce     = 3
	patientsToPick  = 200 // more are no list to choose from
)

// safetyTypes are those that a prescriber must not overlook.
var safetyTypes = map[string]bool{"AllergyIntolerance": true, "MedicationStatement": true, "MedicationRequest": true, "Flag": true}

// conflictsPage is the page of all conflicts.
type conflictsPage struct {
	Total  int
	Chosen int // of the filters that are set
	Picks  []selection
	Rows   []conflictRow
	Query  string // of the filters that are set, with its question mark; empty: all
	More   string // the address of the fragment with more rows; empty: there are none
	None   bool   // none of all fits the filters
}

// selection is a choice of which rows are shown.
type selection struct {
	Name, Any, Chosen string
	Options           []option
}

type option struct{ Value, Text string }

type conflictRow struct {
	Type, ID, Patient, Name string
	Kind, Title             string
	Safety                  bool
	Who, Where, When        []string
	Versions                int
	Compare                 string // what the magnifying glass does, for who does not see it
}

// lines are the first of a few things, and how many there are beside.
func (s *spoken) lines(all []string) []string {
	if len(all) <= linesAtOnce {
		return all
	}
	return append(all[:linesAtOnce:linesAtOnce], s.must("synchronisation.more", len(all)-linesAtOnce))
}

// conflictsFragment answers GET /fragments/conflicts with the inside of the page of the conflicts: those of
// ?patient=, ?kind= and ?user=, at most ?count= of them.
func (h *Handler) conflictsFragment(w http.ResponseWriter, r *http.Request) error {
	p := h.newPage(r)
	var err error
	if p.ConflictList, err = h.listConflicts(r, p); err != nil {
		return err
	}
	return h.render(w, http.StatusOK, "conflicts", p)
}

func (h *Handler) listConflicts(r *http.Request, p *page) (*conflictsPage, error) {
	all, err := h.records.Conflicts(r.Context())
	if err != nil {
		return nil, err
	}
	query := r.URL.Query()
	filter := filterOf(query)
	var fit []projections.State
	for _, s := range all {
		if fits(s, filter) {
			fit = append(fit, s)
		}
	}
	chosen := chosenOf(filter)
	list := &conflictsPage{Total: len(all), Chosen: len(chosen), None: len(all) > 0 && len(fit) == 0, Query: queryOf(filter)}
	known := h.newNames(r, p.said)
	count := atLeast(query.Get("count"), conflictsAtOnce)
	for _, s := range fit[:min(len(fit), count)] {
		list.Rows = append(list.Rows, conflictRowOf(s, p.said, known))
		h.saw(r, s.Record.String(), s.Patient)
	}
	if len(fit) > count {
		chosen.Set("count", strconv.Itoa(count+conflictsAtOnce))
		list.More = "/fragments/conflicts?" + chosen.Encode()
	}
	if len(all) > 1 || list.Query != "" {
		list.Picks = picksOf(all, filter, p.said, known)
	}
	return list, nil
}

// filterOf reads which conflicts are shown from the query of an address.
func filterOf(query url.Values) map[string]string {
	return map[string]string{"patient": query.Get("patient"), "kind": query.Get("kind"), "user": query.Get("user")}
}

// chosenOf are the filters that are set.
func chosenOf(filter map[string]string) url.Values {
	chosen := make(url.Values)
	for name, value := range filter {
		if value != "" {
			chosen.Set(name, value)
		}
	}
	return chosen
}

// queryOf writes filters as the query of an address; empty where all conflicts are shown.
func queryOf(filter map[string]string) string {
	if chosen := chosenOf(filter); len(chosen) > 0 {
		return "?" + chosen.Encode()
	}
	return ""
}

// atLeast is the number that was asked for, where that is more.
func atLeast(asked string, least int) int {
	n, err := strconv.Atoi(asked)
	if err != nil {
		return least
	}
	return max(n, least)
}

func fits(s projections.State, filter map[string]string) bool {
	byUser := func(v projections.Version) bool { return v.Event.Author == filter["user"] }
	return (filter["patient"] == "" || s.Patient == filter["patient"]) && (filter["kind"] == "" || s.Record.Type == filter["kind"]) &&
		(filter["user"] == "" || slices.ContainsFunc(s.Heads, byUser))
}

func conflictRowOf(s projections.State, said *spoken, known *names) conflictRow {
	row := conflictRow{
		Type: s.Record.Type, ID: s.Record.ID, Patient: s.Patient, Name: said.has("conflicts", "practice"),
		Kind: said.kind(s.Record.Type), Safety: safetyTypes[s.Record.Type], Versions: len(s.Heads),
	}
	if s.Patient != "" {
		row.Name = known.patient(s.Patient)
	}
	content := readResource(s.Shown.Body)
	about := known.about(content)
	row.Title = firstOf(about.Title, cut(about.Detail, 80))
	named := row.Kind
	if row.Title != "" {
		named = said.must("named", row.Kind, row.Title)
	}
	row.Compare = said.must("conflicts.compare", named, row.Name)
	var people, places, times []string
	for _, head := range s.Heads {
		people = add(people, known.who(head.Event.Author))
		places = add(places, known.where(head.Event.Device))
		times = append(times, said.moment(head.Event.Time)) // each, in the order of the versions
	}
	row.Who, row.Where, row.When = said.lines(people), said.lines(places), said.lines(times)
	return row
}

// add adds a text to a list that has it once.
func add(list []string, text string) []string {
	if slices.Contains(list, text) {
		return list
	}
	return append(list, text)
}

// picksOf offers what there is to choose from, in the order of its names.
func picksOf(all []projections.State, filter map[string]string, said *spoken, known *names) []selection {
	patients, kinds, users := make(map[string]string), make(map[string]string), make(map[string]string)
	for _, s := range all {
		kinds[s.Record.Type] = said.kind(s.Record.Type)
		if s.Patient != "" && (len(patients) < patientsToPick || s.Patient == filter["patient"]) {
			patients[s.Patient] = known.patient(s.Patient)
		}
		for _, head := range s.Heads {
			if head.Event.Author != "" {
				users[head.Event.Author] = known.who(head.Event.Author)
			}
		}
	}
	return []selection{
		said.newSelection("patient", "conflicts.anyPatient", filter["patient"], patients), said.newSelection("kind", "conflicts.anyKind", filter["kind"], kinds),
		said.newSelection("user", "conflicts.anyUser", filter["user"], users),
	}
}

// newSelection is a choice among options, ordered as the language does. What is chosen stands, be it there or not.
func (s *spoken) newSelection(name, anyOf, chosen string, options map[string]string) selection {
	if _, ok := options[chosen]; chosen != "" && !ok {
		options[chosen] = chosen
	}
	p := selection{Name: name, Any: s.must(anyOf), Chosen: chosen}
	order := collate.New(s.tag)
	for _, value := range slices.SortedFunc(maps.Keys(options), func(a, b string) int { return order.CompareString(options[a], options[b]) }) {
		p.Options = append(p.Options, option{value, options[value]})
	}
	return p
}
