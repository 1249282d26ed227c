package paper_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/carelog/carelog/agent/bench"
	"github.com/carelog/carelog/agent/bench/paper"
)

var figures = []bench.Figure{
	{Name: "login", N: 10_000, Ours: 7.5, Limit: 1, Ratio: 7.5, Unit: "ms", Beside: "two questions"},
	{Name: "replay", N: 100_000, Ours: 40_000, Limit: 80_000, Ratio: 0.5, Unit: "events/s", Beside: "bare rows"},
	{Name: "replay", N: 1_000_000, Ours: 39_000, Limit: 60_000, Ratio: 0.65, Unit: "events/s", Beside: "bare rows"},
	{Name: "snapshot", N: 10_000, Ours: 90, Limit: 30, Ratio: 3, Unit: "ms", Beside: "a download"},
	{Name: "snapshot", N: 100_000, Ours: 300, Limit: 200, Ratio: 1.5, Unit: "ms", Beside: "a download"},
}

var machine = paper.Machine{System: "linux/amd64", Go: "go1.26", Processor: "A processor", Cores: 2, FileSystem: "ext4", Sync: 200 * time.Microsecond}

func TestPageHasEveryFigureWithItsVerdict(t *testing.T) {
	page := string(paper.Page(figures, machine, "v1", time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC), "docs/plot.svg"))
	for _, want := range []string{
		"2026-11-23", "A processor, 2 cores", "200µs", "](docs/plot.svg)", "three largest costs",
		"| Log-in with nothing new | login | 10k | 7.5 | 1 | ms | 7.5 | two questions | 10 ms or less | met |",
		"| replay | 100k | 40000 | 80000 | events/s | 0.5 | bare rows | ratio 0.6 or more | **missed** |",
		"| replay | 1M | 39000 | 60000 | events/s | 0.65 | bare rows | ratio 0.6 or more | met |",
		"| snapshot | 10k | 90 | 30 | ms | 3 | a download |  |  |", // too small to have an aim
		"| snapshot | 100k | 300 | 200 | ms | 1.5 | a download | ratio 2 or less | met |",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not have %q:\n%s", want, page)
		}
	}
}

func TestPlotIsWellFormed(t *testing.T) {
	for name, list := range map[string][]bench.Figure{"all": figures, "none": nil, "one": figures[1:2]} {
		t.Run(name, func(t *testing.T) {
			plot := paper.Plot(list)
			if bytes.Contains(plot, []byte("NaN")) || bytes.Contains(plot, []byte("Inf")) {
				t.Errorf("a place in the plot is no number:\n%s", plot)
			}
			for d := xml.NewDecoder(bytes.NewReader(plot)); ; {
				if _, err := d.Token(); errors.Is(err, io.EOF) {
					break
				} else if err != nil {
					t.Fatalf("%v in\n%s", err, plot)
				}
			}
		})
	}
	plot := string(paper.Plot(figures))
	for _, want := range []string{"replay, 25.6", "replay: limit, 16.7", "snapshot, 3<", "snapshot: limit, 2<", "prefers-color-scheme: dark"} {
		if !strings.Contains(plot, want) {
			t.Errorf("the plot does not have %q:\n%s", want, plot)
		}
	}
}

func TestMachineIsAskedAndLeftAlone(t *testing.T) {
	m, err := paper.ThisMachine(t.TempDir()) // which fails to be removed where something is left open
	if err != nil {
		t.Fatal(err)
	}
	if m.Cores < 1 || m.System == "" || m.Go == "" || m.Sync <= 0 {
		t.Errorf("something of the machine is missing: %+v", m)
	}
	if _, err := paper.ThisMachine("/no/such/folder"); err == nil {
		t.Error("a folder that is not there was measured")
	}
}
