package web_test

import (
	"context"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp/kb"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/agenttest"
	"github.com/carelog/carelog/agent/behind"
	"github.com/carelog/carelog/agent/enrolment"
	"github.com/carelog/carelog/agent/fhir"
	"github.com/carelog/carelog/agent/guard"
	"github.com/carelog/carelog/agent/web"
	"github.com/carelog/carelog/broker"
	"github.com/carelog/carelog/broker/brokertest"
	"github.com/carelog/carelog/events"
)

// realDesk is a desk of a practice on a real broker, with its doors.
type realDesk struct {
	*agenttest.Desk
	line  *brokertest.Device
	guard *guard.Guard
	url   string
}

// practice makes desks on one real broker.
func practice(t *testing.T) (b *brokertest.Broker, open func(name string) *realDesk) {
	t.Helper()
	b = brokertest.Start(t)
	sheet := enrolment.Sheet{Practice: b.Practice(), Account: b.Account(), URLs: []string{b.URL()}, Secret: enrolment.NewSecret()}
	dir := t.TempDir()
	return b, func(name string) *realDesk {
		t.Helper()
		d := &realDesk{line: b.Device(name)}
		d.Desk = agenttest.NewDesk(t, sheet, dir, name, func(ctx context.Context, report func(bool, error)) (agent.Log, error) {
			c := d.line.Config()
			c.OnConnection = report
			return broker.Connect(ctx, c)
		})
		d.Start()
		t.Cleanup(d.Stop)
		d.openDoors(t)
		d.AwaitGreen()
		return d
	}
}

