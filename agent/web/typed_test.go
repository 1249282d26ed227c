package web_test

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// Nothing that was typed is lost: not while it is saved, in another tab, by a log-out, or by a
// press of Cancel.

// addNote opens the form of a note, and types it.
func addNote(b *browser, text string) {
	b.t.Helper()
	b.click(".section-DocumentReference .section-head button", "Add")
	b.fill("text", text)
}

func save(b *browser) {
	b.t.Helper()
	b.click(".form button[type=submit]", "Save")
}

// drafts waits until the browser keeps so many.
func drafts(b *browser, n int) {
	b.t.Helper()
	b.until(fmt.Sprintf(`Object.keys(localStorage).filter((k) => k.startsWith('carelog.draft.')).length === %d`, n), fmt.Sprintf("%d drafts", n))
}

// savesFiles keeps what the page gives its user as a file, as window.saved.
func savesFiles(b *browser) {
	b.t.Helper()
	b.run(`(() => { window.saved = null; const real = URL.createObjectURL; URL.createObjectURL = (blob) => { blob.text().then((t) => { window.saved = t; }); return real(blob); }; })()`)
}

// holdWrites lets writes wait in the browser until letGo.
func holdWrites(b *browser) {
	b.t.Helper()
	b.run(`(() => { const real = fetch; window.fetch = async (where, how = {}) => {
		if (how.method !== 'PUT') return real(where, how);
		await new Promise((go) => { window.letGo = go; });
		window.fetch = real;
		return real(where, how);
	}; })()`)
}

func letGo(b *browser) {
	b.t.Helper()
	b.until(`window.letGo`, "a write to be on its way")
	b.run(`window.letGo()`)
}

func TestTypingWhileItIsSaved(t *testing.T) {
	d := newDesk(t)
	morning(d)
	b := openBrowser(t, d)
	b.visit("/patients/p7")
	addNote(b, "Wound dressed.")
	holdWrites(b)
	save(b)
	b.until(`window.letGo`, "the write to be on its way")
	b.fill("text", "Wound dressed. Stitches out on Thursday.")
	letGo(b)
	b.see(".form", "What you typed after that is still here")
	b.until(`document.querySelector('.form [name=text]').value.endsWith('Thursday.')`, "what was typed meanwhile")
	b.see(".registration-text", "Wound dressed.")
	drafts(b, 1)
	save(b)
	b.see(".registration-text", "Stitches out on Thursday.")
	b.missing(".form", "")
	drafts(b, 0)
	b.until(`document.querySelectorAll('.registration-text').length === 4`, "one note more, and not two")
}

// Two presses of Save are one registration, and so is going back after it.
func TestSaveTwice(t *testing.T) {
	d := newDesk(t)
	morning(d)
	b := openBrowser(t, d)
	b.visit("/patients/p7")
	addNote(b, "Once.")
	b.run(`(() => { const save = document.querySelector('.form button[type=submit]'); save.click(); save.click(); save.form.requestSubmit(); })()`)
	b.see(".registration-text", "Once.")
	b.missing(".form", "")
	b.until(`document.querySelectorAll('.registration-text').length === 4`, "one note more")

	b.visit("/")
	b.click("a.button", "New patient")
	b.fill("family", "Verlinden")
	save(b)
	b.see("h1", "Verlinden")
	b.run(`history.back()`)
	b.see("h1", "New patient")
	b.until(`document.querySelector('.form [name=family]').value === ''`, "an empty form")
	b.run(`history.forward()`)
	b.see("h1", "Verlinden")
	b.visit("/?q=verlinden")
	b.see(".count", "1 patient")
}

// Two forms of one kind have names that tell them apart: those of two drafts, and those of two registrations.
func TestFormsOfOneKindHaveNames(t *testing.T) {
	d := newDesk(t)
	morning(d)
	b := openBrowser(t, d)
	b.visit("/patients/p7")
	second := b.tab("/patients/p7")
	addNote(b, "Of the first tab.")
	kept(b)
	addNote(second, "Of the second tab.")
	kept(second)
	both := b.tab("/patients/p7")
	both.click("[data-record='Condition/d1'] button", "Edit")
	both.click("[data-record='Condition/d2'] button", "Edit")
	both.until(`[...document.querySelectorAll('.form')].map((f) => f.getAttribute('aria-label')).sort().join() === 'Note,Note (2),Problem: High blood pressure,Problem: Type 2 diabetes'`, "names of their own")
}

