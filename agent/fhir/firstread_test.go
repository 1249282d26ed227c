package fhir_test

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"testing"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/agenttest"
	"github.com/carelog/carelog/events"
)

// heldBack is a line on which the log does not come before it is let go; what is asked for by name does.
type heldBack struct {
	agent.Log
	letGo chan struct{}
}

func (l heldBack) Read(ctx context.Context, from uint64) iter.Seq2[events.Stored, error] {
	return func(yield func(events.Stored, error) bool) {
		select {
		case <-l.letGo:
		case <-ctx.Done():
			yield(events.Stored{}, ctx.Err())
			return
		}
		l.Log.Read(ctx, from)(yield)
	}
}

// incomplete reports whether an answer says that there may be more; of another answer than a Bundle or an outcome it
// does not.
func (r reply) incomplete() bool { return strings.Contains(r.Body.String(), `"incomplete"`) }

// A new desk in its first read of the log says of what it does not find that it may be elsewhere, gives out a dossier that
// is asked for ahead of all others, and says no such thing any more when it has read to the end.
func TestANewDeskInItsFirstRead(t *testing.T) {
	o := emptyOffice(t)
	one := o.desk("one", patience)
	one.AwaitGreen()
	for _, p := range []string{"p1", "p2", "p3"} {
		one.ask("PUT", "/fhir/Patient/"+p, fmt.Sprintf(`{"resourceType":"Patient","id":%q,"identifier":[{"value":"n-%[1]s"}],"name":[{"family":"Peeters"}]}`, p)).want(201)
		one.ask("PUT", "/fhir/Condition/c-"+p, fmt.Sprintf(`{"resourceType":"Condition","id":"c-%s","subject":{"reference":"Patient/%[1]s"},"code":{"text":"asthma"}}`, p)).want(201)
	}
	one.ask("PUT", "/fhir/Organization/o1", `{"resourceType":"Organization","id":"o1","name":"Practice"}`).want(201)

	letGo := make(chan struct{})
	two := &realDesk{t: t, line: o.broker.Device("two")}
	two.Desk = agenttest.NewDesk(t, o.sheet, o.dir, "two", func(ctx context.Context, report func(bool, error)) (agent.Log, error) {
		l, err := two.connect(patience)(ctx, report)
		return heldBack{l, letGo}, err
	})
	two.Config.Patience = patience
	two.Start()
	t.Cleanup(two.Stop)
	two.open()
	two.Await("the line", func(s agent.Status) bool { return s.Server.Sequence > 0 })

	ask := func(status int, incomplete bool, method, path string, body string, headers ...string) reply {
		t.Helper()
		got := two.ask(method, path, body, headers...).want(status)
		if got.incomplete() != incomplete {
			t.Errorf("%s %s: incomplete %v, want %v: %s", method, path, !incomplete, incomplete, got.Body)
		}
		return got
	}
	// By its name alone nobody knows in which dossier it is.
	if got := ask(404, true, "GET", "/fhir/Condition/c-p1", ""); got.issueCode() != "incomplete" || got.Header().Get("Retry-After") == "" {
		t.Errorf("a record that is not here yet: %v %s", got.Header(), got.Body)
	}
	if n := len(ask(200, true, "GET", "/fhir/Patient?name=peeters", "").bundle().Entry); n != 1 {
		t.Errorf("a search of what is not here yet has %d entries, want the outcome alone", n)
	}
	ask(503, true, "POST", "/fhir/Patient", `{"resourceType":"Patient","identifier":[{"value":"n-p3"}]}`, "If-None-Exist: identifier=n-p3")
	ask(404, true, "DELETE", "/fhir/Condition/c-p1", "")
	// The practice's own records, a Patient, and a search within a dossier are fetched when they are asked for.
	ask(200, false, "GET", "/fhir/Organization/o1", "")
	ask(200, false, "GET", "/fhir/Patient/p1", "")
	ask(200, false, "GET", "/fhir/Condition/c-p1", "") // which came with its patient
	if got := ask(200, false, "GET", "/fhir/Condition?patient=p2", ""); !strings.Contains(got.Body.String(), `"c-p2"`) {
		t.Errorf("a dossier that is searched: %s", got.Body)
	}
	ask(404, false, "GET", "/fhir/Patient/nobody", "")
	two.line.Cut()
	two.AwaitOffline()
	ask(404, true, "GET", "/fhir/Patient/p3", "")
	if got := ask(200, true, "GET", "/fhir/Condition?patient=p2", ""); !strings.Contains(got.Body.String(), `"c-p2"`) { // nobody knows whether more came
		t.Errorf("a dossier that is here, offline: %s", got.Body)
	}
	two.line.Mend()
	two.Await("the line again", func(agent.Status) bool { return two.ask("GET", "/fhir/Patient/p3", "").Code == 200 })
	if s := two.Now(); !s.Incomplete || s.Position.Sequence != 0 {
		t.Fatalf("the desk stands at %d, incomplete %v: it was to be in its first read all the time", s.Position.Sequence, s.Incomplete)
	}
	ask(404, true, "GET", "/fhir/Condition/none", "")

	close(letGo)
	two.AwaitGreen()
	two.Await("the index", func(agent.Status) bool { return !two.ask("GET", "/fhir/Patient?name=peeters", "").incomplete() })
	if got := ask(404, false, "GET", "/fhir/Condition/none", ""); got.issueCode() != "not-found" {
		t.Errorf("what does not exist: %s", got.Body)
	}
	if n := len(ask(200, false, "GET", "/fhir/Patient?name=peeters", "").bundle().Entry); n != 3 {
		t.Errorf("%d are found when all is here, want 3", n)
	}
	ask(200, false, "POST", "/fhir/Patient", `{"resourceType":"Patient","identifier":[{"value":"n-p3"}]}`, "If-None-Exist: identifier=n-p3")
	if got := ask(412, false, "PUT", "/fhir/Condition/c-p1", `{"resourceType":"Condition","id":"c-p1","subject":{"reference":"Patient/p1"}}`, `If-Match: W/"01ARZ3NDEKTSV4RRFFQ69G5FAV"`); got.issueCode() != "conflict" {
		t.Errorf("a version that does not exist: %s", got.Body)
	}
}
