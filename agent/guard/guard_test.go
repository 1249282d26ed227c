package guard_test

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/carelog/carelog/agent/guard"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var token = guard.NewToken()

// desk is a guard with a door behind it that says who knocked, under a clock of its own.
type desk struct {
	t     *testing.T
	guard *guard.Guard
	now   time.Time
}

func newDesk(t *testing.T, c guard.Config) *desk {
	t.Helper()
	d := &desk{t: t, now: time.Date(2026, 11, 2, 8, 0, 0, 0, time.UTC)}
	c.Token, c.Author, c.Now = token, "dr-default", func() time.Time { return d.now }
	g, err := guard.Open(c)
	if err != nil {
		t.Fatalf("open the guard: %v", err)
	}
	d.guard = g
	return d
}

// ask sends a request as a program on this PC would, after change has had its way with it.
func (d *desk) ask(method, target string, change func(*http.Request)) *httptest.ResponseRecorder {
	d.t.Helper()
	r := httptest.NewRequest(method, target, nil)
	r.RemoteAddr, r.Host = "127.0.0.1:50000", "127.0.0.1:7878"
	local := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 7878}
	r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, net.Addr(local)))
	if change != nil {
		change(r)
	}
	w := httptest.NewRecorder()
	d.guard.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "passed as "+guard.Author(r))
	})).ServeHTTP(w, r)
	return w
}

// open opens a one-time link and returns the cookie that it set.
func (d *desk) open(link string, change func(*http.Request)) (*http.Cookie, *httptest.ResponseRecorder) {
	d.t.Helper()
	w := d.ask("GET", strings.TrimPrefix(link, "http://127.0.0.1:7878"), change)
	for _, c := range w.Result().Cookies() {
		return c, w
	}
	return nil, w
}

func header(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

func both(changes ...func(*http.Request)) func(*http.Request) {
	return func(r *http.Request) {
		for _, change := range changes {
			change(r)
		}
	}
}

var bearer = header("Authorization", "Bearer "+token)

func TestWhoPasses(t *testing.T) {
	host := func(h string) func(*http.Request) { return func(r *http.Request) { r.Host = h } }
	peer := func(p string) func(*http.Request) { return func(r *http.Request) { r.RemoteAddr = p } }
	port := func(n int) func(*http.Request) {
		return func(r *http.Request) {
			local := net.Addr(&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: n})
			*r = *r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, local))
		}
	}
	for _, c := range []struct {
		name   string
		change func(*http.Request)
		want   int
	}{
		{"a script with the token", bearer, 200},
		{"a scheme in other letters", header("Authorization", "bearer "+token), 200},
		{"IPv6 loopback", both(bearer, peer("[::1]:50000"), host("[::1]:7878")), 200},
		{"IPv4 written as IPv6", both(bearer, peer("[::ffff:127.0.0.1]:50000")), 200},
		{"localhost", both(bearer, host("localhost:7878")), 200},
		{"a page of this desk", both(bearer, header("Sec-Fetch-Site", "same-origin"), header("Origin", "http://127.0.0.1:7878")), 200},
		{"a typed address", both(bearer, header("Sec-Fetch-Site", "none")), 200},
		{"port 80, which browsers leave out", both(bearer, port(80), host("localhost")), 200},
		{"port 80 over IPv6", both(bearer, port(80), host("[::1]")), 200},

		{"nothing", nil, 401},
		{"a wrong token", header("Authorization", "Bearer "+strings.Repeat("A", len(token))), 401},
		{"the beginning of the token", header("Authorization", "Bearer "+token[:len(token)-1]), 401},
		{"the token under another scheme", header("Authorization", "Basic "+token), 401},
		{"the token twice", func(r *http.Request) { r.Header["Authorization"] = []string{"Bearer " + token, "Bearer x"} }, 401},
		{"the token as a cookie", header("Cookie", "carelog-7878="+token), 401},

		{"a PC on the network", both(bearer, peer("192.168.1.20:50000")), 403},
		{"a peer that says nothing", both(bearer, peer("@")), 403},
		{"DNS rebinding", both(bearer, host("evil.example:7878")), 403},
		{"DNS rebinding without port", both(bearer, host("evil.example")), 403},
		{"a name that begins like ours", both(bearer, host("127.0.0.1.evil.example:7878")), 403},
		{"another port", both(bearer, host("127.0.0.1:7879")), 403},
		{"no port", both(bearer, host("127.0.0.1")), 403},
		{"all addresses", both(bearer, host("0.0.0.0:7878")), 403},
		{"no host", both(bearer, host("")), 403},
		{"a page of another site", both(bearer, header("Origin", "https://evil.example")), 403},
		{"a page in a sandbox", both(bearer, header("Origin", "null")), 403},
		{"a page of another port", both(bearer, header("Origin", "http://127.0.0.1:7879")), 403},
		{"a page under another of our names", both(bearer, header("Origin", "http://localhost:7878")), 403},
		{"an image on another site", both(bearer, header("Sec-Fetch-Site", "cross-site")), 403},
		{"the other desk on this PC", both(bearer, header("Sec-Fetch-Site", "same-site")), 403},
		{"two sites", both(bearer, func(r *http.Request) { r.Header["Sec-Fetch-Site"] = []string{"same-origin", "cross-site"} }), 403},

		{"a user that is no id", both(bearer, header(guard.UserHeader, "a/../b")), 400},
		{"two users", both(bearer, func(r *http.Request) { r.Header[guard.UserHeader] = []string{"a", "b"} }), 400},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newDesk(t, guard.Config{}).ask("GET", "/api/status", c.change)
			if w.Code != c.want {
				t.Fatalf("got %d %s, want %d", w.Code, w.Body, c.want)
			}
			if c.want == 200 {
				return
			}
			var answer struct{ Error struct{ Code, Text string } }
			if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || answer.Error.Code == "" || answer.Error.Text == "" {
				t.Errorf("got the refusal %s (%v), want JSON with a code and a text", w.Body, err)
			}
		})
	}
}

