package web_test

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/carelog/carelog/agent"
)

// A dossier says who else has it open, for as long as that is so, and tells the desk that it is
// open here, until it is left.
func TestColleagues(t *testing.T) {
	d := newDesk(t)
	morning(d)
	b := openBrowser(t, d)
	elsewhere := func(open ...agent.Opened) { d.set(func() { d.open = open }) }
	b.visit("/patients/p7")
	b.see("h1", "Jan Janssens")
	b.missing(".colleagues", "")
	elsewhere(agent.Opened{Patient: "p7", Author: "dr-2", Device: "desk-2"}, agent.Opened{Patient: "p2", Author: "nurse-1", Device: "desk-2"})
	b.see(".colleagues", "Marc Dubois has this dossier open as well, at Consultation room 2")
	b.missing(".colleagues", "Yilmaz")
	second := b.tab("/patients/p7") // which hears it from the first
	second.see(".colleagues", "Marc Dubois")
	here := func() (said []agent.Opened) {
		d.mu.Lock()
		defer d.mu.Unlock()
		return slices.Collect(maps.Values(d.opened))
	}
	if said, want := here(), (agent.Opened{Patient: "p7", Author: "dr-1", Device: "desk-1"}); !slices.Equal(said, []agent.Opened{want, want}) {
		t.Errorf("the desk was told %q, want the dossier twice", said)
	}
	second.click("nav a", "Patients")
	second.see("tbody", "Bogaert")
	b.run(`document.querySelector('nav a').click()`)
	b.see("tbody", "Bogaert")
	b.until(`fetch('/api/open').then(() => true)`, "an answer")
	if said := here(); len(said) != 0 {
		t.Errorf("the desk was told %q, want nothing to be open", said)
	}
	b.visit("/patients/p7")
	b.see(".colleagues", "Marc Dubois")
	elsewhere(agent.Opened{Patient: "p7", Device: "desk-3"})
	b.see(".colleagues", "Somebody has this dossier open as well, at Reception")
	elsewhere()
	b.missing(".colleagues", "")
	elsewhere(agent.Opened{Patient: "p7", Author: "dr-2", Device: "desk-2"})
	b.see(".colleagues", "Marc Dubois")
	d.pages.Close() // and of a desk that is not there nobody knows
	b.missing(".colleagues", "")

	for _, body := range []string{`{}`, `{"page":"a","patient":"p/1","seconds":5}`, `{"page":"a","patient":"p1"}`, `{"page":"a","patient":"p1","seconds":301}`, `{"page":"a","seconds":1,"x":1}`, `{"page":"` + strings.Repeat("a", 65) + `"}`} {
		if answer, text := d.ask("POST", "/api/open", body); answer.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: got %d %s", body, answer.StatusCode, text)
		}
	}
	if _, text := d.ask("GET", "/api/open", ""); text != `{"open":[{"patient":"p7","author":"dr-1","device":"desk-1"},{"patient":"p7","author":"dr-2","device":"desk-2"}]}`+"\n" {
		t.Errorf("got %s", text)
	}
}

// A stream says what is open elsewhere when it begins, where anything is, and at each change.
func TestStreamSaysWhatIsOpen(t *testing.T) {
	d := newDesk(t)
	elsewhere := func(open ...agent.Opened) { d.set(func() { d.open = open }) }
	elsewhere(agent.Opened{Patient: "p1", Author: "dr-2", Device: "desk-2"})
	s := d.listen(t, "")
	next := func(want string) {
		t.Helper()
		for {
			if m := s.next(); m.event == "open" {
				if m.data != want {
					t.Errorf("got %s, want %s", m.data, want)
				}
				return
			}
		}
	}
	next(`{"open":[{"patient":"p1","author":"dr-2","device":"desk-2"}]}`)
	elsewhere()
	next(`{"open":[]}`)
	elsewhere(agent.Opened{Patient: "p2", Device: "desk-3"})
	next(`{"open":[{"patient":"p2","author":"","device":"desk-3"}]}`)
}

// Two people at one PC, each in a browser of their own, know of each other as well; nobody is told
// of their own pages.
func TestColleaguesAtOnePC(t *testing.T) {
	d := newDesk(t)
	morning(d)
	doctor, nurse := openBrowser(t, d), openBrowser(t, d)
	nurse.run(`localStorage.setItem('carelog.user', 'nurse-1')`)
	doctor.visit("/patients/p7")
	second := doctor.tab("/patients/p7")
	second.see("h1", "Jan Janssens")
	nurse.visit("/patients/p7")
	for _, b := range []*browser{doctor, second} {
		b.see(".colleagues", "Aylin Yilmaz has this dossier open as well, at this PC.")
		b.missing(".colleagues", "Claes")
	}
	nurse.see(".colleagues", "Els Claes has this dossier open as well, at this PC.")
	nurse.missing(".colleagues", "Yilmaz")
	nurse.click("nav a", "Patients")
	doctor.missing(".colleagues", "")
	second.missing(".colleagues", "")
}
