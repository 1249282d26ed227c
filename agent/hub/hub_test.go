package hub_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/carelog/carelog/agent/hub"
	"github.com/carelog/carelog/agent/hub/hubsim"
	"github.com/carelog/carelog/projections/sumehr"
	"github.com/carelog/carelog/projections/sumehr/kmehr"
)

// The whole way of a Sumehr: first version, next, seen by everybody, revoked.
func TestWay(t *testing.T) {
	sim, c := start(t)
	ctx := t.Context()
	if list, err := c.List(ctx, inss); err != nil || len(list) != 0 {
		t.Fatalf("an empty hub: %v, %v", list, err)
	}
	if list, err := c.LatestUpdates(ctx, inss, "60010100073"); err != nil || len(list) != 0 {
		t.Fatalf("an empty hub: %v, %v", list, err)
	}
	first := put(t, c, "Astma", "")
	second := put(t, c, "COPD", first)
	if first != "/subject/"+inss+"/sumehr/40001/1" || second != "/subject/"+inss+"/sumehr/40001/2" {
		t.Errorf("got %s and %s", first, second)
	}
	list, err := c.List(ctx, inss)
	if err != nil || len(list) != 1 || list[0].URI != second || list[0].Author != "10000007004" || list[0].Recorded.IsZero() {
		t.Errorf("got %+v, %v", list, err)
	}
	updates, err := c.LatestUpdates(ctx, "60010100073", inss)
	if err != nil || len(updates) != 1 || updates[0].Patient != inss || updates[0].Version != "2" || !updates[0].Updated.After(updates[0].Created) {
		t.Errorf("got %+v, %v", updates, err)
	}
	got, err := c.Get(ctx, inss, second)
	if err != nil {
		t.Fatal(err)
	}
	if sumehr.Digest(got) != sumehr.Digest(message(t, "COPD", "")) {
		t.Error("what the hub gives back says something else")
	}
	if authors := got.At("folder", "transaction", "author").All("hcparty"); len(authors) != 2 || authors[0].Code("CD-HCPARTY") != "hub" || got.At("folder", "transaction").Local(sumehr.VitalinkURI) != second {
		t.Error("the hub puts itself before the author, and its uri on the transaction")
	}
	for range 2 { // the second time it is gone already
		if err := c.Revoke(ctx, inss, second); err != nil {
			t.Error(err)
		}
	}
	if list, err := c.List(ctx, inss); err != nil || len(list) != 0 || !sim.Holds()[inss][0].Revoked {
		t.Errorf("revoked: %v, %v", list, err)
	}
}

// A version that is not based on the newest is refused; without a base there is a second
// document.
func TestVersions(t *testing.T) {
	sim, c := start(t)
	first := put(t, c, "Astma", "")
	put(t, c, "COPD", first)
	next, _ := sumehr.NextURI(first)
	var refused *hub.AnswerError
	if _, err := c.Put(t.Context(), message(t, "Jicht", next)); !errors.As(err, &refused) || !refused.Has("stale") || refused.Later() {
		t.Errorf("a stale base: got %v", err)
	}
	if !sim.Foreign(inss, "10000106003") {
		t.Fatal("there is nothing to be newer than")
	}
	list, err := c.List(t.Context(), inss)
	if err != nil || len(list) != 1 || list[0].Author != "10000106003" || !strings.HasSuffix(list[0].URI, "/3") {
		t.Errorf("a foreign newer one: got %+v, %v", list, err)
	}
	put(t, c, "Jicht", "")
	if list, err := c.List(t.Context(), inss); err != nil || len(list) != 2 || list[0].Author != "10000007004" {
		t.Errorf("without a base there are two, the newest first: got %+v, %v", list, err)
	}
	m := message(t, "Jicht", "")
	m.At("folder", "patient").Children = slices.DeleteFunc(m.At("folder", "patient").Children, func(e *kmehr.Element) bool { return e.Name == "birthdate" })
	if _, err := c.Put(t.Context(), m); !errors.As(err, &refused) || !refused.Has("rule") {
		t.Errorf("a Sumehr that breaks a rule: got %v", err)
	}
	if held := sim.Holds()[inss]; len(held) != 2 || len(held[0].Versions) != 3 || len(held[1].Versions) != 1 {
		t.Errorf("the hub holds %+v", held)
	}
}