func TestNoServer(t *testing.T) {
	g := newDesk(t, guard.Config{}).guard
	w := httptest.NewRecorder()
	r := httptest.NewRequest("GET", "http://127.0.0.1:7878/", nil)
	r.RemoteAddr = "127.0.0.1:1"
	bearer(r)
	g.Handler(http.NotFoundHandler()).ServeHTTP(w, r)
	if w.Code != http.StatusForbidden {
		t.Errorf("got %d where the port is unknown, want 403: what cannot be checked must not pass", w.Code)
	}
}

func TestProbesNeedNoToken(t *testing.T) {
	d := newDesk(t, guard.Config{})
	for path, want := range map[string]int{"/healthz": 200, "/readyz": 200, "/healthz/": 401, "/metrics": 401, "/": 401} {
		if got := d.ask("GET", path, nil).Code; got != want {
			t.Errorf("%s without token: got %d, want %d", path, got, want)
		}
	}
	if got := d.ask("GET", "/healthz", func(r *http.Request) { r.RemoteAddr = "10.0.0.9:1" }).Code; got != 403 {
		t.Errorf("a probe from the network: got %d, want 403", got)
	}
}

// TestMetadataNeedsNoToken: what the FHIR door can do is told to any program of this PC,
// and to no page of another site.
func TestMetadataNeedsNoToken(t *testing.T) {
	d := newDesk(t, guard.Config{})
	for _, c := range []struct {
		method, path string
		change       func(*http.Request)
		want         int
	}{
		{"GET", "/fhir/metadata", nil, 200},
		{"HEAD", "/fhir/metadata", nil, 200},
		{"GET", "/fhir/metadata?_format=json", nil, 200},
		{"POST", "/fhir/metadata", nil, 401},
		{"GET", "/fhir/metadata/", nil, 401},
		{"GET", "/fhir/metadata/../Patient", nil, 401},
		{"GET", "/fhir/Patient/metadata", nil, 401},
		{"GET", "/fhir", nil, 401},
		{"GET", "/fhir/metadata", func(r *http.Request) { r.Host = "evil.example" }, 403},
		{"GET", "/fhir/metadata", header("Origin", "https://evil.example"), 403},
		{"GET", "/fhir/metadata", header("Sec-Fetch-Site", "cross-site"), 403},
		{"GET", "/fhir/metadata", func(r *http.Request) { r.RemoteAddr = "10.0.0.9:1" }, 403},
	} {
		if got := d.ask(c.method, c.path, c.change).Code; got != c.want {
			t.Errorf("%s %s: got %d, want %d", c.method, c.path, got, c.want)
		}
	}
}

