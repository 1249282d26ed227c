package guard_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/carelog/carelog/agent/guard"
)

// A person who is not logged in reads why in the language that was chosen at this browser, else in that of the browser.
func TestRefusalSpeaksTheLanguageThatWasChosen(t *testing.T) {
	d := newDesk(t, guard.Config{LinkCommand: "carelog link"})
	for _, c := range []struct {
		chosen, asked string
		want          [3]string
	}{
		{"", "nl-BE,nl;q=0.9,en;q=0.8", [3]string{`lang="nl"`, "nieuwe link", "Voer `carelog link` uit"}},
		{"", "fr", [3]string{`lang="fr"`, "nouveau lien", "Exécutez `carelog link`"}},
		{"", "ja, de-AT;q=0.7", [3]string{`lang="de"`, "neuen Link", "Führen Sie `carelog link`"}},
		{"", "", [3]string{`lang="en"`, "a new link", "Run `carelog link`"}},
		{"", "xx;;q=<script>", [3]string{`lang="en"`, "a new link", "This browser is not logged in."}},
		{"fr", "nl-BE,nl;q=0.9", [3]string{`lang="fr"`, "nouveau lien", "Ce navigateur n’est pas connecté."}},
		{"nl", "fr", [3]string{`lang="nl"`, "nieuwe link", "Deze browser is niet aangemeld."}},
		{"de", "", [3]string{`lang="de"`, "neuen Link", "Dieser Browser ist nicht angemeldet."}},
		{"<script>", "de", [3]string{`lang="de"`, "neuen Link", ""}},
	} {
		page := d.ask("GET", "/", both(header("Accept", "text/html"), header("Accept-Language", c.asked), chosen(c.chosen)))
		for _, part := range c.want {
			if !strings.Contains(page.Body.String(), part) {
				t.Errorf("%q after %q: got %s, want %q in it", c.asked, c.chosen, page.Body, part)
			}
		}
	}
}

func chosen(language string) func(*http.Request) {
	return func(r *http.Request) { r.AddCookie(&http.Cookie{Name: guard.LanguageCookie, Value: language}) }
}

// Whatever is refused, the page has each of its sentences in each language, and none in two.
func TestEveryRefusalSpeaksEveryLanguage(t *testing.T) {
	d := newDesk(t, guard.Config{})
	for name, c := range map[string]struct {
		method, path string
		change       func(*http.Request)
	}{
		"not logged in": {"GET", "/", nil}, "a wrong token": {"GET", "/", header("Authorization", "Bearer x")}, "an old link": {"GET", "/open?key=x", nil},
		"another PC": {"GET", "/", func(r *http.Request) { r.RemoteAddr = "10.0.0.9:1" }}, "another name": {"GET", "/", func(r *http.Request) { r.Host = "evil.example" }},
		"another site": {"GET", "/", header("Sec-Fetch-Site", "cross-site")}, "another origin": {"GET", "/", header("Origin", "http://evil.example")},
		"no user": {"GET", "/", both(bearer, header(guard.UserHeader, "a/b"))}, "another method": {"HEAD", "/open", nil},
	} {
		said := make(map[string]string)
		for _, language := range []string{"en", "nl", "fr", "de"} {
			change := both(header("Accept", "text/html"), chosen(language))
			if c.change != nil {
				change = both(change, c.change)
			}
			_, body, _ := strings.Cut(d.ask(c.method, c.path, change).Body.String(), "<main>")
			if strings.Contains(body, "lang=") || strings.Contains(body, "%!") || !strings.Contains(body, "</main>") {
				t.Errorf("%s in %s: got %s, want a page in one language", name, language, body)
			}
			for line := range strings.Lines(body) {
				line = strings.TrimSpace(line)
				if strings.HasPrefix(line, "<p>") && said[line] != "" {
					t.Errorf("%s: %s says %s as %s does", name, language, line, said[line])
				}
				said[line] = language
			}
		}
	}
}
