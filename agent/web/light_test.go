package web_test

import (
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/light"
)

// The light says the same in shape, word, title and icon, and to a screen reader; it blinks
// no faster than once a second, and not at all where motion is not wanted.
func TestLight(t *testing.T) {
	d := newDesk(t)
	b := openBrowser(t, d)
	for _, c := range []struct {
		color            light.Color
		word, mark, lamp string
	}{
		{light.Synchronising, "Synchronising", "◐", ".half"},
		{light.Offline, "Offline", "○", ".bar"},
		{light.Online, "Online", "●", ".tick"},
	} {
		d.set(func() {
			d.status.State = light.State{Color: c.color, Since: d.status.Since, Reason: "no connection to the server"}
			if c.color == light.Synchronising {
				d.status.Activity = &light.Activity{Kind: light.Push, Done: 3, Total: 12, ETASeconds: 4}
			}
		})
		b.see("#light", c.word)
		b.until(`document.title.startsWith('`+c.mark+`')`, "the mark in the title")
		b.until(`document.querySelector('link[rel=icon]').href.endsWith('/icons/`+string(c.color)+`.svg')`, "the icon")
		b.until(`[...document.querySelectorAll('#light .lamp > g')].filter((g) => getComputedStyle(g).display !== 'none').map((g) => Boolean(g.querySelector('`+c.lamp+`')) && g.getAttribute('class')).join() === '`+string(c.color)+`'`, "the shape "+c.lamp+" and no other")
		b.until(`document.querySelector('[role=status][aria-live=polite]').textContent === '`+c.word+`'`, "the word for a screen reader")
		if c.color == light.Synchronising {
			seconds := b.text(`String(parseFloat(getComputedStyle(document.querySelector('#light .lamp')).animationDuration) >= 1)`)
			if seconds != "true" {
				t.Error("the light blinks more than once a second")
			}
			b.media("", &emulation.MediaFeature{Name: "prefers-reduced-motion", Value: "reduce"})
			b.until(`getComputedStyle(document.querySelector('#light .lamp')).animationName === 'none'`, "a light that stands still")
			b.click("#light", "")
			for _, want := range []string{"Since", "Takes so far", "No connection to the server", "3 of 12", "tls://log.example.be:4222", "Last agreement", "Not yet on the server", "Work offline"} {
				b.see("#light-details", want)
			}
			b.shoot("light-sending")
			b.run(`document.querySelector('#light').click()`)
		}
	}
	if answer, text := d.ask("GET", "/assets/icons/unknown.svg", ""); answer.StatusCode != 200 || answer.Header.Get("Content-Type") != "image/svg+xml" {
		t.Errorf("got %s %s", answer.Status, text)
	}
}

// A PC that the practice has shut out is offline like one without a line, and nobody can go on working at it.
func TestLightOfARevokedPC(t *testing.T) {
	d := newDesk(t)
	b := openBrowser(t, d)
	b.visit("/sync")
	shutOut := func() {
		d.status.State = light.State{Color: light.Offline, Since: d.status.Since, Reason: "no connection to the server: this desk was revoked"}
		d.status.Problem = &agent.Problem{Code: agent.ProblemRevoked}
	}
	d.set(func() {
		d.status.State = light.State{Color: light.Offline, Since: d.status.Since, Reason: "no connection to the server"}
	})
	b.see(".state", "You can go on working")
	d.set(shutOut)
	b.see(".state", "register nothing more")
	b.missing(".state", "You can go on working")
	b.until(`document.querySelector('#light').title.includes('register nothing more')`, "the same at the light")
	b.click("#light", "")
	b.see("#light-details", "register nothing more")
	b.visit("/")
	if _, page := d.ask("GET", "/", "", "Accept-Language: nl"); !strings.Contains(page, "niets meer registreren") || strings.Contains(page, "verder werken") {
		t.Errorf("got %s, want no word of going on", page)
	}
}

// A page that nobody passes the stream on to shows the light that it came with only for as long as a silent
// stream is believed; then it is not known.
func TestLightWithoutAnybodyWhoListens(t *testing.T) {
	d := newDesk(t)
	b := openBrowser(t, d)
	b.run(`BroadcastChannel.prototype.postMessage = () => {}`) // it has the stream, and says nothing
	other := b.tab("/sync")
	if _, err := chromedp.Call(other.ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{
		Source: `const wait = window.setTimeout; window.setTimeout = (f, ms, ...more) => wait(f, ms / 100, ...more);`,
	}); err != nil {
		t.Fatal(err)
	}
	other.visit("/")
	other.until(`document.querySelector('#light[data-light="unknown"]')`, "a light that is not known")
}
