package web_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/behind"
	"github.com/carelog/carelog/agent/hub"
	"github.com/carelog/carelog/agent/intake"
	"github.com/carelog/carelog/agent/publish"
	"github.com/carelog/carelog/agent/web"
	"github.com/carelog/carelog/projections/sumehr"
	"github.com/carelog/carelog/projections/sumehr/kmehr"
	"github.com/carelog/carelog/projections/sumehr/standing"
)

// publisher is one whose answers a test decides.
type publisher struct {
	mu    sync.Mutex // of all below, where a browser asks
	fails error
	did   []string
	holds []publish.Held
	text  *kmehr.Element
	state standing.Hub
	then  func() // what else becomes of what was asked for; nil: nothing
}

// set changes what it answers.
func (p *publisher) set(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
}

func (p *publisher) Publish(_ context.Context, patient, over, by string) error {
	return p.do("publish " + patient + " " + over + " by " + by)
}

func (p *publisher) Revoke(_ context.Context, patient, by string) error {
	return p.do("revoke " + patient + " by " + by)
}

func (p *publisher) do(what string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.did = append(p.did, what)
	if p.then != nil {
		p.then()
	}
	return p.fails
}

func (p *publisher) Look(context.Context, string) ([]publish.Held, *kmehr.Element, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.holds, p.text, p.fails
}

func (p *publisher) Status() agent.HubStatus {
	return agent.HubStatus{URL: "http://hub/", DownSince: time.Unix(1, 0).UTC(), Error: "it is away"}
}

func (p *publisher) State(standing.Facts) standing.Hub {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.state
}

// away is a hub that cannot be reached.
func away() standing.Hub {
	return standing.Hub{SetUp: true, Session: true, Trouble: standing.Unreachable, Detail: "it is away", Next: time.Unix(2, 0).UTC()}
}

// withHub is a desk with a hub and a patient of whom nobody wishes anything.
func withHub(t *testing.T) (*desk, *publisher) {
	d, p := newDesk(t), &publisher{state: away()}
	table := behind.New(behind.Config{Desk: d, Records: d.store, Hub: p})
	pages := web.New(web.Config{Desk: d, Records: d.store, Sumehrs: table, Publisher: p, Intake: intake.NewDossiers(d, d.store), Trail: d})
	t.Cleanup(pages.Close)
	d.serve(pages)
	d.arrives("Practitioner/dr-2", "", "dr-1", physicianTwo)
	d.arrives("Patient/p1", "p1", "dr-1", sumehrPatient)
	d.arrives("Condition/c1", "p1", "dr-1", asthma)
	return d, p
}

type standingJSON struct {
	Patient, Name, Reason, Text, Do, Detail string
	Next                                    time.Time
	Wish, Consent                           struct {
		Holds   bool
		Since   time.Time
		Records []string
	}
	Relation struct {
		Holds, Ours bool
		Records     []string
	}
	Hub *struct {
		URI, Author string
		Revoked     bool
	}
	Publisher struct {
		SetUp   bool `json:"set_up"`
		Session bool
	}
}

// How a patient stands is told whether or not a Sumehr is wished, with the duties and what the
// hub holds.
func TestStanding(t *testing.T) {
	d, _ := withHub(t)
	var got standingJSON
	d.get("/api/sumehr/p1/standing", &got)
	if got.Patient != "p1" || got.Reason != "off" || got.Text == "" || got.Wish.Holds || got.Wish.Records == nil || got.Consent.Holds || got.Hub != nil || !got.Publisher.SetUp {
		t.Errorf("nobody wishes it: got %+v", got)
	}
	d.arrives("Consent/yes", "p1", "dr-1", sumehrConsent("yes", sumehr.TableBase+"cd-consenttype", "retrospective"))
	d.arrives("Consent/link", "p1", "dr-1", sumehrConsent("link", sumehr.TableBase+"cd-therapeuticlinktype", "gmd"))
	got = standingJSON{}
	d.get("/api/sumehr/p1/standing", &got)
	if !got.Consent.Holds || got.Consent.Since.IsZero() || !got.Relation.Holds || !got.Relation.Ours || got.Relation.Records[0] != "Consent/link" {
		t.Errorf("the duties are told before the wish: got %+v", got)
	}
	d.arrives("Consent/wish", "p1", "dr-1", sumehrConsent("wish", sumehr.MarkSystem, standing.WishCode))
	publication, err := standing.Publication{URI: "/subject/58031499914/sumehr/12345/1", Author: "dr-2", Revoked: true}.Body("p1")
	if err != nil {
		t.Fatal(err)
	}
	d.arrives("DocumentReference/pub", "p1", "dr-1", strings.Replace(string(publication), `"id":""`, `"id":"pub"`, 1))
	got = standingJSON{}
	d.get("/api/sumehr/p1/standing?language=nl", &got)
	if got.Reason != "unreachable" || !strings.HasPrefix(got.Text, "de hub is niet") || got.Detail != "it is away" || !got.Next.Equal(time.Unix(2, 0)) || !got.Wish.Holds || got.Name != "Fictief Voorbeeld" {
		t.Errorf("got %+v", got)
	}
	if got.Hub == nil || !got.Hub.Revoked || got.Hub.Author != "dr-2" {
		t.Errorf("what was revoked is told: got %+v", got.Hub)
	}
	var table struct{ Hub *agent.HubStatus }
	if d.get("/api/sumehr", &table); table.Hub == nil || table.Hub.URL != "http://hub/" || table.Hub.DownSince.IsZero() {
		t.Errorf("the table says of the hub %+v", table.Hub)
	}
	var status agent.Status
	if d.get("/api/status", &status); status.Hub == nil || status.Hub.Error != "it is away" {
		t.Errorf("the status says of the hub %+v", status.Hub)
	}
}

