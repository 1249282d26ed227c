package web

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	plotWidth, plotHeight, plotEdge = 300, 72, 6
	measuredAtOnce                  = 3
	leastPoints                     = 3 // fewer are read faster as they stand
)

// measured are the measurements of one thing together: a line where it tells more than a table does.
type measured struct {
	*page
	Name   string
	Plot   *plot
	First  []*registration
	Rest   list
	Folded int
}

type plot struct {
	Width, Height int
	Name          string
	Label         string   // all of it in words
	Lines         []string // two of a blood pressure
	Points        []dot
	Last, Range   string
}

// dot is a point as it is drawn.
type dot struct{ X, Y, Label string }

// point is what was measured at one moment, in each line.
type point struct {
	at     time.Time
	when   string
	values []float64 // where it stands in the picture; what is said of it has its own digits
	texts  []string
}

// measuredOf groups the measurements, which come newest first, by what is measured.
func (p *page) measuredOf(rows []*registration) (groups []measured) {
	byName := make(map[string][]*registration)
	var order []string
	for _, r := range rows {
		name := firstOf(p.said.measure(at(r.content, "code")), p.said.must("dossier.unread"))
		order = add(order, name)
		byName[name] = append(byName[name], r)
	}
	for _, name := range order {
		all := byName[name]
		first := all[:min(len(all), measuredAtOnce)]
		rest := all[len(first):]
		groups = append(groups, measured{
			page: p, Name: name, Plot: p.plotOf(name, all), First: first, Rest: p.newList("measured "+name, rest, rowsAtOnce), Folded: conflictsIn(rest),
		})
	}
	return groups
}

// plotOf draws the values of the newest one's unit over time; nil where there is no line to draw.
func (p *page) plotOf(name string, rows []*registration) *plot {
	unit := unitOf(at(p.said.linesOf(rows[0].content), 0))
	var points []point
	lines := len(p.said.linesOf(rows[0].content))
	for _, r := range rows {
		quantities := p.said.linesOf(r.content)
		day, ok := dayOf(r.When)
		if !ok || len(quantities) != lines {
			continue
		}
		q := point{at: day, when: r.When}
		for _, quantity := range quantities {
			value, err := strconv.ParseFloat(textAt(quantity, "value"), 64)
			ok = ok && err == nil && !math.IsInf(value, 0) && unitOf(quantity) == unit
			q.values = append(q.values, value)
			q.texts = append(q.texts, textAt(quantity, "comparator")+p.said.figures(quantity, "value"))
		}
		if ok {
			points = append(points, q)
		}
	}
	if len(points) < leastPoints || lines == 0 {
		return nil
	}
	slices.SortStableFunc(points, func(a, b point) int { return a.at.Compare(b.at) })
	low, high := math.Inf(1), math.Inf(-1)
	ranges := make([]string, lines)
	for i := range lines {
		by := func(a, b point) int { return cmp.Compare(a.values[i], b.values[i]) }
		least, most := slices.MinFunc(points, by), slices.MaxFunc(points, by)
		ranges[i] = least.texts[i] + " – " + most.texts[i]
		low, high = min(low, least.values[i]), max(high, most.values[i])
	}
	first, last := points[0], points[len(points)-1]
	said := strings.TrimSpace(strings.Join(last.texts, "/") + " " + unit)
	drawn := &plot{Name: name,
		Width: plotWidth, Height: plotHeight, Lines: make([]string, lines), Last: said, Range: strings.Join(ranges, " / "),
		Label: p.said.must("dossier.plot", name, p.N(len(points)), p.Date(first.when), p.Date(last.when), said),
	}
	for i := range lines {
		line := make([]string, len(points))
		for j, q := range points {
			dot := dot{
				X:     between(float64(q.at.Unix()), float64(first.at.Unix()), float64(last.at.Unix()), plotEdge, plotWidth-plotEdge),
				Y:     between(q.values[i], low, high, plotHeight-plotEdge, plotEdge),
				Label: p.said.must("named", p.Date(q.when), strings.Join(q.texts, "/")),
			}
			line[j] = dot.X + "," + dot.Y
			drawn.Points = append(drawn.Points, dot)
		}
		drawn.Lines[i] = strings.Join(line, " ")
	}
	return drawn
}

// linesOf are the quantities of which a line each is drawn: the one that was measured, or the two of a blood pressure.
func (s *spoken) linesOf(r object) []any {
	if q := at(r, "valueQuantity"); q != nil {
		return []any{q}
	}
	if s.bloodPressure(listAt(r, "component")) == "" {
		return nil
	}
	pressure := pressureOf(listAt(r, "component"))
	return pressure[:]
}

// dayOf is when a FHIR date or dateTime begins.
func dayOf(value string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339, time.DateOnly, "2006-01", "2006"} {
		if at, err := time.Parse(layout, value); err == nil {
			return at, true
		}
	}
	return time.Time{}, false
}

// between is where v, which is between low and high, stands between from and to.
func between(v, low, high, from, to float64) string {
	share := 0.5
	if high != low {
		share = (v - low) / (high - low)
	}
	return fmt.Sprint(math.Round((from+share*(to-from))*10) / 10)
}
