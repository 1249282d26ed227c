package web_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/behind"
	"github.com/carelog/carelog/agent/web"
	"github.com/carelog/carelog/projections/sumehr"
	"github.com/carelog/carelog/projections/sumehr/standing"
)

func sumehrConsent(id, system, code string) string {
	return fmt.Sprintf(`{"resourceType":"Consent","id":%q,"status":"active","patient":{"reference":"Patient/p1"},"category":[{"coding":[{"system":%q,"code":%q}]}]}`, id, system, code)
}

// The table names the patient with the reason in the language asked for, what the hub holds and
// what can be done; the count is in the status.
func TestSumehrsBehind(t *testing.T) {
	d := newDesk(t)
	table := behind.New(behind.Config{Desk: d, Records: d.store})
	pages := web.New(web.Config{Desk: d, Records: d.store, Sumehrs: table})
	t.Cleanup(pages.Close)
	d.serve(pages)

	var got struct {
		Wished   int
		Patients []struct {
			Patient, Name, Author, Reason, Text, Do string
			Records                                 []string
			Findings                                []struct{ Rule, Record, Text string }
			Hub                                     *struct{ URI, Author, Digest, Event string }
		}
	}
	ask := func(query string) {
		t.Helper()
		got.Patients = nil
		d.get("/api/sumehr"+query, &got)
	}
	ask("")
	if got.Wished != 0 || got.Patients == nil || len(got.Patients) != 0 {
		t.Errorf("nobody is wished one: got %+v", got)
	}
	d.arrives("Practitioner/dr-2", "", "dr-1", physicianTwo)
	d.arrives("Patient/p1", "p1", "dr-1", sumehrPatient)
	d.arrives("Condition/c1", "p1", "dr-1", asthma)
	d.arrives("Consent/wish", "p1", "dr-1", sumehrConsent("wish", sumehr.MarkSystem, standing.WishCode))
	ask("?language=nl")
	if len(got.Patients) != 1 || got.Wished != 1 {
		t.Fatalf("got %+v", got)
	}
	if p := got.Patients[0]; p.Patient != "p1" || p.Name != "Fictief Voorbeeld" || p.Author != "10000106003" || p.Reason != "no-consent" || p.Do != "record-consent" || !strings.HasPrefix(p.Text, "er is geen geïnformeerde") || p.Hub != nil || p.Records == nil || p.Findings == nil {
		t.Errorf("got %+v", p)
	}
	var status agent.Status
	if d.get("/api/status", &status); status.SumehrBehind != 1 {
		t.Errorf("the status counts %d", status.SumehrBehind)
	}

	publication, err := standing.Publication{URI: "/subject/58031499914/sumehr/12345/1", Author: "dr-2"}.Body("p1")
	if err != nil {
		t.Fatal(err)
	}
	event := d.arrives("DocumentReference/pub", "p1", "dr-1", strings.Replace(string(publication), `"id":""`, `"id":"pub"`, 1))
	d.arrives("Consent/yes", "p1", "dr-1", sumehrConsent("yes", sumehr.TableBase+"cd-consenttype", "retrospective"))
	d.arrives("Consent/link", "p1", "dr-1", sumehrConsent("link", sumehr.TableBase+"cd-therapeuticlinktype", "gmd"))
	d.arrives("Condition/c2", "p1", "dr-1", `{"resourceType":"Condition","id":"c2","subject":{"reference":"Patient/p1"},"code":{"text":"Jicht"}}`)
	ask("")
	if p := got.Patients[0]; p.Reason != "invalid" || p.Hub == nil || p.Hub.URI != "/subject/58031499914/sumehr/12345/1" || p.Hub.Author != "dr-2" || p.Hub.Event != event.String() ||
		len(p.Findings) != 1 || p.Findings[0].Rule != "begin-missing" || p.Findings[0].Record != "Condition/c2" || p.Findings[0].Text == "" {
		t.Errorf("got %+v", p)
	}

	if answer, _ := d.ask("POST", "/api/sumehr", "{}"); answer.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST answers %d", answer.StatusCode)
	}
}

// A desk without the table says so.
func TestNoTableOfSumehrs(t *testing.T) {
	d := newDesk(t)
	pages := web.New(web.Config{Desk: d, Records: d.store})
	t.Cleanup(pages.Close)
	d.serve(pages)
	answer, text := d.ask("GET", "/api/sumehr", "")
	var body struct{ Error struct{ Code string } }
	if err := json.Unmarshal([]byte(text), &body); err != nil || answer.StatusCode != http.StatusNotFound || body.Error.Code != "not-found" {
		t.Errorf("got %d %s", answer.StatusCode, text)
	}
}

// serve lets other pages answer at an address of their own.
func (d *desk) serve(pages *web.Handler) {
	d.t.Helper()
	server := httptest.NewServer(d.guard.Handler(pages))
	d.t.Cleanup(server.Close)
	d.url = server.URL
}
