package agenttest

import (
	"fmt"
	"os"
	"strconv"
	"sync"
	"testing"

	"github.com/carelog/carelog/events/eventstest"
)

// WarmUp makes what package events makes once and keeps for all: made within a bubble of
// testing/synctest it would belong to that bubble.
var WarmUp = sync.OnceFunc(func() {
	practice := eventstest.New(panicker{}, nil)
	event := practice.Enrol("desk").Record
	if _, err := practice.Ring.Open(event); err != nil {
		panic(err)
	}
})

type panicker struct{}

func (panicker) Helper()                           {}
func (panicker) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }

// Number reads a variable of the environment that says how a simulation is played.
func Number(t *testing.T, variable string, otherwise uint64) uint64 {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		t.Fatalf("%s: %v", variable, err)
	}
	return n
}
