package main_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Variables that choose what TestKill9 does, and what it does without them.
const (
	kill9Seed   = "CARELOG_KILL9_SEED"   // by default another one each time
	kill9Rounds = "CARELOG_KILL9_ROUNDS" // how many kills; by default one of each kind, and one more

	writersPerDesk = 2
	inTransaction  = 4 // records that a transaction writes
	sharedRecords  = 4 // that all writers change, so that there are conflicts
)

// Kill -9 of either desk, of the broker, or of all at once, at any moment, under writes
// at both desks: every registration that was acknowledged is there afterwards, once,
// at the broker and at both desks; of a transaction all is there, or nothing, whether or
// not it was acknowledged; and both desks are the same.
func TestKill9(t *testing.T) {
	t.Parallel()
	seed := uint64(numberOf(t, kill9Seed, int(time.Now().UnixNano()%1e9)))
	rounds := numberOf(t, kill9Rounds, killKinds+1)
	kills := 0
	defer func() {
		if t.Failed() {
			t.Logf("to kill at the same moments, as far as the clocks of processes let it:\n%s=%d %s=%d go test -run 'TestKill9$' -count 1 ./cmd/carelog",
				kill9Seed, seed, kill9Rounds, kills)
		}
	}()

	o := openOffice(t, "one", "two")
	w := startWriters(t, o, seed)
	chance := rand.New(rand.NewPCG(seed, 0))
	for first := chance.IntN(killKinds); kills < rounds; kills++ {
		w.await(chance.IntN(30))
		pause(t.Context(), time.Duration(chance.IntN(20))*time.Millisecond)
		o.kill(chance, w, first+kills)
	}
	acknowledged := w.stop()
	o.settle()
	t.Logf("%d kills with seed %d, %d registrations acknowledged, %d transactions tried", kills, seed, len(acknowledged), len(w.together))
	o.checkTogether(w.together)
	o.checkAll(acknowledged)
}

func numberOf(t *testing.T, variable string, otherwise int) int {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		t.Fatalf("%s=%s: want a number", variable, text)
	}
	return n
}

// pause lets time pass, or ctx end.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// killKinds is of how many kinds the kills of each of these tests are. They take turns, so that
// none is left out where there are few.
const killKinds = 3

// kill kills somebody, lets the others go on without them for a while, and starts them
// again.
func (o *office) kill(chance *rand.Rand, w *writers, turn int) {
	o.t.Helper()
	desk := o.desks[chance.IntN(len(o.desks))]
	meanwhile := chance.IntN(20)
	switch turn % killKinds {
	case 0: // the desks go on offline
		o.broker.kill9()
		w.await(meanwhile)
		o.startBroker()
	case 1:
		desk.current().kill9()
		w.await(meanwhile)
		o.startDesk(desk)
	default: // a power cut: nobody is there to go on
		for _, s := range o.services() {
			s.kill9()
		}
		brokerFirst := chance.IntN(2) == 0
		if brokerFirst {
			o.startBroker()
		}
		for _, d := range o.desks {
			o.startDesk(d)
		}
		if !brokerFirst { // it is the last to be back
			w.await(meanwhile)
			o.startBroker()
		}
	}
}

// registration is what a desk acknowledged.
type registration struct{ record, event, text string }

// writers write at all desks until they are stopped.
type writers struct {
	t    *testing.T
	end  context.CancelFunc
	done sync.WaitGroup

	mu           sync.Mutex
	acknowledged []registration
	together     []string      // ids of the transactions that were tried, without the numbers of their records
	more         chan struct{} // closed and replaced at each of them
}

func startWriters(t *testing.T, o *office, seed uint64) *writers {
	ctx, cancel := context.WithCancel(context.Background())
	w := &writers{t: t, end: cancel, more: make(chan struct{})}
	t.Cleanup(func() { w.stop() })
	for _, d := range o.desks {
		for n := range writersPerDesk {
			name := fmt.Sprintf("%s-%d", d.name, n)
			chance := rand.New(rand.NewPCG(seed, uint64(len(name)*31+n)))
			w.done.Go(func() { w.write(ctx, d, name, chance) })
		}
	}
	return w
}

