package web

import (
	"errors"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
)

// clockError is from when on a wrong clock is warned of; a smaller error misleads nobody.
const clockError = 10 * time.Minute

// conflictPage is one conflict: its versions side by side, and the choice; or why there is none.
type conflictPage struct {
	Record   string // Type/id
	Title    string
	Settled  string // why there is nothing to choose; empty: there is
	Never    bool   // nothing under this address was ever in conflict
	By       string // whose doing that is, or what stands since it was looked at
	Changed  string // what became of it since
	Left     int
	Query    string // of the filters
	Next     string // address of the next conflict; empty: there is none
	Patient  string
	Name     string
	Born     string
	Safety   bool
	Undo     string // the event whose choice is made again, or can be where it is settled; empty: there is none
	Over     string // the ids of what is written over, with commas
	MayMix   bool   // there are fields to choose from
	ByField  bool
	Ancestor versionHead
	Versions []versionHead
	Rows     []fieldRow
	Differ   int
	Same     []field // in all versions; empty where none can be read
}

// versionHead is what stands above a version; for the ancestor When and Letters alone, or nothing.
type versionHead struct {
	Event, Number, Who, Where, When string
	Shown, Deleted, Queued          bool
	Clock                           string // what was wrong with it
	Said                            said   // what it is about, where no field differs
	Letters                         []letter
	Unread                          bool
}

type fieldRow struct {
	comparedField
	Before      string
	Cells       []fieldCell
	First       bool // of its member, which is chosen as a whole
	Member      string
	Union       bool // all items together can be chosen
	Chosen      int  // what is proposed; see union
	HasProposal bool
}

// fieldCell is what a version has in a field; an empty Text is nothing.
type fieldCell struct {
	Text, Take              string
	Deleted, Unread, Differ bool
}

// Taken reports whether a choice is the one that is proposed.
func (f fieldRow) Taken(choice int) bool { return f.HasProposal && f.Chosen == choice }

// UnionChoice is the choice of all items together.
func (f fieldRow) UnionChoice() int { return union }

// conflictFragment answers GET /fragments/conflicts/<Type>/<id> with the inside of its page: whole versions, or the fields of
// ?by=field; ?seen= are the versions that the page had, with commas, and ?undo= the event whose choice is made again.
func (h *Handler) conflictFragment(w http.ResponseWriter, r *http.Request) error {
	record, err := recordOf(r)
	if err != nil {
		return err
	}
	p := h.newPage(r)
	if p.Conflict, err = h.readConflict(r, p, record); err != nil {
		return err
	}
	return h.render(w, http.StatusOK, "conflict", p)
}

func (h *Handler) readConflict(r *http.Request, p *page, record events.Record) (*conflictPage, error) {
	query := r.URL.Query()
	undo, err := undoOf(query)
	if err != nil {
		return nil, err
	}
	c := &conflictPage{Record: record.String(), Safety: safetyTypes[record.Type]}
	incomplete := h.desk.Incomplete(r.Context()) != nil // before what it is said of
	all, err := h.records.Conflicts(r.Context())
	if err != nil {
		return nil, err
	}
	c.among(all, record, query)
	state, err := h.records.Record(r.Context(), record)
	if errors.Is(err, projections.ErrNotFound) {
		c.never(p.said, record, incomplete)
		return c, nil
	}
	if err != nil {
		return nil, err
	}
	known := h.newNames(r, p.said)
	c.Patient = state.Patient
	from, ok, err := h.candidatesOf(r.Context(), state, undo)
	if err != nil {
		return nil, err
	}
	h.saw(r, record.String(), state.Patient)
	if !ok {
		history, err := h.records.History(r.Context(), record)
		if err != nil {
			return nil, err
		}
		if !everTorn(history) {
			c.never(p.said, record, incomplete)
			return c, nil
		}
		c.Title = p.said.kind(record.Type)
		if c.Settled = p.said.must("conflicts.solvedElsewhere"); undo != (events.ID{}) {
			c.Settled = p.said.must("conflicts.undoGone")
		}
		c.By = known.madeBy(state.Heads[0])
		if event, ok := undoable(state, history); ok {
			c.Undo = event.String()
		}
		return c, nil
	}
	c.fill(from, known, query.Get("by") == "field")
	switch seen := query.Get("seen"); {
	case undo != (events.ID{}):
		c.Undo, c.Changed = undo.String(), p.said.must("conflicts.undone")
	case seen != "" && seen != c.Over:
		c.Changed = p.said.must("conflicts.elsewhere")
		for _, v := range from.versions {
			if !strings.Contains(seen, v.Event.ID.String()) {
				c.By = known.madeBy(v.Version)
			}
		}
	}
	return c, nil
}

// never says that there is nothing to choose, nor ever was, as far as is known here.
func (c *conflictPage) never(s *spoken, record events.Record, incomplete bool) {
	c.Never, c.Title, c.Settled = true, s.kind(record.Type), s.must("conflicts.never")
	if incomplete {
		c.By = s.must("errors.codes.incomplete")
	}
}

// everTorn reports whether two versions of a history were ever written on one, or beside each other.
func everTorn(history []projections.Version) bool {
	builtOn := make(map[events.ID]bool)
	begun := false
	for _, v := range history {
		switch parents := v.Event.Parents; {
		case len(parents) > 1, len(parents) == 0 && begun, len(parents) == 1 && builtOn[parents[0]]:
			return true
		case len(parents) == 0:
			begun = true
		default:
			builtOn[parents[0]] = true
		}
	}
	return false
}

