package web_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/carelog/carelog/internal/largetest"
	"github.com/carelog/carelog/projections/sumehr"
)

// sizes are those at which every page must be usable.
var sizes = []struct {
	name          string
	width, height int64
}{
	{"1280", 1280, 800}, {"1024", 1024, 768}, {"tablet", 768, 1024}, {"zoom", 504, 384}, // 1024 x 768 at 200 %, without what scrolls it
}

// sideways lists what has to be scrolled sideways or is cut off: the page, and all in it but a comparison of more than two versions.
const sideways = `[...document.querySelectorAll('html, body *')].filter((e) => e.localName === 'html' || (e.checkVisibility() && getComputedStyle(e).overflowX !== 'visible' &&
	!e.closest('svg, select, input, .spoken, .skip, .user-label') && e.querySelectorAll('.compare .version').length < 3))
	.filter((e) => e.scrollWidth > e.clientWidth + 1).map((e) => e.localName + '.' + e.className + ' is ' + e.scrollWidth + ' wide and has room for ' + e.clientWidth)`

// sticksOut says what of a page is cut off, sticks out of it, or lies on something else.
const sticksOut = `(() => {
	const wrong = innerWidth < 1000 ? ` + sideways + ` : [];
	const name = (e) => e.localName + '.' + e.className + ' "' + e.innerText.slice(0, 40) + '"';
	if (document.documentElement.scrollWidth > innerWidth) wrong.push('the page is ' + document.documentElement.scrollWidth + ' wide');
	for (const e of document.querySelectorAll('a, button, h1, h2, h3, p, dt, dd, th, td, label, summary, select, input, textarea, .chip, .badge')) {
		if (!e.checkVisibility() || e.closest('.spoken, .skip') || !e.innerText?.trim()) continue;
		const at = e.getBoundingClientRect();
		if (at.right > innerWidth + 1 && !e.closest('.scroll')) wrong.push(name(e) + ' ends at ' + Math.round(at.right));
		if (e.localName !== 'select' && !e.matches('.clip') && getComputedStyle(e).overflowX !== 'visible' && e.scrollWidth > e.clientWidth + 1) wrong.push(name(e) + ' is cut off');
		if (e.matches('.button, .chip, .badge') && e.scrollWidth > e.clientWidth + 2) wrong.push(name(e) + ' is wider than its edge');
	}
	for (const e of document.querySelectorAll("th, .people td, h1, h2, .button, .chip, .badge, nav a")) {
		if (!e.checkVisibility() || getComputedStyle(e).hyphens === 'auto') continue;
		for (const texts = document.createTreeWalker(e, NodeFilter.SHOW_TEXT); texts.nextNode();) {
			for (const word of texts.currentNode.data.matchAll(/\p{L}+/gu)) {
				if (word[0].length > 20) continue; // has to break somewhere
				const range = document.createRange();
				range.setStart(texts.currentNode, word.index);
				range.setEnd(texts.currentNode, word.index + word[0].length);
				if (new Set([...range.getClientRects()].map((line) => line.top)).size > 1) wrong.push(name(e) + ' breaks the word ' + word[0]);
			}
		}
	}
	for (const e of document.querySelectorAll('.registration-body')) if (e.checkVisibility() && e.clientWidth < 200) wrong.push(name(e) + ' has only ' + e.clientWidth + ' to be read in');
	for (const e of document.querySelectorAll('.scroll:has(> .compare)')) if (innerWidth > 700 && e.scrollWidth > e.clientWidth + 1) wrong.push('the versions do not stand beside each other');
	for (const e of document.querySelectorAll('.scroll:has(> .conflicts)')) if (innerWidth > 1000 && e.scrollWidth > e.clientWidth + 1) wrong.push('the table of conflicts is cut off at the right: ' + e.scrollWidth + ' in ' + e.clientWidth);
	const top = [...document.getElementById('top').children].filter((e) => e.checkVisibility()).map((e) => [e, e.getBoundingClientRect()]);
	top.forEach(([a, at], i) => top.slice(i + 1).forEach(([b, bt]) => {
		if (at.left < bt.right - 1 && bt.left < at.right - 1 && at.top < bt.bottom - 1 && bt.top < at.bottom - 1) wrong.push(name(a) + ' lies on ' + name(b));
	}));
	const light = document.getElementById('light').getBoundingClientRect();
	if (light.top > 40 || light.right < innerWidth - 60) wrong.push('the light is not at the top right');
	return wrong.join('\n');
})()`