func TestAuthor(t *testing.T) {
	d := newDesk(t, guard.Config{})
	for _, c := range []struct {
		change func(*http.Request)
		want   string
	}{
		{bearer, "passed as dr-default"},
		{both(bearer, header(guard.UserHeader, "nurse-2.b")), "passed as nurse-2.b"},
	} {
		if got := d.ask("GET", "/", c.change).Body.String(); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
	if got := guard.Author(httptest.NewRequest("GET", "/", nil)); got != "" {
		t.Errorf("got author %q of a request that no guard saw, want none", got)
	}
}

func TestRefusalForms(t *testing.T) {
	d := newDesk(t, guard.Config{LinkCommand: "carelog open"})
	fhir := d.ask("GET", "/fhir/Patient", nil)
	if got := fhir.Header().Get("Content-Type"); !strings.HasPrefix(got, "application/fhir+json") {
		t.Errorf("got Content-Type %q at /fhir, want FHIR", got)
	}
	var outcome struct {
		ResourceType string
		Issue        []struct{ Severity, Code, Diagnostics string }
	}
	if err := json.Unmarshal(fhir.Body.Bytes(), &outcome); err != nil || outcome.ResourceType != "OperationOutcome" ||
		len(outcome.Issue) != 1 || outcome.Issue[0].Code != "login" {
		t.Errorf("got %s (%v), want an OperationOutcome of code login", fhir.Body, err)
	}
	if !strings.Contains(fhir.Body.String(), "Authorization: Bearer") { // an EHR is no browser
		t.Errorf("got %s, want it to say how the token is sent", fhir.Body)
	}
	page := d.ask("GET", "/conflicts", header("Accept", "text/html,*/*"))
	for _, want := range []string{"Run `carelog open` on this PC", "needs a new link", "<!doctype html>"} {
		if !strings.Contains(page.Body.String(), want) {
			t.Errorf("the page for people says %s, want %q in it", page.Body, want)
		}
	}
	if csp := page.Header().Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") {
		t.Errorf("got policy %q, want a strict one", csp)
	}
	evil := d.ask("GET", "/", both(header("Accept", "text/html"), header("Origin", "http://<script>")))
	if strings.Contains(evil.Body.String(), "<script>") {
		t.Errorf("the page repeats what it was sent: %s", evil.Body)
	}
	if got := d.ask("GET", "/", nil).Header().Get("Content-Type"); !strings.HasPrefix(got, "text/plain") {
		t.Errorf("got Content-Type %q for a program, want text/plain", got)
	}
}

func TestOneTimeLink(t *testing.T) {
	d := newDesk(t, guard.Config{LinkLife: time.Minute, SessionLife: time.Hour})
	link := d.guard.Link("http://127.0.0.1:7878/")

	if c, w := d.open(link, header("Sec-Purpose", "prefetch;prerender")); c != nil || w.Code != 503 {
		t.Fatalf("a prefetch got %d and cookie %v, want 503 and none", w.Code, c)
	}
	if c, w := d.open(link, header("Sec-Fetch-Site", "cross-site")); c != nil || w.Code != 403 {
		t.Fatalf("another site got %d and cookie %v, want 403 and none", w.Code, c)
	}
	cookie, w := d.open(link, nil)
	if cookie == nil || w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/" {
		t.Fatalf("got %d to %q with cookie %v, want 303 to / with one", w.Code, w.Header().Get("Location"), cookie)
	}
	if !cookie.HttpOnly || cookie.SameSite != http.SameSiteStrictMode || cookie.Name != "carelog-7878" || cookie.Path != "/" {
		t.Errorf("got cookie %v, want HttpOnly, SameSite=Strict, Path=/ and the port in its name", cookie)
	}
	if strings.Contains(link, cookie.Value) || cookie.Value == token {
		t.Errorf("the cookie %q is the key or the token, want an id of its own", cookie.Value)
	}
	if c, again := d.open(link, nil); c != nil || again.Code != 401 {
		t.Errorf("the same link again got %d and cookie %v, want 401 and none", again.Code, c)
	}
	session := header("Cookie", cookie.Name+"="+cookie.Value)
	if got := d.ask("GET", "/api/status", session).Code; got != 200 {
		t.Errorf("with the session: got %d, want 200", got)
	}
	if got := d.ask("GET", "/api/status", both(session, header("Authorization", "Bearer wrong"))).Code; got != 401 {
		t.Errorf("with the session and a wrong token: got %d, want 401", got)
	}
	if got := d.ask("GET", "/", header("Cookie", "carelog-7879="+cookie.Value)).Code; got != 401 {
		t.Errorf("with the session under another desk's name: got %d, want 401", got)
	}
	d.now = d.now.Add(time.Hour)
	if got := d.ask("GET", "/", session).Code; got != 401 {
		t.Errorf("an hour later: got %d, want 401", got)
	}
}

