package web_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/carelog/carelog/agent/light"
	"github.com/carelog/carelog/projections/sumehr"
	"github.com/carelog/carelog/projections/sumehr/standing"
)

// The table of Sumehrs says of whom the hub does not have the newest, why, and what to do; it is
// live, the same without a server, and leads to whatever stands in the way.
func TestSumehrTable(t *testing.T) {
	d := newDesk(t)
	morning(d)
	d.judged()
	b := openBrowser(t, d)
	b.see("nav [href='/sumehr']", "6")
	b.click("#light", "")
	b.see("#light-details", "Sumehrs behind")
	b.run(`document.getElementById('light').click()`)
	b.visit("/sync")
	b.see(".sumehr-behind", "6")
	b.click(".sumehr-behind a", "See why")
	row := func(patient string) string { return `.sumehrs [data-patient="` + patient + `"]` }
	for patient, want := range map[string][]string{
		"p2": {"No consent", "Record consent", "nothing"}, "p5": {"The patient refuses", "Open privacy"}, "p6": {"No therapeutic relation", "Record relation", "by Els Claes"},
		"p7": {"In conflict", "Compare and choose"}, "p10": {"Not correct yet", "Correct", "begin of an active problem"}, "p12": {"No hub"},
	} {
		for _, text := range want {
			b.see(row(patient), text)
		}
	}
	b.missing(".sumehrs", "Marie Janssens") // the hub has her newest
	b.see(".lead", "for 7 patients")

	// Only one reason; then what changes at another desk, and what is done here.
	b.run(`(() => { const s = document.querySelector('.filters [name=reason]'); s.value = 'no-consent'; s.dispatchEvent(new Event('change', {bubbles: true})); })()`)
	b.until(`document.querySelectorAll('.sumehrs tbody tr').length === 1 && location.search === '?reason=no-consent'`, "one reason alone")
	b.run(`document.querySelector(".sumehrs [data-patient=p2] a.button").focus()`)
	d.consents("yes", "p4", sumehr.MarkSystem, "publish", "")
	b.see(row("p4"), "No consent")
	b.until(`document.activeElement.closest('[data-patient]')?.dataset.patient === 'p2'`, "the focus where it was")
	b.click(row("p2")+" a.button", "Record consent")
	b.see(".form", "Informed consent of the patient")
	b.fill("from", "2026-11-20")
	b.click(".form button[type=submit]", "Save")
	b.see(".privacy .registrations", "Informed consent of the patient")
	b.run(`history.back()`)
	b.visit("/sumehr")
	b.see(row("p2"), "No therapeutic relation")
	b.see(row("p2")+" a.button", "Record relation")

	d.publish("p12")
	b.missing(".sumehrs", "Kobe Wouters")
	d.set(func() { d.status.Color, d.status.Reason = light.Offline, "no connection to the server" })
	d.arrives("Condition/s2-p12", "p12", "dr-1", `{"resourceType":"Condition","id":"s2-p12","subject":{"reference":"Patient/p12"},"code":{"text":"Eczema"},"onsetDateTime":"2020"}`)
	b.see(row("p12"), "Waits for the server")
	b.see(row("p12")+" a.button", "See the light")
	d.set(func() { d.status.Color, d.status.Reason = light.Online, "everything is on the server" })
	b.see(row("p12"), "No hub")

	// To what stands in the way.
	b.click(row("p10")+" .findings a", "Problem")
	b.see(".form", "Problem")
	b.fill("since", "2018")
	b.click(".form button[type=submit]", "Save")
	b.missing(".form", "")
	b.visit("/sumehr")
	b.see(row("p10"), "No hub")
	b.click(row("p7")+" a.button", "Compare and choose")
	b.see(".compare", "Bronchospasm")
	for _, c := range [][3]string{{"NL", "Geen therapeutische relatie", "noteer ze hier"}, {"FR", "Pas de relation thérapeutique", "notez-la ici"}, {"DE", "Keine therapeutische Beziehung", "vermerken Sie sie hier"}} {
		b.visit("/sumehr")
		b.click(".languages button", c[0])
		b.see(row("p2"), c[1])
		b.see(row("p2"), c[2])
	}
}