// stop stops the writers and returns all that was acknowledged.
func (w *writers) stop() []registration {
	w.end()
	w.done.Wait()
	return w.acknowledged
}

// write changes a record of its own or one of all, again and again.
func (w *writers) write(ctx context.Context, d *officeDesk, name string, chance *rand.Rand) {
	for n := 0; ctx.Err() == nil; n++ {
		id := fmt.Sprintf("%s-%d", name, n)
		if chance.IntN(3) == 0 {
			id = fmt.Sprintf("shared-%d", chance.IntN(sharedRecords))
		}
		text := fmt.Sprintf("%s wrote this as number %d", name, n)
		var made []registration
		var err error
		if chance.IntN(4) == 0 {
			id = fmt.Sprintf("together-%s-%d", name, n)
			w.mu.Lock()
			w.together = append(w.together, id)
			w.mu.Unlock()
			made, err = d.registerTogether(ctx, id, text)
		} else {
			var event string
			event, err = d.register(ctx, id, text)
			made = []registration{{"Condition/" + id, event, text}}
		}
		if err != nil {
			pause(ctx, 5*time.Millisecond) // the desk is down, or was faster elsewhere
			continue
		}
		w.mu.Lock()
		w.acknowledged = append(w.acknowledged, made...)
		close(w.more)
		w.more = make(chan struct{})
		w.mu.Unlock()
	}
}

// await waits for so many more acknowledgements.
func (w *writers) await(n int) {
	w.t.Helper()
	timer := time.NewTimer(time.Minute)
	defer timer.Stop()
	w.mu.Lock()
	target := len(w.acknowledged) + n
	w.mu.Unlock()
	for {
		w.mu.Lock()
		enough, more := len(w.acknowledged) >= target, w.more
		w.mu.Unlock()
		if enough {
			return
		}
		select {
		case <-more:
		case <-timer.C:
			w.t.Fatalf("no desk has acknowledged anything for a minute")
		}
	}
}

// register writes a Condition at the desk and returns its event. An error means that
// nothing was acknowledged.
func (d *officeDesk) register(ctx context.Context, id, text string) (event string, err error) {
	body := fmt.Sprintf(`{"resourceType":"Condition","id":%q,"subject":{"reference":"Patient/p1"},"code":{"text":%q}}`, id, text)
	var kept struct{ Meta struct{ VersionID string } }
	err = d.ask(ctx, http.MethodPut, "/fhir/Condition/"+id, body, &kept)
	if err == nil && kept.Meta.VersionID == "" {
		err = fmt.Errorf("%s answers without a version", d.name)
	}
	return kept.Meta.VersionID, err
}

// registerTogether writes several Conditions of two patients in one transaction.
func (d *officeDesk) registerTogether(ctx context.Context, id, text string) (made []registration, err error) {
	var entries []string
	for i := range inTransaction {
		entries = append(entries, fmt.Sprintf(`{"resource":{"resourceType":"Condition","id":"%s-%d","subject":{"reference":"Patient/p%d"},"code":{"text":%q}},
			"request":{"method":"PUT","url":"Condition/%[1]s-%[2]d"}}`, id, i, i%2, text))
	}
	var answer struct {
		Entry []struct{ Response struct{ ETag string } }
	}
	err = d.ask(ctx, http.MethodPost, "/fhir", `{"resourceType":"Bundle","type":"transaction","entry":[`+strings.Join(entries, ",")+`]}`, &answer)
	if err == nil && len(answer.Entry) != inTransaction {
		err = fmt.Errorf("%s answers to %d entries of %d", d.name, len(answer.Entry), inTransaction)
	}
	for i, e := range answer.Entry {
		event := strings.TrimSuffix(strings.TrimPrefix(e.Response.ETag, `W/"`), `"`)
		made = append(made, registration{fmt.Sprintf("Condition/%s-%d", id, i), event, text})
	}
	return made, err
}