func TestLinkGrowsOld(t *testing.T) {
	d := newDesk(t, guard.Config{LinkLife: time.Minute})
	link := d.guard.Link("http://127.0.0.1:7878")
	d.now = d.now.Add(time.Minute)
	if c, w := d.open(link, header("Accept", "text/html")); c != nil || w.Code != 401 || !strings.Contains(w.Body.String(), "too old") {
		t.Errorf("got %d %s, want 401 and why", w.Code, w.Body)
	}
	for range 100 { // more than can wait: the newest must work
		link = d.guard.Link("http://127.0.0.1:7878")
	}
	if c, w := d.open(link, nil); c == nil {
		t.Errorf("the last of many links got %d, want a session", w.Code)
	}
}

func TestLinkOverHTTP(t *testing.T) {
	d := newDesk(t, guard.Config{})
	w := d.ask("POST", "/open", bearer)
	var answer struct{ URL string }
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || w.Code != 201 {
		t.Fatalf("got %d %s, want 201 and a link", w.Code, w.Body)
	}
	cookie, _ := d.open(answer.URL, nil)
	if cookie == nil {
		t.Fatal("the link that was made over HTTP did not open")
	}
	if got := d.ask("POST", "/open", header("Cookie", cookie.Name+"="+cookie.Value)).Code; got != 401 {
		t.Errorf("a session asked for a link: got %d, want 401", got)
	}
	if got := d.ask("DELETE", "/open", bearer); got.Code != 405 || got.Header().Get("Allow") == "" {
		t.Errorf("DELETE /open: got %d, want 405 and what is allowed", got.Code)
	}
}

func TestSessionsOutliveARestart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "sessions.json")
	d := newDesk(t, guard.Config{Sessions: file})
	cookie, _ := d.open(d.guard.Link("http://127.0.0.1:7878"), nil)
	text, err := os.ReadFile(file)
	if err != nil || strings.Contains(string(text), cookie.Value) {
		t.Fatalf("the file holds %s (%v), want digests and no session", text, err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("got mode %v (%v), want 0600", info.Mode(), err)
	}
	again := newDesk(t, guard.Config{Sessions: file})
	if got := again.ask("GET", "/", header("Cookie", cookie.Name+"="+cookie.Value)).Code; got != 200 {
		t.Errorf("after a restart: got %d, want 200", got)
	}
	if other := newDesk(t, guard.Config{}); other.ask("GET", "/", header("Cookie", cookie.Name+"="+cookie.Value)).Code != 401 {
		t.Error("the session passed at a desk that has no such session")
	}
}

func TestOpenRefuses(t *testing.T) {
	broken := filepath.Join(t.TempDir(), "sessions.json")
	if err := os.WriteFile(broken, []byte(`{"x": "2026-11-02T08:00:00Z"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]guard.Config{
		"no token":        {},
		"a short token":   {Token: "secret"},
		"an odd user":     {Token: token, Author: "Dr. Peeters"},
		"broken sessions": {Token: token, Sessions: broken},
		"a folder":        {Token: token, Sessions: t.TempDir()},
	} {
		if _, err := guard.Open(c); err == nil {
			t.Errorf("%s: the guard opened, want an error", name)
		}
	}
}

// TestRealServer holds the guard against a real connection: the port must be found there.
func TestRealServer(t *testing.T) {
	d := newDesk(t, guard.Config{})
	server := httptest.NewServer(d.guard.Handler(http.NotFoundHandler()))
	defer server.Close()
	r, err := http.NewRequestWithContext(t.Context(), "GET", server.URL+"/nothing", nil)
	if err != nil {
		t.Fatal(err)
	}
	bearer(r)
	answer, err := server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusNotFound {
		t.Errorf("got %s, want to pass", answer.Status)
	}
	if got := answer.Header.Get("X-Content-Type-Options"); got != "nosniff" {
		t.Errorf("got X-Content-Type-Options %q, want nosniff", got)
	}
}

// Who keeps log-ins is told of those that happened, and of no other.
func TestLogInIsTold(t *testing.T) {
	told := 0
	d := newDesk(t, guard.Config{LoggedIn: func() { told++ }})
	link := d.guard.Link("http://127.0.0.1:7878")
	d.open(link, header("Sec-Purpose", "prefetch"))
	if told != 0 {
		t.Error("a browser that only fetched the link ahead counts as a log-in")
	}
	if cookie, _ := d.open(link, nil); cookie == nil || told != 1 {
		t.Errorf("told %d times of a log-in, want once", told)
	}
	if d.open(link, nil); told != 1 {
		t.Error("a link that was opened before counts as a log-in")
	}
}
