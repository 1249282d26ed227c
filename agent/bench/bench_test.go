package bench_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/carelog/carelog/agent/bench"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestX(t *testing.T) {
	for _, s := range []int{1} { _ = s }
	if err := bench.Run(t.Context(), bench.Options{Data: t.TempDir(), Only: strings.Split(only, ","), Samples: 2000}, func(f bench.Figure) error { t.Log(f); return nil }); err != nil { t.Fatal(err) }
}
var _ = errors.New
var _ = slices.Contains[[]int]
var _ context.Context