// checkTogether checks that of each transaction all is in the log, or nothing. The desks
// are held against the log by checkAll. Most transactions were tried while nobody was there
// to take them, so that to ask a desk for each record would take longer than the kills.
func (o *office) checkTogether(transactions []string) {
	o.t.Helper()
	logged := make(map[string]bool)
	for _, l := range o.logged() {
		logged[l.Record] = true
	}
	for _, id := range transactions {
		var there []int
		for i := range inTransaction {
			if logged[fmt.Sprintf("Condition/%s-%d", id, i)] {
				there = append(there, i)
			}
		}
		if len(there) != 0 && len(there) != inTransaction {
			o.t.Errorf("of transaction %s only the records %v are there", id, there)
		}
	}
}

// ask sends a request to the desk and reads its answer, if it is a success.
func (d *officeDesk) ask(ctx context.Context, method, path, body string, answer any) error {
	s := d.current()
	r, err := http.NewRequestWithContext(ctx, method, s.text("url")+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+s.text("token"))
	r.Header.Set("Content-Type", "application/fhir+json")
	got, err := doors.Do(r)
	if err != nil {
		return err
	}
	defer got.Body.Close()
	text, err := io.ReadAll(got.Body)
	if err != nil {
		return err
	}
	if got.StatusCode >= 300 {
		return fmt.Errorf("%s %s at %s answers %s: %s", method, path, d.name, got.Status, text)
	}
	return json.Unmarshal(text, answer)
}

// checkAll checks what must hold at the end.
func (o *office) checkAll(acknowledged []registration) {
	o.t.Helper()
	logged := perEvent(o.logged())
	for _, r := range acknowledged {
		if n := logged[r.event]; n != 1 {
			o.t.Errorf("%s, %q, was acknowledged as event %s and stands %d times in the log, want 1", r.record, r.text, r.event, n)
		}
	}
	for _, d := range o.desks {
		o.checkStatus(d)
	}
	o.checkRead(o.desks[1], acknowledged) // at the others too, since their projections are the same
	o.carelog("audit", "verify", "--data", o.desks[0].name)
	var copies []string
	for _, d := range o.desks {
		if err := d.current().stop(); err != nil {
			o.t.Error(err)
		}
		o.carelog("audit", "verify", "--data", d.name, "--file") // with the projection, now that nobody writes
		text, err := projectionOf(filepath.Join(o.dir, d.name))
		if err != nil {
			o.t.Fatal(err)
		}
		copies = append(copies, text)
	}
	if diff := cmp.Diff(copies[0], copies[1]); diff != "" {
		o.t.Errorf("the desks differ (-%s +%s):\n%s", o.desks[0].name, o.desks[1].name, diff)
	}
}

// checkRead checks that a desk shows every registration as it was made.
func (o *office) checkRead(d *officeDesk, acknowledged []registration) {
	o.t.Helper()
	for _, r := range acknowledged {
		var kept struct{ Code struct{ Text string } }
		if err := d.ask(o.t.Context(), http.MethodGet, "/fhir/"+r.record+"/_history/"+r.event, "", &kept); err != nil {
			o.t.Errorf("%s was acknowledged and is not to be read: %v", r.record, err)
		} else if kept.Code.Text != r.text {
			o.t.Errorf("event %s of %s at %s says %q, want %q", r.event, r.record, d.name, kept.Code.Text, r.text)
		}
	}
}

// checkStatus checks that a desk is green and has nothing to warn of.
func (o *office) checkStatus(d *officeDesk) {
	o.t.Helper()
	var status struct {
		Light    string
		Warnings []struct{ Code, Text string }
		Doubts   map[string]int
	}
	if err := d.ask(o.t.Context(), http.MethodGet, "/api/status", "", &status); err != nil {
		o.t.Error(err)
	}
	if status.Light != "online" || len(status.Warnings) > 0 || len(status.Doubts) > 0 {
		o.t.Errorf("desk %s: light %s, warnings %v, doubts %v; want online and none", d.name, status.Light, status.Warnings, status.Doubts)
	}
}
