package paper

import (
	"bytes"
	_ "embed"
	"fmt"
	"strconv"
	"time"

	"github.com/carelog/carelog/agent/bench"
)

// costs is what people read out of profiles.
//
//go:embed costs.md
var costs string

// Page is the page of one run, in Markdown; plot is where the page finds its plot.
func Page(figures []bench.Figure, m Machine, version string, at time.Time, plot string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# Benchmarks\n\nWritten by `carelog bench --write` on %s (carelog %s); nobody edits it.\n\n", at.UTC().Format(time.DateOnly), version)
	b.WriteString("Each figure of ours stands beside the raw limit of the same machine: the least that the same work could cost,\n" +
		"measured in turns with ours in the same run. `agent/bench/DESIGN.md` says what each limit does, and why it is that.\n" +
		"Desks and broker are on this one machine, over loopback: a line between them adds its round trips and its bytes, to a first dossier as to the rest.\n\n")
	for _, line := range m.lines() {
		b.WriteString(line + "\n")
	}
	fmt.Fprintf(&b, "\n![What an event costs, against the size of the log](%s)\n\n", plot)
	b.WriteString("| figure | name | n | ours | limit | unit | ratio | the limit is | aim | |\n|---|---|---|---|---|---|---|---|---|---|\n")
	for _, f := range figures {
		aim, met := f.Aim()
		verdict := ""
		switch {
		case aim != "" && met:
			verdict = "met"
		case aim != "":
			verdict = "**missed**"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s | %s | %s | %s |\n", f.Headline(), f.Name, bench.Count(f.N),
			number(f.Ours), number(f.Limit), f.Unit, number(f.Ratio), f.Beside, aim, verdict)
	}
	fmt.Fprintf(&b, "\nMilliseconds, bytes, MB and microseconds: less is better. Events a second: more is.\n\n%s", costs)
	return b.Bytes()
}

func number(x float64) string { return strconv.FormatFloat(x, 'f', -1, 64) }