// What a person asks of the hub is done, and the answer is how the patient stands then; each
// refusal has a code of its own.
func TestAskTheHub(t *testing.T) {
	d, p := withHub(t)
	post := func(path, body string, want int) (code string) {
		t.Helper()
		answer, text := d.ask("POST", path, body)
		var said struct {
			Reason string
			Error  struct{ Code, Text string }
		}
		if err := json.Unmarshal([]byte(text), &said); err != nil || answer.StatusCode != want || want == http.StatusOK && said.Reason != "off" || want != http.StatusOK && said.Error.Text == "" {
			t.Errorf("%s answers %d %s, want %d", path, answer.StatusCode, text, want)
		}
		return said.Error.Code
	}
	post("/api/sumehr/p1/publish", "", http.StatusOK)
	post("/api/sumehr/p1/publish", `{"over":"/x/1"}`, http.StatusOK)
	post("/api/sumehr/p1/revoke", "{}", http.StatusOK)
	if got := fmt.Sprint(p.did); got != "[publish p1  by dr-1 publish p1 /x/1 by dr-1 revoke p1 by dr-1]" {
		t.Errorf("it did %s", got)
	}
	var kept []string
	for _, e := range d.looks { // nobody asks any more
		kept = append(kept, fmt.Sprint(e.Agent, " ", e.Did, " ", e.What, " ", e.Patients))
	}
	if want := []string{"dr-1 hub-publish Patient/p1 [p1]", "dr-1 hub-publish Patient/p1 [p1]", "dr-1 hub-revoke Patient/p1 [p1]"}; !slices.Equal(kept, want) {
		t.Errorf("the trail has %q, want %q", kept, want)
	}
	p.did = nil
	post("/api/sumehr/p2/publish", "", http.StatusNotFound)
	post("/api/sumehr/p1/publish", `{"under":"x"}`, http.StatusBadRequest)
	post("/api/sumehr/p1/revoke", `{"over":"x"}`, http.StatusBadRequest)
	if len(p.did) > 0 {
		t.Errorf("it did %v", p.did)
	}
	for code, c := range map[string]struct {
		fails  error
		status int
	}{
		"wished":      {publish.ErrWished, http.StatusConflict},
		"not-wished":  {publish.ErrNotWished, http.StatusConflict},
		"nothing":     {publish.ErrNothing, http.StatusConflict},
		"moved":       {publish.ErrMoved, http.StatusConflict},
		"no-session":  {fmt.Errorf("x: %w", hub.ErrNoSession), http.StatusServiceUnavailable},
		"unreachable": {hub.ErrUnreachable, http.StatusServiceUnavailable},
		"not-level":   {agent.ErrNotLevel, http.StatusServiceUnavailable},
		"hub":         {&hub.AnswerError{Codes: []hub.Code{{Code: "360"}}}, http.StatusBadGateway},
		"internal":    {errors.New("x"), http.StatusInternalServerError},
	} {
		p.fails = c.fails
		if got := post("/api/sumehr/p1/publish", "", c.status); got != code {
			t.Errorf("%v has the code %q, want %q", c.fails, got, code)
		}
	}
}

// What the hub holds is shown, and looking at it is in the trail like every look.
func TestLookAtTheHub(t *testing.T) {
	d, p := withHub(t)
	var got struct {
		Holds  []publish.Held
		Sumehr *struct{ Sections []struct{ Kind string } }
	}
	if d.get("/api/sumehr/p1/hub", &got); got.Holds == nil || got.Sumehr != nil {
		t.Errorf("it holds nothing: got %+v", got)
	}
	if answer, _ := d.ask("GET", "/api/sumehr/p1/hub?format=xml", ""); answer.StatusCode != http.StatusNotFound {
		t.Errorf("got %s", answer.Status)
	}
	_, text := d.ask("GET", "/api/sumehr/p1?format=xml", "")
	message, err := kmehr.Read([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	p.holds, p.text = []publish.Held{{URI: "/x/1", Author: "10000106003", Ours: true}}, message
	if d.get("/api/sumehr/p1/hub", &got); len(got.Holds) != 1 || !got.Holds[0].Ours || got.Sumehr == nil || len(got.Sumehr.Sections) == 0 {
		t.Errorf("got %+v", got)
	}
	if answer, again := d.ask("GET", "/api/sumehr/p1/hub?format=xml", ""); answer.StatusCode != http.StatusOK || again != text {
		t.Errorf("got %s\n%s", answer.Status, again)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if n := len(d.looks); n != 5 || d.looks[4].What != "Patient/p1" {
		t.Errorf("the trail has %+v", d.looks)
	}
}

// A desk without a hub says so, with what to do.
func TestNoHub(t *testing.T) {
	d := newDesk(t)
	d.arrives("Patient/p1", "p1", "dr-1", sumehrPatient)
	for _, ask := range []string{"POST /api/sumehr/p1/publish", "POST /api/sumehr/p1/revoke", "GET /api/sumehr/p1/hub", "GET /api/sumehr/p1/take-in"} {
		method, path, _ := strings.Cut(ask, " ")
		answer, text := d.ask(method, path, "")
		if answer.StatusCode != http.StatusServiceUnavailable || !strings.Contains(text, `"no-hub"`) {
			t.Errorf("%s answers %d %s", ask, answer.StatusCode, text)
		}
	}
}