func undoOf(query url.Values) (undo events.ID, err error) {
	if text := query.Get("undo"); text != "" {
		if undo, err = events.ParseID(text); err != nil {
			return undo, badRequest(`"undo" must be the id of an event: %v`, err)
		}
	}
	return undo, nil
}

// madeBy says whose a version is.
func (n *names) madeBy(v projections.Version) string {
	return n.said.must("conflicts.elsewhereBy", n.who(v.Event.Author), n.where(v.Event.Device), n.said.moment(v.Event.Time))
}

// among is how many conflicts the filters leave, this one included, and which comes next: the one behind it, else the first.
func (c *conflictPage) among(all []projections.State, record events.Record, query url.Values) {
	filter := filterOf(query)
	c.Query = queryOf(filter)
	var rest []projections.State
	next := 0
	for _, s := range all {
		switch {
		case !fits(s, filter):
		case s.Record == record:
			c.Left++
			next = len(rest)
		default:
			c.Left++
			rest = append(rest, s)
		}
	}
	if len(rest) > 0 {
		c.Next = "/conflicts/" + rest[next%len(rest)].Record.String() + c.Query
	}
}

// fill lays the versions out.
func (c *conflictPage) fill(from *candidates, known *names, byField bool) {
	s := known.said
	c.Name = s.has("conflicts", "practice")
	if from.patient != "" {
		c.Name = known.patient(from.patient)
		c.Born = known.born(from.patient)
	}
	var ids []string
	for _, id := range from.over {
		ids = append(ids, id.String())
	}
	c.Over = strings.Join(ids, ",")
	if from.ancestor != nil {
		c.Ancestor.When, c.Ancestor.Letters = s.moment(from.ancestor.Event.Time), known.lettersOf(from.record, *from.ancestor, from.before)
	}
	readable := -1
	for i, v := range from.versions {
		if v.content != nil && readable < 0 {
			readable = i
		}
		c.Versions = append(c.Versions, known.versionHead(from, i))
	}
	about := from.before
	if readable >= 0 {
		about = from.versions[readable].content
	}
	c.Title = s.kind(from.record.Type)
	if title := known.about(about).Title; title != "" {
		c.Title = s.must("named", c.Title, title)
	}
	rows := s.comparedFields(from)
	c.Differ = len(rows)
	living, _ := from.living()
	c.MayMix = len(rows) > 0 && len(living) > 1
	c.ByField = byField && c.MayMix
	if readable >= 0 {
		c.Same = known.fields(slices.DeleteFunc(slices.Clone(about), func(m member) bool {
			return slices.ContainsFunc(rows, func(f comparedField) bool { return f.member == m.name })
		}))
	}
	if c.ByField {
		rows = s.perMember(rows, from)
	}
	for i, row := range rows {
		first := i == 0 || rows[i-1].member != row.member
		c.Rows = append(c.Rows, known.fieldRow(row, from, first))
	}
}

func (n *names) versionHead(from *candidates, i int) versionHead {
	v := from.versions[i]
	head := versionHead{
		Event: v.Event.ID.String(), Number: n.said.number(uint64(i + 1)), Who: n.who(v.Event.Author), Where: n.where(v.Event.Device), When: n.said.moment(v.Event.Time),
		Shown: i == from.stands, Deleted: v.Deleted(), Queued: v.Sequence == 0, Unread: v.content == nil && !v.Deleted(),
	}
	if v.content != nil {
		head.Said, head.Letters = n.about(v.content), n.lettersOf(from.record, v.Version, v.content)
	}
	switch {
	case !v.Stored.IsZero() && v.Event.Time.Sub(v.Stored) > clockError:
		head.Clock = n.said.must("conflicts.clock", n.said.moment(v.Stored))
	case from.ancestor != nil && madeAt(*from.ancestor).Sub(v.Event.Time) > clockError:
		head.Clock = n.said.must("conflicts.clockBefore", n.said.moment(madeAt(*from.ancestor)))
	}
	return head
}

// lettersOf are all letters of one version, also of one whose text stands beside: what it looks like may be what differs.
func (n *names) lettersOf(record events.Record, v projections.Version, content object) []letter {
	said := n.about(content)
	return n.said.letters(record, v.Event.ID.String(), content, firstOf(said.Title, n.said.kind(record.Type)), false)
}

// madeAt is when a version was there at the latest: a PC whose clock was ahead wrote a time that had not come when the server had it.
func madeAt(v projections.Version) time.Time {
	if !v.Stored.IsZero() && v.Stored.Before(v.Event.Time) {
		return v.Stored
	}
	return v.Event.Time
}

func (n *names) fieldRow(f comparedField, from *candidates, first bool) fieldRow {
	row := fieldRow{comparedField: f, Before: n.value(f.ancestor, f.name), First: first, Member: f.member}
	if first {
		row.Union = from.items(f.member) != nil
		row.Chosen, row.HasProposal = from.proposal(f.member)
	}
	for i, v := range from.versions {
		row.Cells = append(row.Cells, fieldCell{
			Text: n.value(f.values[i], f.name), Deleted: v.Deleted(), Unread: v.content == nil && !v.Deleted(),
			Differ: v.content != nil && !reflect.DeepEqual(f.values[i], f.ancestor), Take: n.said.must("conflicts.take", f.Label, n.said.number(uint64(i+1))),
		})
	}
	return row
}
