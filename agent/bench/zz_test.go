package bench_test

import (
	"context"
	"fmt"
	"os"
	"runtime/pprof"
	"strconv"
	"strings"
	"testing"

	"github.com/carelog/carelog/agent/bench"
)

func TestZZ(t *testing.T) {
	n, _ := strconv.Atoi(os.Getenv("ZZN"))
	if n == 0 {
		t.Skip()
	}
	if p := os.Getenv("ZZPROF"); p != "" {
		f, _ := os.Create(p)
		pprof.StartCPUProfile(f)
		defer f.Close()
		defer pprof.StopCPUProfile()
	}
	err := bench.Run(context.Background(), bench.Options{Data: t.TempDir(), Samples: n, Rounds: 10, Only: strings.Split(os.Getenv("ZZ"), ",")}, func(f bench.Figure) error {
		fmt.Printf("%-20s %8.3f %8.3f ratio %.2f\n", f.Name, f.Ours, f.Limit, f.Ratio)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