// The Sumehr is a page to be read, the message as it is, and what the hub has.
func TestSumehrPage(t *testing.T) {
	d := newDesk(t)
	morning(d)
	b := openBrowser(t, d)
	b.visit("/sumehr/p10")
	b.see("h1", "Jan Peeters")
	b.see(".sumehr-sections", "Gout")
	b.see(".findings", "begin of an active problem")
	b.see(".inline-facts", "Els Claes")
	d.arrives("Condition/s3", "p10", "dr-1", `{"resourceType":"Condition","id":"s3","subject":{"reference":"Patient/p10"},"code":{"text":"Tendinitis"},"onsetDateTime":"2020"}`)
	b.see(".sumehr-sections", "Tendinitis")
	b.click(".views button", "XML message")
	b.see("pre.xml", "<kmehrmessage")
	b.until(`document.querySelector('a[download]').getAttribute('href') === '/api/sumehr/p10?format=xml' && document.activeElement.textContent === 'XML message'`, "a way to save it, and the focus where it was")
	b.click(".views button", "On the hub")
	b.see(".empty", "No hub is set up")
	h := &publisher{state: away()}
	h.holding(t, "/subject/1/sumehr/9/4", theirs)
	d.atHub(h)
	b.visit("/sumehr/p10?view=hub")
	b.see(".list", "/subject/1/sumehr/9/4")
	b.see(".list", "from elsewhere")
	b.see(".sumehr-sections", "Migraine")
	b.click("button.primary", "Send ours in its place")
	b.until(`document.getElementById('spoken').textContent .startsWith('It breaks the rules of a Sumehr')`, "what became of it")
	h.set(func() {
		if want := "publish p10 /subject/1/sumehr/9/4 by dr-1"; !slices.Equal(h.did, []string{want}) {
			t.Errorf("the hub was asked %q, want %q", h.did, want)
		}
	})
	d.arrives("Patient/p10", "p10", "dr-1", strings.Replace(shown(t, d, "Patient/p10"), `"id":"p10",`, `"id":"p10","meta":{"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"V"}]},`, 1), shownID(t, d, "Patient/p10"))
	b.visit("/sumehr/p10")
	b.see(".empty", "No Sumehr is made of this dossier")
}

// A switch shows what it was turned to once it can be turned again: the desk tells how the Sumehr stands before
// its answer to the write is here, and a click on what was drawn by then was lost.
func TestASwitchThatIsDrawnTakesClicks(t *testing.T) {
	d := newDesk(t)
	morning(d)
	d.judged()
	b := openBrowser(t, d)
	b.visit("/patients/p3?view=privacy")
	b.until(`document.querySelector('.switch')?.getAttribute('aria-checked') === 'false'`, "a switch that is off")
	b.run(`(() => {
		const real = window.fetch;
		window.told = 0; // how often the desk told, after the write, how the Sumehr stands
		window.held = new Promise((go) => { window.letGo = go; });
		let written = false;
		window.fetch = async (at, ...rest) => {
			const answer = await real(at, ...rest);
			if (String(at).includes('/fragments/sumehr/')) setTimeout(() => { if (written) window.told++; });
			if (rest[0]?.method !== 'PUT') return answer;
			written = true;
			await window.held;
			return answer;
		};
	})()`)
	b.click(".switch", "")
	b.until(`window.told > 0`, "how the Sumehr stands")
	b.until(`document.querySelector('.switch').getAttribute('aria-checked') === 'false'`, "a switch that waits for the answer to its write")
	b.run(`window.letGo()`)
	b.until(`document.querySelector('.switch').getAttribute('aria-checked') === 'true'`, "a switch that is on")
	b.click(".switch", "")
	b.until(`document.querySelector('.switch').getAttribute('aria-checked') === 'false'`, "a switch that is off again")
}