func (d *realDesk) openDoors(t *testing.T) {
	t.Helper()
	var err error
	if d.guard, err = guard.Open(guard.Config{Token: guard.NewToken(), Author: "dr-" + d.Name}); err != nil {
		t.Fatal(err)
	}
	table := behind.New(behind.Config{Desk: d.Agent, Records: d.Store()})
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- table.Run(ctx) }()
	door := fhir.New(fhir.Config{Desk: d.Agent, Records: d.Records(), Attachments: d.Agent, Author: guard.Author, Version: "test", Started: time.Now()})
	pages := web.New(web.Config{Desk: d.Agent, Records: d.Records(), Sumehrs: table, FHIR: door, Heartbeat: 50 * time.Millisecond})
	mux := http.NewServeMux()
	mux.Handle("/fhir/", door)
	mux.Handle("/", pages)
	server := httptest.NewServer(d.guard.Handler(mux))
	d.url = server.URL
	t.Cleanup(func() {
		pages.Close()
		server.CloseClientConnections()
		server.Close()
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// write is what an EHR at that desk writes.
func (d *realDesk) write(t *testing.T, patient, record, body string, parents ...events.ID) agent.Written {
	t.Helper()
	w, err := d.Write(t.Context(), agent.Draft{Record: recordOf(t, record), Patient: patient, Author: "dr-" + d.Name, Parents: parents, Body: []byte(body)})
	if err != nil {
		t.Fatalf("desk %s writes %s: %v", d.Name, record, err)
	}
	return w
}

// story is a practice of two desks with a browser at each, and the patient whom it is about.
type story struct {
	t        *testing.T
	broker   *brokertest.Broker
	open     func(name string) *realDesk
	one, two *realDesk
	a, b     *browser // at one, at two
	patient  string
	address  string    // of the dossier
	note     events.ID // its first version
}

// The story of the manual, in a browser at two desks of a practice on a real broker: what is
// typed at one is at the other; they work on without the server; what was changed at both is a
// conflict of each kind; who settles it at one desk settles it at the other, where it is open.
func TestStoryOfTwoDesks(t *testing.T) {
	needChromium(t)
	s := &story{t: t}
	s.broker, s.open = practice(t)
	s.one, s.two = s.open("one"), s.open("two")
	for _, c := range [][2]string{{"one", "Claes"}, {"two", "Dubois"}} {
		s.one.write(t, "", "Practitioner/dr-"+c[0], `{"resourceType":"Practitioner","id":"dr-`+c[0]+`","name":[{"family":"`+c[1]+`"}]}`)
	}
	s.a = openBrowserAt(t, s.one.guard, s.one.url)
	s.b = s.a.at(s.two.guard, s.two.url)
	s.registersByKeyboard()
	s.seeEachOther()
	s.workApart()
	s.comeBack()
	s.refused()
	s.settle()
	s.undo()
	s.settleThree()
	s.wish()
	s.dies()
}

// registersByKeyboard: a patient, a problem; found at the other desk by its keyboard.
func (s *story) registersByKeyboard() {
	a, b := s.a, s.b
	a.tabTo("a.button[href='/new-patient']")
	a.keys(kb.Enter)
	a.see(".form", "Family name")
	a.until(`document.activeElement.name === 'family'`, "the focus in the first field")
	a.keys("Janssens" + kb.Tab + "Jan" + kb.Tab + "12/03/1957" + kb.Enter)
	a.see("h1", "Jan Janssens")
	s.address = a.text(`location.pathname`)
	s.patient = s.address[len("/patients/"):]
	a.tabTo(".section-Condition .section-head button")
	a.keys(kb.Enter)
	a.until(`document.activeElement.name === 'problem'`, "the focus in the form")
	a.keys("High blood pressure" + kb.Enter)
	a.see(".section-Condition .registrations", "High blood pressure")
	b.keys("/")
	b.keys("jansse")
	b.see(".find, tbody", "Janssens")
	b.visit(s.address)
	b.see(".section-Condition .registrations", "High blood pressure")
}

// seeEachOther: each is told that the other has the dossier open, for as long as that is so.
func (s *story) seeEachOther() {
	s.a.see(".colleagues", "Dubois has this dossier open as well, at Desk two")
	s.b.see(".colleagues", "Claes has this dossier open as well, at Desk one")
	s.b.click("nav a", "Patients")
	s.a.missing(".colleagues", "")
	s.b.visit(s.address)
	s.a.see(".colleagues", "Dubois")
}

func (s *story) subject() string { return `"subject":{"reference":"Patient/` + s.patient + `"}` }

func (s *story) noteOf(text string) string {
	return `{"resourceType":"DocumentReference","id":"n",` + s.subject() + `,` + noteBody("", text, "2026-11-20T09:12:00+01:00") + `}`
}

// workApart: without the server, by choice at one, since the line is cut at two. Half a sentence
// outlives a reload meanwhile.
func (s *story) workApart() {
	a, b := s.a, s.b
	s.one.write(s.t, s.patient, "MedicationStatement/m", `{"resourceType":"MedicationStatement","id":"m","status":"active",`+s.subject()+`,"medicationCodeableConcept":{"text":"Metformin"}}`)
	s.one.write(s.t, s.patient, "Condition/d", `{"resourceType":"Condition","id":"d",`+s.subject()+`,"code":{"text":"Sprained ankle"}}`)
	s.note = s.one.write(s.t, s.patient, "DocumentReference/n", s.noteOf("Seen")).ID
	b.see(".section-MedicationStatement", "Metformin")

	a.click("#light", "Online")
	a.click("#light-details button", "Work offline")
	a.see("#light", "Offline")
	a.missing(".colleagues", "")
	b.missing(".colleagues", "")
	s.two.line.Cut()
	b.see("#light", "Offline")
	edit := func(b *browser, record, field, text string) {
		b.t.Helper()
		b.click("[data-record='"+record+"'] button", "Edit")
		b.fill(field, text)
		save(b)
		b.see("[data-record='"+record+"']", text)
	}
	a.run(`document.querySelector('h1').click()`)
	edit(a, "MedicationStatement/m", "dose", "1 with breakfast")
	edit(b, "MedicationStatement/m", "dose", "2 with supper")
	edit(a, "Condition/d", "remark", "Left ankle, bandaged")
	b.click("[data-record='Condition/d'] button", "Delete")
	b.click("dialog button[type=submit]", "Delete")
	b.missing(".section-Condition .registrations", "Sprained ankle")
	a.see(".badge.queued", "Not yet on the server")

	addNote(b, "Typed without a server, and not")
	drafts(b, 1)
	b.visit(s.address)
	b.see(".form .note", "has not been saved yet")
	b.fill("text", "Typed without a server, and saved")
	save(b)
	b.see(".registration-text", "and saved")
}

// comeBack: nothing was lost, and what was changed at both is a conflict at both.
func (s *story) comeBack() {
	a, b := s.a, s.b
	a.click("#light", "Offline")
	a.click("#light-details button", "Work online")
	a.see("#light", "Online")
	s.two.line.Mend()
	b.see("#light", "Online")
	b.missing(".badge.queued", "")
	a.see(".registration-text", "and saved")
	for _, tab := range []*browser{a, b} {
		tab.see("[data-record='MedicationStatement/m'] .badge", "Conflict: 2 versions")
		tab.see("[data-record='Condition/d'] .badge", "Conflict: 2 versions")
		tab.see("nav .attention", "2")
	}
}

// refused: what the server refuses for good is set aside and says why; it is sent again once the server takes it, and
// given up with a reason where nobody wants it.
func (s *story) refused() {
	a, b := s.a, s.b
	s.broker.LimitEvents(4 << 10)
	a.visit("/sync")
	a.click("main button", "Work offline")
	a.see("#light", "Offline")
	a.visit(s.address)
	for _, problem := range []string{"Wanted", "Unwanted"} {
		a.click(".section-Condition .section-head button", "Add")
		a.fill("problem", problem)
		a.fill("remark", incompressible(12_000))
		save(a)
		a.see(".section-Condition .registrations", problem)
	}
	a.visit("/sync")
	a.click("main button", "Work online")
	a.until(`document.querySelectorAll('[data-do=retry]').length === 2`, "two problems that were set aside")
	a.see("h2", "Set aside")
	a.see("tbody", "A letter or scan belongs in an attachment")
	wanted, unwanted := s.asideWith("Wanted"), s.asideWith("Unwanted")
	savesFiles(a)
	a.press(unwanted, "save")
	a.until(`window.saved && JSON.parse(window.saved).code.text === 'Unwanted'`, "what was set aside as a file")
	s.broker.LimitEvents(0)
	a.press(wanted, "retry")
	a.until(`!document.querySelector(`+quote(wanted)+`)`, "the first one sent")
	a.press(unwanted, "discard")
	a.run(`(() => { document.getElementById('dialog-field').value = 'typed for somebody else'; })()`)
	a.click("dialog button[type=submit]", "Discard")
	a.missing("h2", "Set aside")
	a.see("#light", "Online")
	for _, tab := range []*browser{a, b} {
		tab.visit(s.address)
		tab.see(".section-Condition .registrations", "Wanted")
		tab.missing(".section-Condition .registrations", "Unwanted")
	}
}

// asideWith names the row of what one has set aside that says a text.
func (s *story) asideWith(text string) (row string) {
	s.t.Helper()
	queued, err := s.one.Outbox(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	for _, q := range queued {
		v, err := s.one.Store().ByID(s.t.Context(), q.ID)
		if err != nil {
			s.t.Fatal(err)
		}
		if q.SetAside && strings.Contains(string(v.Body), `"text":"`+text+`"`) {
			return "[data-record='" + q.ID.String() + "']"
		}
	}
	s.t.Fatalf("nothing that says %q is set aside", text)
	return ""
}

// press presses a button of a row.
func (b *browser) press(row, does string) {
	b.t.Helper()
	button := row + " [data-do=" + does + "]"
	b.see(button, "")
	b.run(`document.querySelector(` + quote(button) + `).click()`)
}

// incompressible is a text of so many letters of which no packing makes less than half.
func incompressible(letters int) string {
	var text strings.Builder
	chance := rand.New(rand.NewPCG(5, 12))
	for range letters {
		text.WriteByte("0123456789abcdef"[chance.IntN(16)])
	}
	return text.String()
}

// settle: at one by its keyboard, and gone from the other while it is open there.
func (s *story) settle() {
	a, b := s.a, s.b
	for _, tab := range []*browser{a, b} {
		tab.visit("/conflicts/MedicationStatement/m")
		tab.see(".compare", "2 with supper")
	}
	a.keys("2")
	a.until(`document.activeElement === document.querySelectorAll('button.keep')[1]`, "the second version to have the focus")
	a.unhurried()
	a.keys(kb.Enter)
	a.missing("h1", "Metformin")
	b.see("h1", "already settled elsewhere")
	b.see(".empty", "Claes, at Desk one")
	b.click("a.button", "Next conflict")
	b.see(".compare thead", "Keep it deleted")
	b.unhurried()
	b.click("button.keep", "Keep it deleted")
	a.visit("/conflicts")
	a.see(".empty", "no conflicts")
}

// undo: what was settled at one is chosen again there, and the other has the new choice.
func (s *story) undo() {
	a, b := s.a, s.b
	a.visit("/history/MedicationStatement/m")
	a.click(".versions a", "Undo")
	a.see(".note.changed", "what you chose before stands")
	other := a.text(`document.querySelector('.compare tbody td[data-version="0"] .text').innerText`) // the second one was kept
	b.visit(s.address)
	b.missing(".section-MedicationStatement", other)
	a.unhurried()
	a.click("button.keep", "Keep this one")
	b.see(".section-MedicationStatement", other)
}

// settleThree: n versions, of three desks that could not hear each other.
func (s *story) settleThree() {
	a, b, three := s.a, s.b, s.open("three")
	s.two.line.Cut()
	three.line.Cut()
	s.two.AwaitOffline()
	three.AwaitOffline()
	for _, d := range []*realDesk{s.one, s.two, three} {
		d.write(s.t, s.patient, "DocumentReference/n", s.noteOf("Seen at desk "+d.Name), s.note)
	}
	s.two.line.Mend()
	three.line.Mend()
	b.see("nav .attention", "1")
	b.visit("/conflicts/DocumentReference/n")
	b.until(`document.querySelectorAll('.compare thead .version').length === 3`, "three versions side by side")
	b.unhurried()
	b.click("button.keep", "Keep this one")
	a.see("nav", "Conflicts")
	a.until(`document.querySelector('nav .attention').hidden`, "no conflict at the other desk either")
}

// wish: that the hub has the Sumehr is the practice's, on every desk and in every language.
func (s *story) wish() {
	a, b := s.a, s.b
	a.visit(s.address + "?view=privacy")
	b.visit(s.address + "?view=privacy")
	a.until(`document.querySelector('.switch')?.getAttribute('aria-checked') === 'false'`, "a switch that is off")
	a.run(`document.querySelector('.switch').click()`)
	b.until(`document.querySelector('.switch')?.getAttribute('aria-checked') === 'true'`, "a switch that is on at the other desk")
	b.visit("/sumehr")
	for _, c := range [][2]string{{"NL", "nl"}, {"FR", "fr"}, {"DE", "de"}} {
		b.click(".languages button", c[0])
		b.until(`document.documentElement.lang === `+quote(c[1]), c[0])
		b.see(".sumehrs", "Jan Janssens")
	}
}

// dies: a desk that dies is no colleague any more.
func (s *story) dies() {
	s.b.visit(s.address)
	s.a.visit(s.address)
	s.a.see(".colleagues", "Dubois")
	s.two.line.CutOutgoing()
	s.a.missing(".colleagues", "")
}
