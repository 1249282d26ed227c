package guard_test

import (
	"strings"
	"testing"

	"github.com/carelog/carelog/agent/guard"
)

// A person who is not logged in reads why in the language of their browser.
func TestRefusalSpeaksTheLanguageOfTheBrowser(t *testing.T) {
	d := newDesk(t, guard.Config{NewLink: "Run carelog open."})
	for asked, want := range map[string][2]string{
		"nl-BE,nl;q=0.9,en;q=0.8": {`lang="nl"`, "nieuwe link"},
		"fr":                      {`lang="fr"`, "nouveau lien"},
		"ja, de-AT;q=0.7":         {`lang="de"`, "neuen Link"},
		"":                        {`lang="en"`, "a new link"},
		"xx;;q=<script>":          {`lang="en"`, "a new link"},
	} {
		page := d.ask("GET", "/", both(header("Accept", "text/html"), header("Accept-Language", asked)))
		for _, part := range append(want[:], "Run carelog open.") {
			if !strings.Contains(page.Body.String(), part) {
				t.Errorf("%q: got %s, want %q in it", asked, page.Body, part)
			}
		}
	}
}