// The privacy tab switches the Sumehr, records what allows it, and takes it from the hub as a
// choice of its own. A desk without a hub says so, and keeps the wish all the same.
func TestPrivacy(t *testing.T) {
	d := newDesk(t)
	morning(d)
	d.judged()
	b := openBrowser(t, d)
	b.visit("/patients/p3")
	b.click(".views button", "Privacy")
	b.see(".privacy .facts", "nothing")
	b.until(`location.search === '?view=privacy' && document.querySelector('.switch').getAttribute('aria-checked') === 'false'`, "a switch that is off")
	b.run(`document.querySelector('.switch').focus()`)
	b.keys(" ")
	b.until(`document.querySelector('.switch').getAttribute('aria-checked') === 'true' && document.activeElement.classList.contains('switch')`, "a switch that is on")
	wishes := func(refusal bool) (bodies []string) {
		states, err := d.store.Dossier(t.Context(), "p3", "Consent")
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range states {
			if body := string(s.Shown.Body); strings.Contains(body, `"code":"publish"`) && strings.Contains(body, `"deny"`) == refusal {
				bodies = append(bodies, body)
			}
		}
		return bodies
	}
	b.click(".switch", "")
	b.until(`document.querySelector('.switch').getAttribute('aria-checked') === 'false'`, "a switch that is off again")
	b.click(".switch", "")
	b.until(`document.querySelector('.switch').getAttribute('aria-checked') === 'true'`, "a switch that is on again")
	b.see(".standing", "No consent")
	if got := wishes(false); len(got) != 1 || !strings.Contains(got[0], `"status":"active"`) {
		t.Errorf("got %q, want one wish, which holds", got)
	}
	b.click(".privacy button", "The patient wants none there")
	b.see(".privacy .note", "The patient wants no Sumehr")
	b.click(".privacy button", "The patient wants it now")
	b.missing(".privacy .note", "The patient wants no Sumehr")
	if got := wishes(true); len(got) != 1 || !strings.Contains(got[0], `"status":"inactive"`) {
		t.Errorf("got %q, want one refusal, which was withdrawn", got)
	}

	// A relation with its time; a draft outlives the load.
	b.click(".privacy .section-head button[aria-label*=relation]", "Add")
	b.fill("from", "2026-01-01")
	b.fill("until", "2026-12-31")
	b.until(`Object.keys(localStorage).some((k) => k.startsWith('carelog.draft.'))`, "the draft to be kept")
	b.visit("/patients/p3")
	b.see(".privacy .form .note", "has not been saved yet")
	b.click(".form button[type=submit]", "Save")
	b.see(".privacy .registrations", "Global medical file is kept here")
	b.see(".privacy .registrations", "from 1 Jan 2026 to 31 Dec 2026")

	// The hub has one, and is away when there is a newer one.
	d.consents("yes", "p3", sumehr.TableBase+"cd-consenttype", "retrospective", "")
	d.consents("link", "p3", sumehr.TableBase+"cd-therapeuticlinktype", "gmd", "")
	b.see(".standing", "No hub")
	b.click(".standing button", "How to set one up")
	b.see("dialog", "carelog agent --hub")
	b.click("dialog button", "Close")
	b.until(`!document.querySelector('dialog')`, "no dialog")
	h := &publisher{state: away()}
	d.atHub(h)
	there := d.publish("p3")
	b.visit("/patients/p3?view=privacy")
	b.see(".standing[data-reason=newest]", "Up to date")
	d.arrives("Condition/s1", "p3", "dr-1", `{"resourceType":"Condition","id":"s1","subject":{"reference":"Patient/p3"},"code":{"text":"Asthma"},"onsetDateTime":"2024"}`)
	b.see(".standing", "Hub cannot be reached")
	b.see(".standing details", "")
	b.see(".privacy .facts", "/subject/58031499914/sumehr/12345/1")
	b.see(".privacy .facts", "Els Claes")
	b.see(".privacy .facts", "Next attempt")
	b.click(".standing button", "Send now")
	b.see(".standing .hint", "The hub cannot be reached")
	b.click(".switch", "")
	b.see(".privacy", "To take it away is a choice of its own")
	b.click(".privacy button", "Take from the hub")
	b.click("dialog button", "Cancel")
	b.until(`!document.querySelector('dialog, .privacy button:disabled')`, "no question any more")
	b.click(".privacy button", "Take from the hub")
	b.see("dialog", "no longer find it")
	h.set(func() { h.then = func() { d.published("p3", true, there) } })
	b.click("dialog button[type=submit]", "Take from the hub")
	b.see(".privacy .facts", "taken from there on ")
	b.missing(".privacy button", "Take from the hub")
	h.set(func() {
		if want := []string{"publish p3  by dr-1", "revoke p3 by dr-1"}; !slices.Equal(h.did, want) {
			t.Errorf("the hub was asked %q, want %q", h.did, want)
		}
	})
}

// What the user can do about each reason has a button, a log-in and a hub to be set up included: the same in the
// table of all and on the privacy tab of the patient.
func TestRemedies(t *testing.T) {
	d := newDesk(t)
	morning(d)
	d.judged()
	b := openBrowser(t, d)
	b.visit("/sumehr")
	b.click(`.sumehrs [data-patient="p12"] button`, "How to set one up")
	b.see("dialog", "carelog agent --hub")
	b.click("dialog button", "Close")
	b.until(`!document.querySelector('dialog')`, "no dialog")
	b.visit("/patients/p10?view=privacy")
	b.see(".standing .findings", "begin of an active problem")
	b.until(`document.querySelector('.standing > .button').getAttribute('href') === '/patients/p10?edit=Condition%2Fs-p10'`, "the way to what is wrong")
	h := &publisher{state: standing.Hub{SetUp: true}}
	d.atHub(h)
	b.visit("/patients/p12?view=privacy")
	b.see(".standing", "Answers for it: 10000007004")
	b.click(".standing button", "I am logged in: send now")
	b.see(".standing .hint", "Its author has no session with the hub")
	h.set(func() {
		if want := []string{"publish p12  by dr-1"}; !slices.Equal(h.did, want) {
			t.Errorf("the hub was asked %q, want %q", h.did, want)
		}
	})
}
