package web_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/carelog/carelog/internal/npmtest"
)

// findings runs axe-core on the page as it stands, and says a line for each thing it finds.
const findings = `axe.run(document, {resultTypes: ['violations'], elementRef: false, runOnly: {type: 'tag', values: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']}})
	.then((r) => r.violations.map((v) => v.id + ': ' + v.help + '\n' + v.nodes.map((n) => '    ' + n.target + ' ' + (n.any[0]?.message ?? n.all[0]?.message ?? '')).join('\n')).join('\n'))`

// axe looks at a page for what shuts people out; nil where there is no axe-core.
type axe struct{ script string }

func newAxe(t *testing.T) *axe {
	t.Helper()
	script, err := os.ReadFile(filepath.Join(npmtest.Folder(t, filepath.Join("testdata", "npm")), "axe-core", "axe.min.js"))
	if err != nil {
		t.Fatal(err)
	}
	return &axe{script: string(script)}
}

// look reports what axe-core finds. Its script comes from the debugger and not from the page,
// whose policy would not let it in.
func (a *axe) look(b *browser, state string) {
	b.t.Helper()
	if found := a.findings(b); found != "" {
		b.t.Errorf("%s:\n%s", state, found)
	}
}

// findings is what axe-core finds on the page. Its half a megabyte is read once per load of it.
func (a *axe) findings(b *browser) string {
	b.t.Helper()
	if b.text(`typeof axe`) == "undefined" {
		if _, err := chromedp.Run(b.ctx, chromedp.Evaluate[any](a.script+";0")); err != nil {
			b.t.Fatal(err)
		}
	}
	return b.text(findings)
}

// In no state of any page does axe-core find anything, and in none has anybody to scroll sideways.
func TestEveryState(t *testing.T) {
	var a *axe
	t.Run("axe-core", func(t *testing.T) { a = newAxe(t) }) // what fits is looked at without it as well
	tour(t, func(b *browser, state string) {
		if a != nil {
			a.look(b, state)
		}
		for _, size := range sizes {
			b.size(size.width, size.height, 1)
			if wrong := b.text(`(` + sideways + `).join('\n')`); wrong != "" {
				b.t.Errorf("%s at %s:\n%s", state, size.name, wrong)
			}
		}
		b.size(1280, 900, 1)
	})
}

// An empty page that has everything wrong is found out, or the test above would mean nothing.
func TestAxeFindsWhatIsWrong(t *testing.T) {
	a := newAxe(t)
	b := openBrowser(t, newDesk(t))
	b.run(`document.querySelector('main').append(Object.assign(document.createElement('button'), {}))`)
	if found := a.findings(b); !strings.Contains(found, "button-name") {
		t.Errorf("got %q, want a button without a name to be found", found)
	}
}
