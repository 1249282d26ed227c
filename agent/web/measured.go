package web

import (
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
	Label         string // all of it in words
	Line          string
	Points        []point
	Last, Range   string
}

type point struct {
	X, Y, Label string
	at          time.Time
	value       float64 // where it stands in the picture; what is said of it has its own digits
	when, text  string
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
	unit := unitOf(at(rows[0].content, "valueQuantity"))
	var points []point
	for _, r := range rows {
		quantity := at(r.content, "valueQuantity")
		text := textAt(quantity, "value")
		value, err := strconv.ParseFloat(text, 64)
		day, ok := dayOf(r.When)
		text = textAt(quantity, "comparator") + p.said.figures(quantity, "value")
		if err == nil && ok && !math.IsInf(value, 0) && unitOf(quantity) == unit {
			points = append(points, point{at: day, value: value, when: r.When, text: text, Label: p.said.must("named", p.Date(r.When), text)})
		}
	}
	if len(points) < leastPoints {
		return nil
	}
	slices.SortStableFunc(points, func(a, b point) int { return a.at.Compare(b.at) })
	low, high := points[0], points[0]
	for _, q := range points {
		if q.value < low.value {
			low = q
		}
		if q.value > high.value {
			high = q
		}
	}
	last := points[len(points)-1]
	line := make([]string, len(points))
	for i := range points {
		q := &points[i]
		q.X = between(float64(q.at.Unix()), float64(points[0].at.Unix()), float64(last.at.Unix()), plotEdge, plotWidth-plotEdge)
		q.Y = between(q.value, low.value, high.value, plotHeight-plotEdge, plotEdge)
		line[i] = q.X + "," + q.Y
	}
	said := strings.TrimSpace(last.text + " " + unit)
	return &plot{Name: name,
		Width: plotWidth, Height: plotHeight, Points: points, Line: strings.Join(line, " "), Last: said, Range: low.text + " – " + high.text,
		Label: p.said.must("dossier.plot", name, p.N(len(points)), p.Date(points[0].when), p.Date(last.when), said),
	}
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
