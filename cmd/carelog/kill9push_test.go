package main_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Kill -9 of the desk, of the broker, or of both, again and again while a long queue is
// sent in batches: every registration is in the log once, and both desks are the same.
func TestKill9InAPush(t *testing.T) {
	t.Parallel()
	seed := uint64(numberOf(t, kill9Seed, int(time.Now().UnixNano()%1e9)))
	kills := numberOf(t, kill9Rounds, killKinds)
	queued := 250 * kills // so that the last one meets a queue as well
	chance := rand.New(rand.NewPCG(seed, 1))
	t.Logf("%s=%d %s=%d", kill9Seed, seed, kill9Rounds, kills)

	o := openOffice(t, "one", "two")
	one := o.desks[0]
	o.settle()
	o.choose(one, "offline")
	var text bytes.Buffer
	for i := range queued {
		fmt.Fprintf(&text, `{"resourceType":"Condition","id":"c%d","subject":{"reference":"Patient/p%d"},"code":{"text":"number %d"}}`+"\n", i, i%50, i)
	}
	if err := os.WriteFile(filepath.Join(o.dir, "many.ndjson"), text.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	o.carelog("import", "many.ndjson", "--data", one.name)
	o.choose(one, "online")
	first := chance.IntN(killKinds)
	for turn := range kills {
		pause(t.Context(), time.Duration(chance.IntN(150))*time.Millisecond)
		kind := (first + turn) % killKinds
		if kind != 0 {
			one.current().kill9()
		}
		if kind != 1 {
			o.broker.kill9()
			o.startBroker()
		}
		if kind != 0 {
			o.startDesk(one)
		}
	}
	o.settle()
	logged := perEvent(o.logged())
	if want := queued + len(o.desks); len(logged) != want {
		t.Errorf("the log has %d events, want %d", len(logged), want)
	}
	for event, n := range logged {
		if n != 1 {
			t.Errorf("event %s stands %d times in the log, want 1", event, n)
		}
	}
	o.checkAll(nil)
}

// choose lets the user of a desk work offline or online.
func (o *office) choose(d *officeDesk, how string) {
	o.t.Helper()
	var status struct{ Light string }
	if err := d.ask(o.t.Context(), http.MethodPost, "/api/"+how, "", &status); err != nil {
		o.t.Fatal(err)
	}
}
