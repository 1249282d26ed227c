package fhir_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/carelog/carelog/agent/guard"
	"github.com/carelog/carelog/agent/web"
)

// TestPublicClients: clients that nobody here wrote go the whole way, unmodified, from a
// registration to a conflict made by two desks that were offline, and to its end at both;
// testdata/npm/way.mjs says what they meet.
func TestPublicClients(t *testing.T) {
	scripts := []string{"fhir-kit-client.mjs", "medplum.mjs", "fhirclient.mjs"}
	_ = npmScript(t, scripts[0]) // skips, or fails, before desks are started
	o := emptyOffice(t)
	desks, err := json.Marshal([]openDesk{openDeskOf(o, "one"), openDeskOf(o, "two")})
	if err != nil {
		t.Fatal(err)
	}
	for _, script := range scripts {
		t.Run(script, func(t *testing.T) {
			cmd := npmScript(t, script)
			cmd.Env = append(cmd.Env, "CARELOG_DESKS="+string(desks))
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			t.Logf("%s", out)
		})
	}
}

// openDesk is a desk as a client sees it.
type openDesk struct {
	Name  string `json:"name"`
	URL   string `json:"url"`
	Token string `json:"token"`
	User  string `json:"user"` // who sits there
}

// openDeskOf starts a desk with its guard and the doors that an EHR uses, on loopback.
func openDeskOf(o *office, name string) openDesk {
	o.t.Helper()
	t, d := o.t, o.desk(name, 0)
	open := openDesk{Name: "desk " + name, Token: guard.NewToken(), User: "dr-" + name}
	watch, err := guard.Open(guard.Config{Token: open.Token, Author: open.User})
	if err != nil {
		t.Fatal(err)
	}
	pages := web.New(web.Config{Desk: d.Agent, Records: d.Records()})
	t.Cleanup(pages.Close)
	mux := http.NewServeMux()
	mux.Handle("/api/", pages)
	server := httptest.NewServer(watch.Handler(d.door.Before(mux)))
	t.Cleanup(server.Close)
	open.URL = server.URL
	return open
}
