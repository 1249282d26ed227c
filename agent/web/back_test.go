package web_test

import "testing"

// choose takes an option of the filter of that name, as a hand does.
func choose(b *browser, name, value string) {
	b.t.Helper()
	b.until(`document.querySelector('.filters select[name=`+name+`] option[value="`+value+`"]')`, "an option "+value)
	b.run(`(() => { const s = document.querySelector('.filters select[name=` + name + `]'); s.value = '` + value + `'; s.dispatchEvent(new Event('input', {bubbles: true})); s.dispatchEvent(new Event('change', {bubbles: true})); })()`)
}

// typeInto types into the field that matches, key by key.
func (b *browser) typeInto(selector, text string) {
	b.t.Helper()
	b.until(alive, "the page to stand")
	b.run(`document.querySelector(` + quote(selector) + `).focus()`)
	b.keys(text)
}

func (b *browser) back() {
	b.t.Helper()
	b.run(`history.back()`)
}

// reached waits for an address.
func (b *browser) reached(address string) {
	b.t.Helper()
	b.until(`location.pathname + location.search === `+quote(address), "the address "+address)
}

// What is chosen in a dossier stands in its address: Back undoes one choice after the other, and stays in the
// dossier until there is none; a link shows the same; and what is typed in a form stays where it is.
func TestBackInADossier(t *testing.T) {
	d := newDesk(t)
	morning(d)
	b := openBrowser(t, d)
	b.until(alive, "the page to stand")
	b.click("a.row-link", "Janssens Jan")
	b.see("h1", "Jan Janssens")
	addNote(b, "Half a note")
	kept(b)
	b.click(".views button", "Timeline")
	b.reached("/patients/p7?view=timeline")
	b.see(".timeline", "Influenza")
	all := b.text(`document.querySelector('.timeline .count').innerText`)
	choose(b, "kind", "Condition")
	b.reached("/patients/p7?view=timeline&kind=Condition")
	b.see(".timeline .count", "3 registrations")
	b.typeInto(".timeline [name=text]", "pneu")
	b.reached("/patients/p7?view=timeline&kind=Condition&text=pneu")
	b.see(".timeline .count", "1 registration")
	b.click(".views button", "Privacy")
	b.reached("/patients/p7?view=privacy")
	b.see(".privacy", "Sumehr")

	b.back()
	b.reached("/patients/p7?view=timeline&kind=Condition&text=pneu")
	b.see(".timeline .count", "1 registration")
	b.back() // all keys of a word are one step
	b.reached("/patients/p7?view=timeline&kind=Condition")
	b.see(".timeline .count", "3 registrations")
	b.until(`document.querySelector('.timeline [name=text]').value === '' && document.querySelector('.timeline [name=kind]').value === 'Condition'`, "the filters as the address says")
	b.back()
	b.see(".timeline .count", all)
	b.until(`document.querySelector('.timeline [name=kind]').value === ''`, "no filter")
	b.back()
	b.reached("/patients/p7")
	b.see(".section-Condition", "Type 2 diabetes")
	b.until(`document.querySelector('.form [name=text]').value === 'Half a note' && !document.querySelector('.form').innerText.includes('has not been saved yet')`, "the form that was open, as it was")
	b.back()
	b.reached("/")
	b.see("tbody", "Bogaert")
	b.run(`history.forward()`)
	b.see("h1", "Jan Janssens")

	other := newDesk(t)
	morning(other)
	linked := openBrowser(t, other)
	linked.visit("/patients/p7?view=timeline&kind=Condition&user=dr-2&text=pneu")
	linked.see(".timeline .count", "1 registration")
	linked.until(`['Condition', 'dr-2', 'pneu'].join() === ['kind', 'user', 'text'].map((name) => document.querySelector('.timeline [name=' + name + ']').value).join()`, "the filters of the link")
	linked.run(`location.reload()`)
	linked.see(".timeline .count", "1 registration")
	other.arrives("Condition/pneu", "p7", "dr-2", `{"resourceType":"Condition","id":"pneu","subject":{"reference":"Patient/p7"},"code":{"text":"Pneumothorax"}}`)
	linked.see(".timeline .count", "2 registrations")
}