// Two tabs with the same form keep what is typed in each.
func TestTwoTabsWithTheSameForm(t *testing.T) {
	d := newDesk(t)
	morning(d)
	first := openBrowser(t, d)
	first.visit("/patients/p7")
	second := first.tab("/patients/p7")
	second.see("h1", "Jan Janssens")
	addNote(first, "Typed in the first.")
	addNote(second, "Typed in the second.")
	drafts(second, 2)
	drafts(first, 2)
	save(first)
	first.see(".registration-text", "Typed in the first.")
	drafts(first, 1)
	second.visit("/patients/p7")
	second.until(`document.querySelector('.form [name=text]')?.value === 'Typed in the second.'`, "what was typed in the second tab")
	save(second)
	second.see(".registration-text", "Typed in the second.")
	first.see(".registration-text", "Typed in the second.")

	for b, text := range map[*browser]string{first: "Salt-free diet", second: "Measures at home"} {
		b.click("[data-record='Condition/d2'] button", "Edit")
		b.fill("remark", text)
	}
	drafts(first, 2)
	save(first)
	first.see("[data-record='Condition/d2']", "Salt-free diet")
	second.visit("/patients/p7")
	second.until(`document.querySelector('.form [name=remark]')?.value === 'Measures at home'`, "what was typed in the second tab")
	save(second)
	second.see(".stale", "Salt-free diet")
	second.click(".stale button", "Save mine on top")
	second.see("[data-record='Condition/d2']", "Measures at home")
	drafts(second, 0)

	// A draft that came back in the other tab, and was written on in both.
	addNote(first, "Begun in the first")
	drafts(first, 1)
	second.visit("/patients/p7")
	second.see(".form .note", "has not been saved yet")
	second.fill("text", "Begun in the first, gone on in the second.")
	for _, tab := range []*browser{second, first} { // each has a process of its own, which hears of the other's after a while
		tab.until(`Object.values(localStorage).some((v) => v.includes('gone on in the second'))`, "the draft of the second")
	}
	save(first)
	first.missing(".form", "Cancel")
	drafts(first, 1)
	save(second)
	second.see(".stale", "Begun in the first")
	second.click(".stale button", "as a new registration")
	second.see(".registration-text", "gone on in the second.")
	second.until(`[...document.querySelectorAll('.registration-text')].some((e) => e.innerText === 'Begun in the first')`, "what the first saved")
	drafts(second, 0)
}

// The browser is killed a moment after it kept what was typed, when Chromium has not yet put localStorage on the disk.
func TestDraftsSurviveTheDeathOfTheBrowser(t *testing.T) {
	d := newDesk(t)
	morning(d)
	path := needChromium(t)
	profile, err := os.MkdirTemp("", "carelog-chromium-") // of a short path: Chromium has a socket in it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(profile) }) // what a killed one's processes still write is in the folder of temporary files
	start := func() (*browser, func()) {
		ctx, stop, err := startChromium(path, profile)
		t.Cleanup(stop)
		if err != nil {
			t.Fatal(err)
		}
		b := &browser{t: t, ctx: ctx, url: d.url}
		b.logIn(d.guard)
		return b, stop
	}
	die := func(b *browser, stop func()) {
		t.Helper()
		if err := chromedp.FromContext(b.ctx).Browser.Process().Kill(); err != nil {
			t.Fatal(err)
		}
		stop()
	}
	b, stop := start()
	b.visit("/patients/p7")
	addNote(b, "Half a sentence")
	kept(b)
	b.fill("text", "Half a sentence, and the other half")
	kept(b)
	die(b, stop)

	b, stop = start()
	b.visit("/patients/p7")
	b.see(".form .note", "has not been saved yet")
	b.until(`document.querySelector('.form [name=text]').value === 'Half a sentence, and the other half'`, "all that was typed")
	save(b)
	b.see(".registration-text", "and the other half")
	drafts(b, 0)
	b.visit("/new-patient")
	b.fill("family", "Nguyen")
	kept(b)
	die(b, stop)

	b, _ = start()
	b.visit("/new-patient")
	b.until(`document.querySelector('.form [name=family]')?.value === 'Nguyen'`, "the name")
	b.visit("/patients/p7")
	b.see(".registration-text", "and the other half")
	b.missing(".form .note", "has not been saved yet") // what was saved is no draft any more
	drafts(b, 1)
}