// fits looks at a page, as it stands, at every size.
func fits(b *browser, name string) {
	b.t.Helper()
	for _, size := range sizes {
		b.size(size.width, size.height, 1)
		if wrong := b.text(sticksOut); wrong != "" {
			b.t.Errorf("%s at %s:\n%s", name, size.name, wrong)
		}
		b.shoot("fit-" + strings.NewReplacer("/", "_", "?", "_").Replace(name) + "-" + size.name)
	}
	b.size(sizes[0].width, sizes[0].height, 1)
}

// stands waits until a page shows what it has read.
func stands(b *browser, path string) {
	b.t.Helper()
	b.visit(path)
	b.until(`performance.getEntriesByName('carelog.first').length === 1 && document.querySelector('#light[data-light="online"]') && !document.querySelector('main .loading')`, path+" to stand")
}

// Every page is usable at 1024 x 768, on a tablet and at 200 % zoom, in each language, and says in which one it is.
func TestEveryPageFits(t *testing.T) {
	var a *axe
	t.Run("axe-core", func(t *testing.T) { a = newAxe(t) })
	d := newDesk(t)
	morning(d)
	longTitle(d)
	d.judged()
	b := openBrowser(t, d)
	for _, language := range []string{"en", "nl", "fr", "de"} {
		b.run(`document.cookie = 'carelog-language=' + ` + quote(language) + ` + '; path=/'`)
		for _, path := range []string{
			"/", "/patients/p7", "/patients/p7?view=timeline", "/patients/p7?view=privacy", "/conflicts", "/conflicts/MedicationStatement/m9", "/conflicts/DocumentReference/n9",
			"/history/MedicationStatement/m9", "/sync", "/new-patient", "/sumehr", "/sumehr/p7", "/sumehr/p7?view=xml",
		} {
			stands(b, path)
			fits(b, language+path)
			if lang := b.text(`document.documentElement.lang`); lang != language {
				t.Errorf("%s says that it is in %q, want %q", path, lang, language)
			}
			if a != nil && language != "en" { // TestEveryState looks at the English ones
				a.look(b, language+path)
			}
		}
	}
}

// longTitle is a conflict of a medicine with an ordinary name of the register.
func longTitle(d *desk) {
	body := func(dose string) string {
		return `{"resourceType":"MedicationStatement","id":"long","status":"active","subject":{"reference":"Patient/p4"},"medicationCodeableConcept":{"text":"Amoxicilline/clavulaanzuur 875 mg/125 mg filmomhulde tabletten"},"dosage":[{"text":"` + dose + `"}]}`
	}
	root := d.arrives("MedicationStatement/long", "p4", "dr-1", body("1"))
	d.arrives("MedicationStatement/long", "p4", "dr-2", body("2"), root)
	d.arrivesFrom(d.here, "MedicationStatement/long", "p4", "nurse-1", body("3"), root)
}

// odd is a dossier of what nobody expects: names without end, other scripts, HTML, a book of a
// note, members that no version of FHIR has.
func odd(d *desk) {
	long, book := strings.Repeat("Wolfeschlegelsteinhausen", 8), strings.Repeat("Zeer lange nota 😀 <b>&amp;</b> مرحبا. ", 280)
	d.arrives("Patient/odd", "odd", "dr-1", `{"resourceType":"Patient","id":"odd","name":[{"family":"`+long+`","given":["محمد","👩‍⚕️","<i>Eve</i>"]}],"birthDate":"0057","gender":"other","unknownMember":{"deep":[1.00,{"x":null}]}}`)
	write := func(record, who, more string) {
		typ, id, _ := strings.Cut(record, "/")
		d.arrives(record, "odd", "dr-1", `{"resourceType":"`+typ+`","id":"`+id+`","`+who+`":{"reference":"Patient/odd"},"unknownMember":[{"a":[[1.00]]},"x"],`+more+`}`)
	}
	write("AllergyIntolerance/odd", "patient", `"criticality":"high","code":{"text":"`+long+`"},"reaction":[{"manifestation":[{"text":"`+long+`"}]}]`)
	write("Condition/odd", "subject", `"code":{"coding":[{"system":"x","code":"`+long+`"}]},"onsetDateTime":"0057"`)
	write("Observation/odd", "subject", `"code":{"text":"`+long+`"},"valueQuantity":{"value":123456789012345678901234567890.000,"unit":"`+long+`"},"effectiveDateTime":"2026"`)
	write("Basic/odd", "subject", `"code":{"text":"`+long+`"}`)
	write("DocumentReference/odd", "subject", noteBody(long, book, "2026-11-20T09:12:00+01:00"))
	root := shownID(d.t.(*testing.T), d, "DocumentReference/odd")
	body := func(text string) string {
		return `{"resourceType":"DocumentReference","id":"odd","subject":{"reference":"Patient/odd"},` + noteBody("", text, "2026-11-20T09:12:00+01:00") + `}`
	}
	d.arrives("DocumentReference/odd", "odd", "dr-2", body(long+book), root)
	d.arrivesFrom(d.here, "DocumentReference/odd", "odd", "nurse-1", body(book+long), root)
}

