package paper

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/carelog/carelog/agent/bench"
)

// line is one line of the plot: what an event costs, by the size of the log.
type line struct {
	name   string
	class  string
	points []point
}

type point struct{ events, cost float64 } // microseconds for each event

// Size of the plot and of what surrounds its axes, in pixels.
const (
	width, height      = 760, 400
	left, right        = 70, 190
	top, bottom        = 56, 52
	labelDistance      = 17
	microsecondsPerSec = 1e6
)

// Plot draws the cost of a first sync against the size of the log, by replay and from a
// snapshot, each beside its limit. Without such figures it has axes alone.
func Plot(figures []bench.Figure) []byte {
	lines := linesOf(figures)
	s := scaleOf(lines)
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" aria-label="Microseconds for an event of a first sync, against the events of the log">`+"\n", width, height)
	b.WriteString(style)
	fmt.Fprintf(&b, `<rect class="ground" width="%d" height="%d" rx="8"/>`+"\n", width, height)
	fmt.Fprintf(&b, `<text class="title" x="%d" y="30">First sync: what an event costs (µs), against the size of the log</text>`+"\n", left-46)
	s.axes(&b)
	for _, l := range lines {
		s.draw(&b, l)
	}
	s.labels(&b, lines)
	b.WriteString("</svg>\n")
	return b.Bytes()
}

const style = `<style>
text { font: 13px system-ui, sans-serif; fill: #1f2328 }
.title { font-size: 15px; font-weight: 600 }
.tick { fill: #59636e }
.ground { fill: #ffffff; stroke: #d1d9e0 }
.grid { stroke: #e4e8ec }
.line { fill: none; stroke-width: 2.5 }
.limit { stroke-dasharray: 5 4; stroke-width: 2 }
.a { stroke: #0a5fb4 } .b { stroke: #b3400d }
.fa { fill: #0a5fb4 } .fb { fill: #b3400d }
@media (prefers-color-scheme: dark) {
text { fill: #f0f6fc } .tick { fill: #a8b3bf }
.ground { fill: #11161d; stroke: #3d444d } .grid { stroke: #262d36 }
.a { stroke: #6cb6ff } .b { stroke: #ff9b6b }
.fa { fill: #6cb6ff } .fb { fill: #ff9b6b }
}
</style>
`

func linesOf(figures []bench.Figure) (lines []line) {
	for _, of := range []struct {
		figure, name, limit, color string
		cost                       func(value, n float64) float64
	}{
		{"replay", "replay", "replay: limit", "a", func(rate, _ float64) float64 { return microsecondsPerSec / rate }},
		{"snapshot", "snapshot", "snapshot: limit", "b", func(ms, n float64) float64 { return 1000 * ms / n }},
	} {
		ours, limit := line{name: of.name, class: of.color}, line{name: of.limit, class: of.color + " limit"}
		for _, f := range figures {
			if f.Name == of.figure && f.Ours > 0 && f.Limit > 0 {
				n := float64(f.N)
				ours.points = append(ours.points, point{n, of.cost(f.Ours, n)})
				limit.points = append(limit.points, point{n, of.cost(f.Limit, n)})
			}
		}
		if len(ours.points) > 0 {
			lines = append(lines, ours, limit)
		}
	}
	for _, l := range lines {
		slices.SortFunc(l.points, func(a, b point) int { return cmp.Compare(a.events, b.events) })
	}
	return lines
}

// scale turns values into pixels; all bounds are decimal logarithms.
type scale struct{ fromX, toX, fromY, toY float64 }

func scaleOf(lines []line) scale {
	s := scale{math.Inf(1), math.Inf(-1), math.Inf(1), math.Inf(-1)}
	for _, l := range lines {
		for _, p := range l.points {
			x, y := math.Log10(p.events), math.Log10(p.cost)
			s = scale{min(s.fromX, x), max(s.toX, x), min(s.fromY, y), max(s.toY, y)}
		}
	}
	if len(lines) == 0 {
		s = scale{4, 6, 0, 2}
	}
	s.fromY, s.toY = math.Floor(s.fromY), math.Ceil(s.toY)
	if s.toX-s.fromX < 0.5 {
		s.fromX, s.toX = s.fromX-0.5, s.toX+0.5
	}
	if s.toY-s.fromY < 1 {
		s.toY = s.fromY + 1
	}
	return s
}

func (s scale) x(events float64) float64 {
	return left + (math.Log10(events)-s.fromX)/(s.toX-s.fromX)*(width-left-right)
}

func (s scale) y(cost float64) float64 {
	return height - bottom - (math.Log10(cost)-s.fromY)/(s.toY-s.fromY)*(height-top-bottom)
}

func (s scale) axes(b *bytes.Buffer) {
	for decade := s.fromY; decade <= s.toY; decade++ {
		for _, step := range []float64{1, 2, 5} {
			value := step * math.Pow(10, decade)
			if math.Log10(value) > s.toY {
				break
			}
			y := s.y(value)
			fmt.Fprintf(b, `<line class="grid" x1="%d" y1="%.1f" x2="%d" y2="%.1f"/><text class="tick" x="%d" y="%.1f" text-anchor="end">%s</text>`+"\n",
				left, y, width-right, y, left-8, y+4, number(math.Round(value*1e6)/1e6))
		}
	}
	for decade := math.Ceil(s.fromX); decade <= s.toX; decade++ {
		events := math.Pow(10, decade)
		fmt.Fprintf(b, `<line class="grid" x1="%.1f" y1="%d" x2="%.1f" y2="%d"/><text class="tick" x="%.1f" y="%d" text-anchor="middle">%s</text>`+"\n",
			s.x(events), top, s.x(events), height-bottom, s.x(events), height-bottom+20, bench.Count(int(events)))
	}
	fmt.Fprintf(b, `<text class="tick" x="%d" y="%d" text-anchor="end">events in the log</text>`+"\n", width-right, height-bottom+40)
}

func (s scale) draw(b *bytes.Buffer, l line) {
	fmt.Fprintf(b, `<polyline class="line %s" points="`, l.class)
	for i, p := range l.points {
		if i > 0 {
			b.WriteByte(' ')
		}
		fmt.Fprintf(b, "%.1f,%.1f", s.x(p.events), s.y(p.cost))
	}
	b.WriteString(`"/>` + "\n")
	for _, p := range l.points {
		fmt.Fprintf(b, `<circle class="f%s" cx="%.1f" cy="%.1f" r="3.5"/>`+"\n", l.class[:1], s.x(p.events), s.y(p.cost))
	}
}

// labels writes each line's name and last value beside its end, one below the other
// where ends are close.
func (s scale) labels(b *bytes.Buffer, lines []line) {
	ordered := slices.Clone(lines)
	end := func(l line) point { return l.points[len(l.points)-1] }
	slices.SortStableFunc(ordered, func(a, b line) int { return cmp.Compare(end(b).cost, end(a).cost) })
	lowest := math.Inf(-1)
	for _, l := range ordered {
		p := end(l)
		y := max(s.y(p.cost)+4, lowest+labelDistance)
		lowest = y
		fmt.Fprintf(b, `<text class="f%s" x="%.1f" y="%.1f">%s, %.3g</text>`+"\n", l.class[:1], s.x(p.events)+12, y, l.name, p.cost)
	}
}