// kept waits for the page's word that what is typed in its form outlives the browser.
func kept(b *browser) {
	b.t.Helper()
	b.until(`document.querySelector('.form').dataset.kept === 'yes'`, "the page's word that it is kept")
}

// Where localStorage has an older text than IndexedDB, the newer one stands in the form, and not only beside it.
func TestTheNewerTextOfADraftStandsInItsForm(t *testing.T) {
	d := newDesk(t)
	morning(d)
	b := openBrowser(t, d)
	b.visit("/patients/p7")
	addNote(b, "Half a sentence")
	kept(b)
	b.run(`void (window.older = Object.entries(localStorage).find(([name]) => name.startsWith('carelog.draft.')))`)
	b.fill("text", "Half a sentence, and the other half")
	kept(b)
	b.run(`localStorage.setItem(...window.older)`)
	b.visit("/patients/p7")
	b.see(".form .note", "has not been saved yet")
	b.until(`document.querySelector('.form [name=text]').value === 'Half a sentence, and the other half'`, "all that was typed")
	save(b)
	b.see(".registration-text", "and the other half")
	drafts(b, 0)
}

// What is left of a browser that was killed may still hold the file of IndexedDB when the next one opens it.
func TestTheDiskOfDraftsIsAskedAgain(t *testing.T) {
	d := newDesk(t)
	morning(d)
	b := openBrowser(t, d)
	b.visit("/patients/p7")
	addNote(b, "Half a sentence")
	kept(b)
	b.run(`void (async () => {
		const real = IDBFactory.prototype.open;
		let held = 2;
		IDBFactory.prototype.open = function open(...how) {
			if (held-- > 0) throw new DOMException('Internal error opening backing store', 'UnknownError');
			return real.apply(this, how);
		};
		const again = await import('/assets/js/kept.js?again');
		window.found = await again.texts().then((all) => [...all.values()].join(), String);
	})()`)
	b.until(`window.found`, "an answer")
	if got := b.text(`window.found`); !strings.Contains(got, "Half a sentence") {
		t.Errorf("got %s, want the draft", got)
	}
}

// What is said to the disk a moment before another page is opened is there: what was thrown away or saved then does not come back.
func TestTheDiskOfDraftsHasWhatAPageSaidLast(t *testing.T) {
	d := newDesk(t)
	morning(d)
	b := openBrowser(t, d)
	b.visit("/patients/p7")
	b.run(`void import('/assets/js/kept.js').then(async ({ put, texts }) => { await texts(); put('last', 'said'); location.assign('/patients/p1'); })`)
	b.until(`location.pathname === '/patients/p1'`, "the next page")
	b.run(`void import('/assets/js/kept.js').then(async ({ texts }) => { window.found = JSON.stringify([...await texts()]); })`)
	b.until(`window.found`, "an answer")
	if got := b.text(`window.found`); got != `[["last","said"]]` {
		t.Errorf("got %s, want what was said last", got)
	}
}

// Cancel asks where something was typed, and only there.
func TestCancelAsks(t *testing.T) {
	d := newDesk(t)
	morning(d)
	b := openBrowser(t, d)
	b.visit("/patients/p7")
	b.click(".section-DocumentReference .section-head button", "Add")
	b.click(".form button", "Cancel")
	b.missing(".form", "")
	addNote(b, "A long story")
	b.click(".form button", "Cancel")
	b.see("dialog", "Throw away what you typed?")
	b.keys("\x1b")
	b.until(`!document.querySelector('dialog') && document.querySelector('.form [name=text]').value === 'A long story'`, "the story")
	b.click(".form button", "Cancel")
	b.click("dialog button", "Throw away")
	b.missing(".form", "")
	drafts(b, 0)
}

// Who is logged out while typing is told, and goes on where they were.
func TestLoggedOutWhileTyping(t *testing.T) {
	d := newDesk(t)
	morning(d)
	b := openBrowser(t, d)
	b.visit("/patients/p7")
	addNote(b, "Typed while the session ended")
	if _, err := chromedp.Call(b.ctx, network.ClearBrowserCookies, cdp.Empty{}); err != nil {
		t.Fatal(err)
	}
	save(b)
	b.see(".trouble", "no longer logged in")
	b.until(`document.querySelector('.form [name=text]').value === 'Typed while the session ended'`, "the text in its form")
	b.logIn(d.guard)
	b.visit("/patients/p7")
	b.see(".form .note", "has not been saved yet")
	save(b)
	b.see(".registration-text", "Typed while the session ended")
}

