package bench_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/carelog/carelog/agent/bench"
)

// binary is carelog, built once, for what runs in processes of its own.
var binary string

func TestMain(m *testing.M) {
	folder, err := os.MkdirTemp("", "carelog-bench-test-")
	if err == nil {
		binary = filepath.Join(folder, "carelog")
		cmd := exec.Command("go", "build", "-o", binary, "github.com/carelog/carelog/cmd/carelog")
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		var out []byte
		if out, err = cmd.CombinedOutput(); err != nil {
			err = fmt.Errorf("%w: %s", err, out)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "build carelog:", err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		if err := os.RemoveAll(folder); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = max(code, 1)
		}
		os.Exit(code)
	}))
}

// tiny is as little as can be measured: nothing is said of how fast anything is.
func tiny(t *testing.T, only ...string) bench.Options {
	return bench.Options{Data: t.TempDir(), Binary: binary, Sizes: []int{100, 200}, Only: only, Samples: 4, Rounds: 2, Queued: 1200, News: 20}
}

func TestEverySubjectIsMeasured(t *testing.T) {
	want := map[string][]string{
		"offline":   {"offline", "offline-shown"},
		"online":    {"online", "online-single"},
		"live":      {"live-p50", "live-p99"},
		"reconnect": {"reconnect", "reconnect-green", "reconnect-single"},
		"replay":    {"replay", "replay", "replay-cost"},
		"dossier":   {"dossier", "dossier"},
		"door":      {"door-create", "door-create-single", "door-create-desk", "door-create-http", "door-transaction", "door-read", "door-everything", "door-clients"},
		"search": {"search-values", "search-name", "search-identifier", "search-patient-code", "search-date",
			"door-search-name", "door-search-identifier", "door-search-patient-code", "door-search-date",
			"search-values", "search-name", "search-identifier", "search-patient-code", "search-date",
			"door-search-name", "door-search-identifier", "door-search-patient-code", "door-search-date"},
		"conflicts": {"conflicts", "conflicts-page", "conflicts", "conflicts-page"},
		"disk":      {"disk-broker", "disk-desk", "disk-broker", "disk-desk"},
		"memory":    {"memory-broker", "memory-desk", "memory-broker", "memory-desk"},
		"busy":      {"busy-p50", "busy-p99", "busy-p50", "busy-p99"},
		"snapshot":  {"snapshot", "snapshot-plain", "disk-snapshot", "snapshot", "snapshot-plain", "disk-snapshot"},
		"making":    {"memory-making", "memory-making"},
		"login":     {"login-start", "login", "login-news", "login-start", "login", "login-news"},
		"heads": {"heads-apply", "heads-list", "heads-resolve", "heads-apply", "heads-list", "heads-resolve",
			"heads-apply", "heads-list", "heads-resolve"},
	}
	for _, subject := range bench.Subjects() {
		t.Run(subject, func(t *testing.T) {
			if testing.Short() && subject == "heads" {
				t.Skip("a thousand heads take seconds")
			}
			o := tiny(t, subject)
			if own, err := bench.HighWater(os.Getpid()); (subject == "memory" || subject == "making") && (own == 0 || err != nil) {
				t.Skipf("this system does not tell the memory of a process: %v", err)
			}
			var names []string
			err := bench.Run(t.Context(), o, func(f bench.Figure) error {
				names = append(names, f.Name)
				checkFigure(t, f)
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want[subject], names); diff != "" {
				t.Errorf("figures (-want +got):\n%s", diff)
			}
			left, err := os.ReadDir(o.Data)
			if err != nil || len(left) > 0 {
				t.Errorf("left in the data folder: %v, %v; want nothing", left, err)
			}
		})
	}
}

// Those that read one log share what the first of them made, and none takes away what a later
// one needs.
func TestSubjectsShareALog(t *testing.T) {
	o := tiny(t, "replay", "search", "disk", "busy", "snapshot", "login")
	o.Sizes = o.Sizes[:1]
	if err := bench.Run(t.Context(), o, func(f bench.Figure) error { checkFigure(t, f); return nil }); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(o.Data); err != nil || len(left) > 0 {
		t.Errorf("left in the data folder: %v, %v; want nothing", left, err)
	}
}

func checkFigure(t *testing.T, f bench.Figure) {
	t.Helper()
	if f.N <= 0 || f.Ours <= 0 || f.Limit <= 0 || f.Unit == "" || f.Beside == "" || f.Headline() == "" {
		t.Errorf("something of a figure is missing: %+v", f)
	}
	// Both are rounded to three digits.
	if want := f.Ours / f.Limit; math.Abs(f.Ratio-want) > want/50 {
		t.Errorf("%s: ratio %v, want %v over %v, which is %v", f.Name, f.Ratio, f.Ours, f.Limit, want)
	}
}

func TestWrongOptionsAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*bench.Options)
		want   string
	}{
		"no folder":       {func(o *bench.Options) { o.Data = "" }, "data folder"},
		"no program":      {func(o *bench.Options) { o.Binary = "" }, "no program"},
		"a log too short": {func(o *bench.Options) { o.Sizes = []int{1000, 99} }, "99 events"},
		"an unknown name": {func(o *bench.Options) { o.Only = []string{"replay", "speed"} }, `"speed"`},
		"rounds of none":  {func(o *bench.Options) { o.Samples, o.Rounds = 2, 3 }, "2 samples in 3 rounds"},
	} {
		t.Run(name, func(t *testing.T) {
			o := tiny(t)
			c.change(&o)
			err := bench.Run(t.Context(), o, func(bench.Figure) error { return nil })
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an error that names %q", err, c.want)
			}
		})
	}
}

func TestReportEndsARun(t *testing.T) {
	full := errors.New("the paper is used up")
	var reported []string
	err := bench.Run(t.Context(), tiny(t, "replay", "live"), func(f bench.Figure) error {
		reported = append(reported, f.Name)
		return full
	})
	if !errors.Is(err, full) || slices.Contains(reported, "replay") {
		t.Errorf("got %v after %v, want the error of the first report", err, reported)
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	o := tiny(t, "replay")
	o.Sizes = []int{1000, 1000}
	err := bench.Run(ctx, o, func(bench.Figure) error { cancel(); return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that the run was cancelled", err)
	}
}
