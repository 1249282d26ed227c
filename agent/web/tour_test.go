package web_test

import (
	"os"
	"strings"
	"testing"

	"github.com/carelog/carelog/agent/light"
)

// tour goes through every page in every state of interest, from canned data, and calls look
// in each.
func tour(t *testing.T, look func(b *browser, state string)) {
	t.Helper()
	d := newDesk(t)
	b := openBrowser(t, d)
	b.see("#main", "No patients are here yet")
	look(b, "empty")
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
	stop("conflict-allergy", "/conflicts/AllergyIntolerance/a9", ".compare", "Bronchospasm")
	stop("conflict-three", "/conflicts/DocumentReference/n9", ".compare", "Keep it deleted")

	waiting(d)
	d.set(func() {
		d.status.Color, d.status.Reason, d.status.ByChoice = light.Offline, "you chose to work offline", true
	})
	stop("sync-offline", "/sync", "h2", "Set aside")
	b.see("[data-device=desk-1]", "this PC")
	b.click("#light", "")
	b.see("#light-details", "Work online")
	look(b, "light-offline")
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