// A desk that dies with the page open says so, loses nothing, and is back by itself.
func TestDeskDiesAndComesBack(t *testing.T) {
	d := newDesk(t)
	morning(d)
	b := openBrowser(t, d)
	b.visit("/patients/p7")
	b.see("#light", "Online")
	addNote(b, "Typed before the end")
	d.dies()
	b.see("#banner", "lost contact")
	b.see("#light", "No contact")
	save(b)
	b.see(".trouble", "does not answer")
	b.click("[data-record='AllergyIntolerance/a2'] button", "Delete")
	b.see("dialog", "does not answer")
	b.click("dialog button", "Close")
	b.click("[data-record='Condition/d2'] button", "Edit")
	b.see("dialog", "does not answer")
	b.click("dialog button", "Close")
	d.comesBack()
	b.see("#light", "Online")
	b.until(`document.getElementById('banner').hidden`, "contact")
	save(b)
	b.see(".registration-text", "Typed before the end")
}

// A list that is drawn anew leaves the focus where it is, and open what is open.
func TestTheListStaysUnderTheHands(t *testing.T) {
	d := newDesk(t)
	morning(d)
	b := openBrowser(t, d)
	b.visit("/patients/p7")
	b.click(".section-Condition details.past summary", "no longer active")
	b.run(`document.querySelector("[data-record='Condition/d2'] button").focus()`)
	d.arrives("Condition/z", "p7", "dr-2", `{"resourceType":"Condition","id":"z","subject":{"reference":"Patient/p7"},"code":{"text":"Sprained ankle"},"onsetDateTime":"2026"}`)
	b.see(".section-Condition", "Sprained ankle")
	b.until(`document.activeElement.closest('[data-record]')?.dataset.record === 'Condition/d2' && document.activeElement.textContent === 'Edit'`, "the focus where it was")
	b.until(`document.querySelector('.section-Condition details.past').open`, "what was unfolded")
}

// Dates are typed as people write them; what is no day is refused, and what nobody touched keeps
// its seconds.
func TestDatesAsPeopleWriteThem(t *testing.T) {
	d := newDesk(t)
	morning(d)
	const measured = "2026-11-03T08:15:42+01:00"
	d.arrives("Observation/w", "p7", "dr-1", `{"resourceType":"Observation","id":"w","status":"final","subject":{"reference":"Patient/p7"},"code":{"text":"Weight"},"effectiveDateTime":"`+measured+`","valueQuantity":{"value":81,"unit":"kg"}}`)
	b := openBrowser(t, d)
	b.visit("/patients/p7")
	field := func(name, want string) {
		t.Helper()
		b.until(`document.querySelector('.form [name=`+name+`]')?.value === `+quote(want), name+" "+want)
	}
	for _, c := range [][2]string{{"31-02-2024", ""}, {"12/03/19", ""}, {"soon", ""}, {"12/13/2019", ""}, {"12/3/2019", "2019-03-12"}, {"5.2018", "2018-05"}, {"12 maart 2017", "2017-03-12"}, {"2016-02-29", "2016-02-29"}} {
		b.click("[data-record='Condition/d1'] button", "Edit")
		b.fill("since", c[0])
		save(b)
		if c[1] == "" {
			b.see(".field-error", map[bool]string{true: "There is no such day", false: "Write a date as 12/03/2026"}[c[0] == "31-02-2024"])
			b.click(".form button", "Cancel")
			b.click("dialog button", "Throw away")
		}
		b.missing(".form", "Cancel")
		if body := shown(t, d, "Condition/d1"); c[1] != "" && !strings.Contains(body, `"onsetDateTime":"`+c[1]+`"`) {
			t.Errorf("typed %s: got %s, want %s", c[0], body, c[1])
		}
	}
	b.click("[data-record='Condition/d1'] button", "Edit")
	field("since", "29/02/2016")
	b.click(".form button", "Cancel")
	b.click("[data-record='Observation/w'] button", "Edit")
	field("measuredOn", "03/11/2026 08:15")
	b.fill("value", "82")
	save(b)
	b.missing(".form", "Cancel")
	if body := shown(t, d, "Observation/w"); !strings.Contains(body, measured) || !strings.Contains(body, `"value":82`) {
		t.Errorf("got %s, want another value at the same second", body)
	}
	b.click(".languages button", "DE")
	b.click("[data-record='Condition/d1'] button", "Ändern")
	field("since", "29.02.2016")
}

