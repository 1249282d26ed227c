package web

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
)

const timelineAtOnce = 100

// timeline are all registrations of a dossier in the order of time, or those that are chosen.
type timeline struct {
	Picks []selection
	Text  string // that they have in them
	Total int
	First []day
	Rest  [][]day
}

// day are the registrations of one day; Title is empty where they have none.
type day struct {
	*page
	Title string
	Rows  []*registration
}

func (p *page) timelineOf(r *http.Request, rows []*registration, known *names) *timeline {
	query := r.URL.Query()
	t := &timeline{Text: query.Get("text")}
	kind, user, wanted := query.Get("kind"), query.Get("user"), strings.ToLower(strings.TrimSpace(t.Text))
	kinds, users := make(map[string]string), make(map[string]string)
	var shown []*registration
	for _, row := range rows {
		if row.Type == "Patient" {
			continue
		}
		kinds[row.Type], kinds[row.list()] = row.Kind, p.said.kind(row.list())
		if row.author != "" {
			users[row.author] = known.who(row.author)
		}
		if (kind == "" || row.Kind == p.said.kind(kind) || row.list() == kind) && (user == "" || row.author == user) && strings.Contains(row.lowered(), wanted) {
			shown = append(shown, row)
		}
	}
	slices.SortFunc(shown, func(a, b *registration) int {
		return cmp.Or(strings.Compare(b.When, a.When), strings.Compare(b.event, a.event))
	})
	t.Picks = []selection{p.said.newSelection("kind", "dossier.allKinds", kind, kinds), p.said.newSelection("user", "dossier.allPeople", user, users)}
	t.Total = len(shown)
	first := min(len(shown), timelineAtOnce)
	t.First = p.daysOf(shown[:first])
	for _, piece := range portions(shown[first:], timelineAtOnce) {
		t.Rest = append(t.Rest, p.daysOf(piece))
	}
	return t
}

func (p *page) daysOf(rows []*registration) (days []day) {
	last := ""
	for i, r := range rows {
		on := r.When[:min(len(r.When), len("2006-01-02"))]
		if i == 0 || on != last {
			days = append(days, day{page: p, Title: firstOf(p.Date(on), p.said.must("dossier.undated"))})
		}
		last = on
		days[len(days)-1].Rows = append(days[len(days)-1].Rows, r)
	}
	return days
}
