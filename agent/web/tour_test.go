package web_test

import (
	"os"
	"strings"
	"testing"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/light"
)

// tour goes through every page in every state of interest, from canned data, and calls look
// in each.
func tour(t *testing.T, look func(b *browser, state string)) {
	t.Helper()
	d := newDesk(t)
	at := &playedHub{stands: map[string]string{}}
	d.atHub(at)
	d.judged()
	b := openBrowser(t, d)
	b.see("#main", "No patients are here yet")
	look(b, "empty")
	b.visit("/sumehr")
	b.see(".empty", "No Sumehr is kept up to date yet")
	look(b, "sumehr-none")
	b.visit("/conflicts")
	b.see(".empty", "no conflicts")
	look(b, "no-conflicts")
	b.visit("/nothing")
	b.see("h1", "does not exist")
	look(b, "not-found")

	morning(d)
	stop := func(state, path, selector, text string) {
		t.Helper()
		b.visit(path)
		b.see(selector, text)
		b.until(`document.querySelector('#light[data-light]:not([data-light=""])')`, "a light")
		look(b, state)
	}
	stop("patients", "/", "tbody", "Bogaert")
	b.run(`document.getElementById('find').click()`)
	b.keys("jan")
	b.until(`document.querySelectorAll('.find [role=option]').length > 1`, "somebody found")
	look(b, "find")
	stop("new-patient", "/new-patient", ".form", "Family name")
	b.click(".form button[type=submit]", "Save")
	b.see(".field-error", "needed")
	look(b, "new-patient-wrong")
	stop("dossier", "/patients/p7", "h1", "Jan Janssens")
	b.click(".section-AllergyIntolerance .section-head button", "Add")
	b.see(".form", "Allergic to")
	look(b, "dossier-form")
	b.click(".form button[type=button]", "Cancel")
	b.click("[data-record='AllergyIntolerance/a2'] button", "Delete")
	b.see("dialog", "Grass pollen")
	look(b, "dossier-delete")
	stop("dossier-timeline", "/patients/p7?view=timeline", ".timeline", "registrations")
	stop("history", "/history/MedicationStatement/m9", ".versions", "Registered")
	b.see("#difference", "Dose")
	look(b, "history-difference")
	stop("dossier-not-here", "/patients/nobody", ".empty", "not on this PC")
	stop("conflicts", "/conflicts", "tbody", "Warfarin")
	stop("conflict", "/conflicts/MedicationStatement/m9", ".compare", "daughter")
	b.keys("f")
	b.see(".pick", "")
	look(b, "conflict-fields")
	b.run(`document.querySelectorAll('.compare tbody tr').forEach((row) => row.querySelector('.pick input')?.click())`)
	b.click("#to-preview", "Preview")
	b.see(".preview", "This is what will stand")
	look(b, "conflict-preview")
	b.run(`sessionStorage.clear()`) // what was chosen outlives the page
	stop("conflict-allergy", "/conflicts/AllergyIntolerance/a9", ".compare", "Bronchospasm")
	stop("conflict-three", "/conflicts/DocumentReference/n9", ".compare", "Keep it deleted")

	stop("sumehrs", "/sumehr", ".sumehrs", "Wim Jozef Bogaert")
	stop("sumehr", "/sumehr/p7", ".sumehr-sections", "Penicillin")
	stop("sumehr-xml", "/sumehr/p8?view=xml", "pre.xml", "kmehrmessage")
	stop("sumehr-no-hub", "/sumehr/p8?view=hub", ".empty", "No hub")
	stop("privacy-no-hub", "/patients/p7?view=privacy", ".privacy", "No hub")
	at.set(func() {
		const facts = `"records":[],"findings":[],"refused":false,"consent":{"holds":true,"records":[]},"relation":{"holds":true,"records":[],"ours":true},"publisher":{"set_up":true,"session":true},"hub":{"uri":"/subject/57031211366/sumehr/12345/3","since":"2026-11-20T10:00:00Z","author":"dr-1","revoked":false}}`
		at.stands["p7"] = `{"patient":"p7","wish":{"holds":true,"records":[]},"reason":"unreachable","text":"the hub cannot be reached or does not work: it is tried again","since":"2026-11-25T14:10:00Z","next":"2026-11-26T16:05:00Z",` + facts
		at.stands["p6"] = `{"patient":"p6","wish":{"holds":false,"records":[]},"reason":"off","text":"it is not to be kept up to date on the hub",` + facts
		at.holds = `{"holds":[{"uri":"/subject/57031211366/sumehr/12345/4","author":"10000204001","recorded":"2026-11-24T10:00:00Z","ours":false},{"uri":"/subject/57031211366/sumehr/12345/3","author":"10000007004","recorded":"2026-11-20T10:00:00Z","ours":true}],"sumehr":{"patient":{"name":"Jan Janssens"},"author":{"name":"Dr Else"},"made":"2026-11-24 10:00:00","sections":[{"kind":"problem","title":"Problems","lines":[{"label":"Shoulder pain","begin":"2026"}]}]}}`
	})
	stop("privacy", "/patients/p7?view=privacy", ".standing", "Hub cannot be reached")
	b.click(".privacy .section-head button[aria-label*=relation]", "Add")
	b.see(".form", "Until")
	look(b, "privacy-form")
	b.click(".form button[type=button]", "Cancel")
	stop("privacy-off", "/patients/p6?view=privacy", ".privacy", "choice of its own")
	b.click(".privacy button", "Take from the hub")
	b.see("dialog", "no longer find it")
	look(b, "privacy-revoke")
	stop("sumehr-hub", "/sumehr/p7?view=hub", ".list", "from elsewhere")
	d.set(func() { d.open = []agent.Opened{{Patient: "p7", Author: "dr-2", Device: "desk-2"}} })
	stop("dossier-colleague", "/patients/p7", ".colleagues", "Marc Dubois")
	d.set(func() { d.open = nil })

	waiting(d)
	d.set(func() {
		d.status.Color, d.status.Reason, d.status.ByChoice = light.Offline, "you chose to work offline", true
	})
	stop("sync-offline", "/sync", "h2", "Set aside")
	b.see("[data-device=desk-1]", "this PC")
	b.click("#light", "")
	b.see("#light-details", "Work online")
	look(b, "light-offline")
	stop("sumehrs-offline", "/sumehr", ".sumehrs", "Waits for the server")
	stop("dossier-offline", "/patients/p7", ".badge.queued", "Not yet on the server")
	reading(d)
	stop("first-sync", "/sync", ".activity", "left")
	b.click("#light", "")
	b.see("#light-details", "Agenda")
	look(b, "first-sync-light")
	stop("first-sync-dossier", "/patients/p1", ".safety", "allergies too")
	stop("first-sync-patients", "/", ".count", "may still be known")
	for _, language := range []string{"nl", "fr", "de"} {
		b.run(`localStorage.setItem('carelog.language', ` + quote(language) + `)`)
		b.visit("/conflicts/MedicationStatement/m9")
		b.until(`document.documentElement.lang === `+quote(language)+` && document.querySelector('.compare')`, language)
		look(b, "conflict-"+language)
		b.visit("/sumehr")
		b.see(".sumehrs", "Bogaert")
		look(b, "sumehrs-"+language)
		b.visit("/patients/p7?view=privacy")
		b.see(".standing", "")
		look(b, "privacy-"+language)
	}
	b.run(`localStorage.removeItem('carelog.language')`)
	d.pages.Close()
	b.until(`!document.getElementById("banner").hidden && document.querySelector("#light[data-light=unknown]")`, "a page that says it has lost contact")
	look(b, "no-contact")
}

// TestPictures makes a picture of every page in every state, into the folder that
// CARELOG_PICTURES names.
func TestPictures(t *testing.T) {
	if os.Getenv("CARELOG_PICTURES") == "" {
		t.Skip("CARELOG_PICTURES names no folder for pictures; make pictures does")
	}
	tour(t, func(b *browser, state string) { b.shoot("page-" + strings.ReplaceAll(state, "/", "-")) })
}