// A medicine does not end before it begins, and a consent neither; the form says so. Where it stands so already, something else can be changed.
func TestAnEndBeforeItsBeginningIsRefused(t *testing.T) {
	d := newDesk(t)
	morning(d)
	const medicine = `{"resourceType":"MedicationStatement","id":"%s","status":"active","subject":{"reference":"Patient/p7"},"medicationCodeableConcept":{"text":"Doxycycline %[1]s"},%s}`
	d.arrives("MedicationStatement/t1", "p7", "dr-1", fmt.Sprintf(medicine, "t1", `"effectiveDateTime":"2026-03-12"`))
	d.arrives("MedicationStatement/t2", "p7", "dr-1", fmt.Sprintf(medicine, "t2", `"effectivePeriod":{"start":"2026-03-12","end":"2026-03-01"}`))
	d.arrives("Consent/k1", "p7", "dr-1", `{"resourceType":"Consent","id":"k1","status":"active","patient":{"reference":"Patient/p7"},"scope":{"text":"x"},"category":[{"coding":[{"system":"https://carelog.eu/fhir/CodeSystem/cd-therapeuticlinktype","code":"gmd"}]}],"provision":{"period":{"start":"2026-03-12"}}}`)
	b := openBrowser(t, d)
	b.visit("/patients/p7")
	for language, words := range map[string][3]string{
		"NL": {"Wijzigen", "Tot en met", "Het einde ligt voor het begin"}, "FR": {"Modifier", "Jusqu’au", "La fin précède le début"}, "DE": {"Ändern", "Bis einschließlich", "Das Ende liegt vor dem Beginn"}, "EN": {"Edit", "Until", "The end is before the beginning"},
	} {
		b.click(".languages button", language)
		b.click("[data-record='MedicationStatement/t1'] button", words[0])
		b.see(".form .label", words[1])
		b.fill("end", "11/03/2026")
		b.run(`document.querySelector(".form button[type=submit]").click()`)
		b.see(".field-error", words[2])
		b.until(`document.activeElement.name === 'end'`, "the focus where it is wrong")
		b.run(`document.querySelector(".form button:not([type=submit])").click()`)
		b.run(`document.querySelector("dialog .danger").click()`)
		b.missing(".form", "")
	}
	b.click(".languages button", "EN")
	b.click("[data-record='MedicationStatement/t1'] button", "Edit")
	b.fill("end", "12/03/2026")
	save(b)
	b.missing(".form", "")
	if body := shown(t, d, "MedicationStatement/t1"); !strings.Contains(body, `"effectivePeriod":{"start":"2026-03-12","end":"2026-03-12"}`) || strings.Contains(body, "effectiveDateTime") {
		t.Errorf("got %s, want a period of one day", body)
	}
	b.click("[data-record='MedicationStatement/t2'] button", "Edit")
	b.fill("remark", "from the hospital")
	save(b)
	b.missing(".form", "")
	if body := shown(t, d, "MedicationStatement/t2"); !strings.Contains(body, `"end":"2026-03-01"`) || !strings.Contains(body, "from the hospital") {
		t.Errorf("got %s, want the remark, and the end as it stood", body)
	}
	b.visit("/patients/p7?view=privacy")
	b.click("[data-record='Consent/k1'] button", "Edit")
	b.fill("until", "2025")
	save(b)
	b.see(".field-error", "The end is before the beginning")
}

