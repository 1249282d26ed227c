package web

import (
	"net/http"
	"slices"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
	"github.com/carelog/carelog/projections/fhirjson"
)

// historyPage is every version of one record, the newest first, and what differs between two of them.
type historyPage struct {
	Record, Patient, Title string
	Versions               []versionRow
	Several                bool
	From, To               string // the versions that are compared; empty: there is one only
	Unread                 bool   // one of them cannot be read here, so nobody knows what differs
	Changed                []changedField
	Undo                   string // the event whose choice can be made again; empty: there is none
}

type versionRow struct {
	Event, Number, Change, Who, Where, When string
	Head, Queued                            bool
}

// changedField is a field as it was in one version and as it is in another.
type changedField struct {
	Label, Was, Is string
	Order          bool
}

// historyFragment answers GET /fragments/history/<Type>/<id> with the inside of its page; ?from= and ?to= are the versions that
// are compared, else the last two.
func (h *Handler) historyFragment(w http.ResponseWriter, r *http.Request) error {
	record, err := recordOf(r)
	if err != nil {
		return err
	}
	p := h.newPage(r)
	if p.History, err = h.readHistory(r, p, record); err != nil {
		return err
	}
	return h.render(w, http.StatusOK, "record-history", p)
}

func (h *Handler) readHistory(r *http.Request, p *page, record events.Record) (*historyPage, error) {
	state, err := h.records.Record(r.Context(), record)
	if err != nil {
		return nil, err
	}
	versions, err := h.records.History(r.Context(), record)
	if err != nil {
		return nil, err
	}
	h.saw(r, record.String(), state.Patient)
	known := h.newNames(r, p.said)
	page := &historyPage{Record: record.String(), Patient: state.Patient, Title: p.said.kind(record.Type), Several: len(versions) > 1}
	if event, ok := undoable(state, versions); ok {
		page.Undo = event.String()
	}
	for i, v := range versions {
		page.Versions = append(page.Versions, versionRow{
			Event: v.Event.ID.String(), Number: p.N(len(versions) - i), Change: p.said.changeOf(v), Who: known.who(v.Event.Author), Where: known.where(v.Event.Device),
			When: p.said.moment(v.Event.Time), Head: v.Head, Queued: v.Sequence == 0,
		})
	}
	if i := slices.IndexFunc(versions, func(v projections.Version) bool { return readResource(v.Body) != nil }); i >= 0 {
		if title := known.about(readResource(versions[i].Body)).Title; title != "" {
			page.Title = p.said.must("named", page.Title, title)
		}
	}
	page.Title = p.said.must("history.title", page.Title)
	if page.Several {
		from, to := versionNamed(versions, r.URL.Query().Get("from"), 1), versionNamed(versions, r.URL.Query().Get("to"), 0)
		page.From, page.To = from.Event.ID.String(), to.Event.ID.String()
		if page.Unread = unread(from) || unread(to); !page.Unread {
			page.Changed = known.changedFields(record.Type, from, to)
		}
	}
	return page, nil
}

// unread reports whether a version has a content that cannot be read here.
func unread(v projections.Version) bool { return v.Body == nil && !v.Deleted() }

// versionNamed is the version of an id, else the one at a place.
func versionNamed(versions []projections.Version, id string, place int) projections.Version {
	if i := slices.IndexFunc(versions, func(v projections.Version) bool { return v.Event.ID.String() == id }); i >= 0 {
		place = i
	}
	return versions[place]
}

func (s *spoken) changeOf(v projections.Version) string {
	switch {
	case v.Deleted():
		return s.must("history.deleted")
	case len(v.Event.Parents) == 0:
		return s.must("history.first")
	case len(v.Event.Parents) > 1:
		return s.must("history.settled")
	}
	return s.must("history.changed")
}

func (n *names) changedFields(resourceType string, from, to projections.Version) (list []changedField) {
	var doses []string
	for _, f := range fhirjson.Compare(nil, from.Body, to.Body) {
		plain, member, name := fieldOf(f.Path)
		if doseMembers[member] { // a dose is read as a whole
			if !slices.Contains(doses, member) {
				doses = append(doses, member)
				was, is := at(readResource(from.Body), member), at(readResource(to.Body), member)
				list = append(list, changedField{n.said.labelIn(resourceType, member), n.value(was, member), n.value(is, member), false})
			}
			continue
		}
		list = append(list, changedField{n.said.labelIn(resourceType, plain), n.value(readRaw(f.A), name), n.value(readRaw(f.B), name), f.OrderOnly})
	}
	return list
}