// Who looks at the timeline, chooses nothing and goes back finds nothing chosen there when they come again.
func TestBackFromTheTimeline(t *testing.T) {
	d := newDesk(t)
	morning(d)
	b := openBrowser(t, d)
	b.visit("/patients/p7")
	b.click(".views button", "Timeline")
	b.see(".timeline", "Influenza")
	all := b.text(`document.querySelector('.timeline .count').innerText`)
	b.back()
	b.reached("/patients/p7")
	b.click(".views button", "Timeline")
	b.reached("/patients/p7?view=timeline")
	b.until(`[...document.querySelectorAll('.timeline .filters [name]')].every((field) => field.value === '')`, "no choice")
	b.see(".timeline .count", all)
}

// A step back at a patient of whom nothing is here asks once more.
func TestBackAtAPatientWhoIsNotHere(t *testing.T) {
	d := newDesk(t)
	b := openBrowser(t, d)
	b.visit("/patients/p999")
	b.until(alive, "the page to stand")
	b.until(`document.querySelector('main .empty')`, "that nobody is here")
	b.run(`document.querySelector('main .empty').dataset.old = 'yes'`)
	b.run(`history.pushState(null, '', '/patients/p999?view=timeline')`)
	b.back()
	b.reached("/patients/p999")
	b.until(`document.querySelector('main .empty:not([data-old])')`, "another answer")
}

// A search for patients is one step as well, also where the page is left by a link to itself.
func TestBackInTheLists(t *testing.T) {
	d := newDesk(t)
	morning(d)
	d.judged()
	b := openBrowser(t, d)
	b.see("tbody", "Bogaert")
	b.typeInto("#search", "peeters")
	b.reached("/?q=peeters")
	b.see(".count", "1 patient")
	b.back()
	b.reached("/")
	b.see("tbody", "Bogaert")
	b.until(`document.getElementById('search').value === ''`, "nothing typed")
	b.run(`history.forward()`)
	b.reached("/?q=peeters")
	b.see(".count", "1 patient")
	b.click("nav a", "Patients")
	b.reached("/")
	b.see("tbody", "Bogaert")
	b.until(`document.getElementById('search').value === ''`, "nothing typed")

	b.visit("/conflicts")
	choose(b, "kind", "MedicationStatement")
	b.reached("/conflicts?kind=MedicationStatement")
	b.missing("tbody", "Ibuprofen")
	choose(b, "user", "nurse-1")
	b.reached("/conflicts?kind=MedicationStatement&user=nurse-1")
	b.back()
	b.reached("/conflicts?kind=MedicationStatement")
	b.see("tbody", "Warfarin")
	b.until(`document.querySelector('.filters [name=user]').value === '' && document.querySelector('.filters [name=kind]').value === 'MedicationStatement'`, "the filters as the address says")
	b.click("a.icon-button", "")
	b.see("h1", "Warfarin")
	b.back()
	b.reached("/conflicts?kind=MedicationStatement")
	b.see("tbody", "Warfarin")
	b.missing("tbody", "Ibuprofen")
	b.back()
	b.reached("/conflicts")
	b.see("tbody", "Ibuprofen")

	b.visit("/sumehr/p7")
	b.click(".views button", "XML message")
	b.see("pre.xml", "kmehrmessage")
	b.back()
	b.reached("/sumehr/p7")
	b.see(".sumehr-sections", "Penicillin")

	b.visit("/history/MedicationStatement/m9")
	b.see("#difference", "Dose")
	first := b.text(`document.querySelector('#difference').innerText`)
	b.run(`[...document.querySelectorAll('input[name=from]')].find((i) => !i.checked && !document.querySelector('input[name=to]:checked').isEqualNode(i)).click()`)
	b.until(`location.search.includes('from=')`, "the versions in the address")
	b.back()
	b.reached("/history/MedicationStatement/m9")
	b.until(`document.querySelector('#difference')?.innerText === `+quote(first), "the first comparison")
}