// Each failure is told apart, by what may be done next; and whether it had happened is what
// the hub holds, not what it said.
func TestFailures(t *testing.T) {
	for mode, c := range map[hubsim.Mode]struct {
		code            string
		later, unknown  bool
		stored, anError bool
	}{
		hubsim.Well:               {stored: true},
		hubsim.NoRelation:         {code: "360", anError: true},
		hubsim.NoConsent:          {code: "365", anError: true},
		hubsim.Broken:             {code: "500", later: true, anError: true},
		hubsim.CompleteWithErrors: {code: "500", later: true, anError: true},
		hubsim.Fault:              {unknown: true, anError: true},
		hubsim.Timeout:            {unknown: true, anError: true},
		hubsim.TimeoutButStored:   {unknown: true, anError: true, stored: true},
	} {
		t.Run(string(mode), func(t *testing.T) {
			sim, client := start(t)
			if err := sim.Set(hubsim.Switch{Mode: mode, Times: 1, Writing: true}); err != nil {
				t.Fatal(err)
			}
			sent := *client
			if mode == hubsim.Timeout || mode == hubsim.TimeoutButStored {
				short := *client.HTTP
				short.Timeout = 2 * time.Second // the hub has to have read it by then
				sent.HTTP = &short
			}
			_, err := sent.Put(t.Context(), message(t, "Astma", ""))
			var refused *hub.AnswerError
			if (err != nil) != c.anError || errors.Is(err, hub.ErrUnknown) != c.unknown {
				t.Errorf("got %v", err)
			}
			if errors.As(err, &refused) != (c.code != "") || c.code != "" && (!refused.Has(c.code) || refused.Later() != c.later) {
				t.Errorf("got %v, want the code %q", err, c.code)
			}
			list, err := client.List(t.Context(), inss)
			if err != nil || (len(list) == 1) != c.stored {
				t.Errorf("the hub holds %v (%v), want it stored: %v", list, err, c.stored)
			}
			if c.anError && !c.stored { // the switch was for one request
				put(t, client, "Astma", "")
			}
		})
	}
}

func TestUnreachable(t *testing.T) {
	_, c := start(t)
	c.URL = "http://127.0.0.1:1/"
	if _, err := c.List(t.Context(), inss); !errors.Is(err, hub.ErrUnreachable) || errors.Is(err, hub.ErrUnknown) {
		t.Errorf("got %v", err)
	}
}

// A request that does not follow the hub's schema is not taken, and it is known that it was
// not.
func TestSchemaRefuses(t *testing.T) {
	sim := hubsim.New(hubsim.Config{Schema: func([]byte) error { return errors.New("no such element") }})
	server := httptest.NewServer(sim)
	defer server.Close()
	_, c := start(t)
	plain := &http.Transport{}
	defer plain.CloseIdleConnections()
	c.URL, c.HTTP = server.URL+"/", &http.Client{Transport: plain, Timeout: 20 * time.Second}
	var fault *hub.FaultError
	if _, err := c.Put(t.Context(), message(t, "Astma", "")); !errors.As(err, &fault) || errors.Is(err, hub.ErrUnknown) || !strings.Contains(fault.Text, "no such element") {
		t.Errorf("got %v", err)
	}
	if len(sim.Holds()) > 0 {
		t.Error("it was kept")
	}
}

// noSession is a desk where nobody is logged in.
type noSession struct{ hub.Plain }

func (noSession) Header(context.Context) ([]*kmehr.Element, error) {
	return nil, errors.New("no card")
}