func TestOddInputFits(t *testing.T) {
	d := newDesk(t)
	morning(d)
	odd(d)
	d.consents("yes", "odd", sumehr.MarkSystem, "publish", "")
	d.judged()
	b := openBrowser(t, d)
	for _, path := range []string{
		"/?q=wolfe", "/patients/odd", "/patients/odd?view=timeline", "/patients/odd?view=privacy", "/conflicts", "/conflicts/DocumentReference/odd",
		"/history/DocumentReference/odd", "/sumehr", "/sumehr/odd", "/patients/odd?edit=Patient/odd", "/patients/odd?edit=DocumentReference/odd",
	} {
		stands(b, path)
		fits(b, path)
	}
	// And a note of ten thousand characters is saved as it was typed.
	b.visit("/patients/odd")
	text := strings.Repeat("Éé😀<b> \"quoted\"\t", 620)
	b.run(`(() => { for (const k of Object.keys(localStorage)) if (k.startsWith('carelog.draft.')) localStorage.removeItem(k); })()`)
	b.visit("/patients/odd")
	addNote(b, text+"END")
	save(b)
	b.missing(".form", "")
	b.see(".registration-text", "END")
}

// A dossier of three thousand records opens, and follows a change, before anybody has to wait.
func TestLargeDossier(t *testing.T) {
	largetest.Unwatched(t)
	d := newDesk(t)
	morning(d)
	large(d, 3000)
	b := openBrowser(t, d)
	b.visit("/patients/large")
	b.see(".section-Condition", "Problem 999")
	t.Logf("the dossier stands after %s ms, of %s elements", b.text(`String(Math.round(performance.getEntriesByName('carelog.first')[0]?.startTime ?? -1))`), b.text(`String(document.querySelectorAll('main *').length)`))
	if n := b.text(`String(document.querySelectorAll('main *').length < 8000)`); n != "true" {
		t.Error("a page of so many elements is slow to draw and to follow")
	}
	b.run(`window.began = performance.now()`)
	d.arrives("Condition/newest", "large", "dr-1", `{"resourceType":"Condition","id":"newest","subject":{"reference":"Patient/large"},"code":{"text":"The newest"},"recordedDate":"2027-01-01"}`)
	b.see(".section-Condition", "The newest")
	t.Logf("it follows a change after %s ms", b.text(`String(Math.round(performance.now() - window.began))`))
	b.click(".section-Condition .registrations ~ button, .section-Condition .more button", "Show more")
	b.see(".section-Condition", "Problem 950")
	b.run(`dispatchEvent(new Event('beforeprint'))`)
	b.until(`document.querySelectorAll('.section-Condition .registration').length === 1001`, "all of them on paper")
	b.click(".views button", "Timeline")
	b.see(".timeline .count", "3,001 registrations")
	b.until(`document.querySelectorAll('.timeline .registration').length === 100`, "the first of them")
	b.click(".timeline button.rest", "Show more")
	b.until(`document.querySelectorAll('.timeline .registration').length === 200`, "more of them")
}

// large fills a dossier with so many records of three kinds.
func large(d *desk, records int) {
	d.arrives("Patient/large", "large", "dr-1", person("large", "Large", "Dossier", "1950-01-01", "female"))
	for i := range records / 3 {
		id, subject := fmt.Sprintf("l%d", i), `"subject":{"reference":"Patient/large"}`
		day := fmt.Sprintf("20%02d-%02d-%02d", i/40, 1+i%12, 1+i%28)
		d.arrives("Condition/"+id, "large", "dr-1", fmt.Sprintf(`{"resourceType":"Condition","id":%q,%s,"code":{"text":"Problem %d"},"recordedDate":%q}`, id, subject, i, day))
		d.arrives("DocumentReference/"+id, "large", "dr-2", `{"resourceType":"DocumentReference","id":"`+id+`",`+subject+`,`+noteBody("", fmt.Sprintf("Note %d of a long life.", i), day)+`}`)
		d.arrives("Observation/"+id, "large", "dr-1", fmt.Sprintf(`{"resourceType":"Observation","id":%q,%s,"status":"final","code":{"text":"Weight"},"effectiveDateTime":%q,"valueQuantity":{"value":%d.0,"unit":"kg"}}`, id, subject, day, 60+i%20))
	}
}