// A draft that an older desk kept lacks the fields that are new; they are not emptied by it.
func TestADraftOfAnOlderDeskEmptiesNothing(t *testing.T) {
	d := newDesk(t)
	morning(d)
	d.arrives("MedicationStatement/t1", "p7", "dr-1", `{"resourceType":"MedicationStatement","id":"t1","status":"active","subject":{"reference":"Patient/p7"},"medicationCodeableConcept":{"text":"Doxycycline"},"effectivePeriod":{"start":"2026-03-12","end":"2026-03-19"}}`)
	b := openBrowser(t, d)
	b.visit("/patients/p7")
	b.click("[data-record='MedicationStatement/t1'] button", "Edit")
	b.fill("remark", "from the hospital")
	kept(b)
	b.run(`(() => {
		const [name, text] = Object.entries(localStorage).find(([name]) => name.startsWith('carelog.draft.'));
		const older = JSON.parse(text);
		delete older.values.end;
		localStorage.setItem(name, JSON.stringify(older));
	})()`)
	b.visit("/patients/p7")

	b.see(".form .note", "has not been saved yet")
	b.until(`document.querySelector('.form [name=end]').value === '19/03/2026'`, "the end as it stands")
	save(b)
	b.missing(".form", "")
	if body := shown(t, d, "MedicationStatement/t1"); !strings.Contains(body, `"end":"2026-03-19"`) || !strings.Contains(body, "from the hospital") {
		t.Errorf("got %s, want the remark, and the end as it stood", body)
	}
}

// No address leads nowhere.
func TestEveryPageHasAWayOn(t *testing.T) {
	d := newDesk(t)
	b := openBrowser(t, d)
	for _, path := range []string{"/nothing", "/patients/none", "/patients/none?view=privacy", "/history/Condition/none", "/history/x/y", "/conflicts/Condition/none", "/sumehr/none", "/sumehr/none?view=xml", "/patients/%3Cb%3E"} {
		b.visit(path)
		b.until(`document.querySelector('main .empty h1')?.innerText && document.querySelector('main .empty a.button, main .empty button')`, path+" to say what is wrong, with a way on")
	}
}

// Who goes back is where they were, on the page and in the list.
func TestBackIsWhereOneWas(t *testing.T) {
	d := newDesk(t)
	morning(d)
	b := openBrowser(t, d)
	b.size(640, 400, 1)
	b.visit("/?q=ja")
	b.see(".count", "3 patients")
	b.run(`scrollTo(0, 180)`)
	b.click("tbody a", "Peeters")
	b.see("h1", "Jan Peeters")
	b.until(`scrollY === 0`, "the top of the dossier")
	b.run(`history.back()`)
	b.see(".count", "3 patients")
	b.until(`Math.abs(scrollY - 180) < 3`, "the place in the list")
}

// dies lets the desk refuse every connection, and comesBack take them again at the same address.
func (d *desk) dies() {
	d.set(func() { d.dead = true })
	d.server.CloseClientConnections()
}

func (d *desk) comesBack() { d.set(func() { d.dead = false }) }

// living cuts every connection while the desk is dead.
func (d *desk) living(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d.mu.Lock()
		dead := d.dead
		d.mu.Unlock()
		if dead {
			panic(http.ErrAbortHandler)
		}
		next.ServeHTTP(w, r)
	})
}

// An end is refused of a problem that goes on (con-4), and before its beginning; what an EHR has written so holds up no other change.
func TestTheEndOfAProblem(t *testing.T) {
	d := newDesk(t)
	morning(d)
	odd := `{"resourceType":"Condition","id":"odd","subject":{"reference":"Patient/p7"},"code":{"text":"Gout"},` + clinical("Condition", "active") + `,"abatementDateTime":"2020"}`
	d.arrives("Condition/odd", "p7", "dr-2", odd)
	b := openBrowser(t, d)
	b.visit("/patients/p7")
	b.see("[data-record='Condition/odd']", "Ended: 2020")
	b.click(".section-Condition .section-head button", "Add")
	b.fill("problem", "Shingles")
	b.fill("since", "2/2026")
	b.fill("end", "3/2026")
	save(b)
	b.see(".field-error", "look at its state")
	b.fill("clinical", "resolved")
	b.fill("end", "1/2026")
	save(b)
	b.see(".field-error", "The end is before the beginning")
	b.fill("end", "3/2026")
	save(b)
	b.missing(".form", "")
	b.until(`[...document.querySelectorAll('.section-Condition .registration')].some((row) => row.textContent.includes('Shingles') && row.textContent.includes('Over, until Mar 2026'))`, "a problem with its end")
	b.click("[data-record='Condition/odd'] button", "Edit")
	b.fill("remark", "Left foot")
	save(b)
	b.missing(".form", "")
	if got, want := shown(t, d, "Condition/odd"), strings.Replace(odd, `"2020"}`, `"2020","note":[{"text":"Left foot"}]}`, 1); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	b.click("[data-record='Condition/odd'] button", "Edit")
	b.fill("clinical", "relapse")
	save(b)
	b.see(".field-error", "look at its state")
}