func TestNoSession(t *testing.T) {
	sim, c := start(t)
	c.Security = noSession{}
	if _, err := c.Put(t.Context(), message(t, "Astma", "")); !errors.Is(err, hub.ErrNoSession) {
		t.Errorf("got %v", err)
	}
	if len(sim.Holds()) > 0 {
		t.Error("something was sent")
	}
}

// What a hub answers is not believed: each of these is an error, and not a success.
func TestStrangeAnswers(t *testing.T) {
	wrap := func(body string) string {
		return `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>` + body + `</s:Body></s:Envelope>`
	}
	for name, c := range map[string]struct{ kind, body string }{
		"HTML":             {"text/html", "<html/>"},
		"no XML":           {"text/xml", "{}"},
		"document type":    {"text/xml", `<!DOCTYPE x>` + wrap(`<PutTransactionResponse/>`)},
		"empty body":       {"text/xml", wrap("")},
		"another answer":   {"text/xml", wrap(`<GetTransactionResponse/>`)},
		"no word of it":    {"text/xml", wrap(`<PutTransactionResponse/>`)},
		"not complete":     {"text/xml", wrap(`<PutTransactionResponse><acknowledge><iscomplete>false</iscomplete></acknowledge></PutTransactionResponse>`)},
		"complete, no uri": {"text/xml", wrap(`<PutTransactionResponse><acknowledge><iscomplete>true</iscomplete></acknowledge></PutTransactionResponse>`)},
		"nothing":          {"text/xml", ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, client := start(t)
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", c.kind)
				_, _ = io.WriteString(w, c.body)
			}))
			defer server.Close()
			plain := &http.Transport{}
			defer plain.CloseIdleConnections()
			client.URL, client.HTTP = server.URL, &http.Client{Transport: plain, Timeout: 20 * time.Second}
			if uri, err := client.Put(t.Context(), message(t, "Astma", "")); err == nil {
				t.Errorf("it became the uri %q", uri)
			}
		})
	}
}

// Who answers for a Sumehr asks the hub in that name; what is not known of them is left out,
// and the schema takes that.
func TestAuthorOf(t *testing.T) {
	_, c := start(t)
	c.Author = hub.AuthorOf(message(t, "Astma", "").At("folder", "transaction", "author", "hcparty"), "carelog")
	if want := (hub.Author{NIHII: "10000007004", First: "T", Family: "V", Software: "carelog"}); c.Author != want {
		t.Errorf("got %+v, want %+v", c.Author, want)
	}
	if _, err := c.List(t.Context(), inss); err != nil {
		t.Error(err)
	}
	put(t, c, "Astma", "")
}

// A hub with a file holds after its end what it held.
func TestKept(t *testing.T) {
	file := filepath.Join(t.TempDir(), "held.json")
	open := func() *hubsim.Hub {
		t.Helper()
		sim, err := hubsim.Open(hubsim.Config{}, file)
		if err != nil {
			t.Fatal(err)
		}
		return sim
	}
	sim := open()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { sim.ServeHTTP(w, r) }))
	defer server.Close()
	_, c := start(t)
	c.URL = server.URL + "/"
	first := put(t, c, "Astma", "")
	put(t, c, "COPD", first)
	sim.Foreign(inss, "10000106003")
	second := put(t, c, "Jicht", "")
	if err := c.Revoke(t.Context(), inss, second); err != nil {
		t.Fatal(err)
	}
	held := sim.Holds()
	sim = open()
	if d := cmp.Diff(held, sim.Holds()); d != "" || len(held[inss]) != 2 {
		t.Errorf("it held %+v: %s", held, d)
	}
	if third := put(t, c, "Reuma", ""); third == second {
		t.Errorf("%s is given out twice", third)
	}
	if err := os.WriteFile(file, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := hubsim.Open(hubsim.Config{}, file); err == nil {
		t.Error("a damaged file is taken")
	}
}
