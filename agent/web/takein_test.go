package web_test

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/publish"
	"github.com/carelog/carelog/events/eventstest"
	"github.com/carelog/carelog/projections/sumehr/kmehr"
)

// theirs is what another doctor put on the hub: a problem of which the dossier has just the same,
// one that it does not have, and something that no record can say.
const theirs = `<kmehrmessage xmlns="http://www.ehealth.fgov.be/standards/kmehr/schema/v1"><folder>
<patient><id S="ID-PATIENT" SV="1.0">58031499914</id><firstname>Fictief</firstname><familyname>Voorbeeld</familyname><sex><cd S="CD-SEX" SV="1.1">male</cd></sex></patient>
<transaction><cd S="CD-TRANSACTION" SV="1.9">sumehr</cd><date>2026-01-05</date><time>09:30:00</time><author><hcparty><id S="ID-HCPARTY" SV="1.0">10000204001</id><cd S="CD-HCPARTY" SV="1.12">persphysician</cd><firstname>E</firstname><familyname>Elders</familyname></hcparty></author>
<item><id S="ID-KMEHR" SV="1.0">1</id><id S="LOCAL" SL="theirs" SV="1">7</id><cd S="CD-ITEM" SV="1.11">problem</cd><content><text L="nl">Astma</text></content><beginmoment><year>2001</year></beginmoment><lifecycle><cd S="CD-LIFECYCLE" SV="1.9">active</cd></lifecycle></item>
<item><id S="ID-KMEHR" SV="1.0">2</id><id S="LOCAL" SL="theirs" SV="1">8</id><cd S="CD-ITEM" SV="1.11">problem</cd><content><text L="fr">Migraine</text></content><beginmoment><yearmonth>1987-05</yearmonth></beginmoment><lifecycle><cd S="CD-LIFECYCLE" SV="1.9">active</cd></lifecycle><duration/></item></transaction></folder></kmehrmessage>`

// WriteMany writes one after the other; see agent.Agent for what it does.
func (d *desk) WriteMany(ctx context.Context, drafts []agent.Draft) ([]agent.Outcome, error) {
	outcomes := make([]agent.Outcome, len(drafts))
	for i, draft := range drafts {
		outcomes[i].Written, outcomes[i].Err = d.Write(ctx, draft)
	}
	return outcomes, nil
}

// holding lets the hub hold a message as its newest.
func (p *publisher) holding(t *testing.T, uri, text string) {
	t.Helper()
	message, err := kmehr.Read([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	p.holds, p.text = []publish.Held{{URI: uri, Author: "10000204001", Recorded: eventstest.Epoch}}, message
}

type takingJSON struct {
	URI, Author        string
	New, Changed, Kept []string
	Here               int
	Unread             []string
	Refused            []struct{ Source, Error string }
	Error              struct{ Code, Text string }
}

// taking asks what the newest Sumehr on the hub brings, or takes the one that is named in.
func (d *desk) taking(uri string, want int) (got takingJSON) {
	d.t.Helper()
	method, body := "GET", ""
	if uri != "" {
		method, body = "POST", `{"uri":"`+uri+`"}`
	}
	answer, text := d.ask(method, "/api/sumehr/p1/take-in", body)
	if err := json.Unmarshal([]byte(text), &got); err != nil || answer.StatusCode != want {
		d.t.Fatalf("%s %s: got %s %s, want %d", method, body, answer.Status, text, want)
	}
	return got
}

// conditions are the labels of the problems in the dossier.
func (d *desk) conditions() (labels []string) {
	d.t.Helper()
	states, err := d.store.Dossier(d.t.Context(), "p1", "Condition")
	if err != nil {
		d.t.Fatal(err)
	}
	for _, s := range states {
		_, label, _ := strings.Cut(string(s.Shown.Body), `"text":"`)
		label, _, _ = strings.Cut(label, `"`)
		labels = append(labels, label)
	}
	slices.Sort(labels)
	return labels
}

// The newest Sumehr on the hub is taken into the dossier: after it was said what that brings, without
// doubling what stands there, in the name of who asks.
func TestTakeIn(t *testing.T) {
	d, p := withHub(t)
	d.taking("", http.StatusNotFound)
	p.holding(t, "/x/1", theirs)
	plan := d.taking("", http.StatusOK)
	if plan.URI != "/x/1" || plan.Author != "10000204001" || len(plan.New) != 3 || plan.Here != 1 || len(plan.Changed)+len(plan.Kept)+len(plan.Refused) != 0 || !slices.Equal(plan.Unread, []string{"item 2 problem: duration"}) {
		t.Errorf("it would bring %+v", plan)
	}
	if got := d.conditions(); !slices.Equal(got, []string{"Astma"}) {
		t.Errorf("what was only asked for was taken in: %v", got)
	}
	if got := d.taking("/x/0", http.StatusConflict); got.Error.Code != "moved" {
		t.Errorf("another one than was looked at: got %+v", got)
	}
	if got := d.taking("/x/1", http.StatusOK); !slices.Equal(got.New, plan.New) || got.Here != 1 {
		t.Errorf("it brought %+v, and was to bring %+v", got, plan)
	}
	if got := d.conditions(); !slices.Equal(got, []string{"Astma", "Migraine"}) {
		t.Errorf("the dossier has %v", got)
	}
	for _, name := range plan.New {
		if v := stateOf(t, d, name).Shown; v.Event.Author != "dr-1" {
			t.Errorf("%s is by %q", name, v.Event.Author)
		}
	}
	if again := d.taking("/x/1", http.StatusOK); len(again.New)+len(again.Changed)+len(again.Kept) != 0 || again.Here < 3 {
		t.Errorf("a second time it brought %+v", again)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if last := d.looks[len(d.looks)-1]; last.What != "Patient/p1" || last.Agent != "dr-1" {
		t.Errorf("the trail has %+v", last)
	}
}

// What was taken in and changed or deleted here stays as it is when the same is taken in again; the
// next version of theirs changes what it says otherwise, and nothing else.
func TestTakeInAgain(t *testing.T) {
	d, p := withHub(t)
	p.holding(t, "/x/1", theirs)
	d.taking("/x/1", http.StatusOK)
	migraine := slices.IndexFunc(d.taking("", http.StatusOK).Kept, func(string) bool { return true })
	if migraine >= 0 {
		t.Fatal("something is kept that nobody changed")
	}
	var name string
	states, err := d.store.Dossier(t.Context(), "p1", "Condition")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range states {
		if strings.Contains(string(s.Shown.Body), "Migraine") {
			name = s.Record.String()
		}
	}
	first := shown(t, d, name)
	d.arrives(name, "p1", "dr-2", strings.Replace(first, "Migraine", "Migraine met aura", 1), shownID(t, d, name))
	if got := d.taking("/x/1", http.StatusOK); !slices.Equal(got.Kept, []string{name}) || len(got.New)+len(got.Changed) > 0 {
		t.Errorf("what was changed here: got %+v", got)
	}
	d.arrives(name, "p1", "dr-2", "", shownID(t, d, name))
	if got := d.taking("/x/1", http.StatusOK); !slices.Equal(got.Kept, []string{name}) {
		t.Errorf("what was deleted here: got %+v", got)
	}
	p.holding(t, "/x/2", strings.NewReplacer("1987-05", "1987-06", "2026-01-05", "2026-03-05").Replace(theirs))
	got := d.taking("/x/2", http.StatusOK)
	slices.Sort(got.Changed)
	if len(got.Changed) != 2 || !strings.HasPrefix(got.Changed[0], "Composition/") || got.Changed[1] != name || len(got.New) > 0 {
		t.Errorf("the next version changes %+v", got)
	}
	if body := shown(t, d, name); !strings.Contains(body, "1987-06") {
		t.Errorf("got %s", body)
	}
	if got := d.conditions(); !slices.Equal(got, []string{"Astma", "Migraine"}) {
		t.Errorf("the dossier has %v", got)
	}
}

// What cannot be taken in says why, and changes nothing.
func TestTakeInRefuses(t *testing.T) {
	d, p := withHub(t)
	before := d.last
	_, ours := d.ask("GET", "/api/sumehr/p1?format=xml", "")
	for code, c := range map[string]struct {
		text   string
		status int
	}{
		"own":           {ours, http.StatusConflict},
		"other-patient": {strings.Replace(theirs, "58031499914", "60010100073", 1), http.StatusConflict},
		"hub":           {strings.Replace(theirs, ">sumehr<", ">result<", 1), http.StatusBadGateway},
	} {
		p.holding(t, "/x/1", c.text)
		if got := d.taking("/x/1", c.status); got.Error.Code != code || got.Error.Text == "" {
			t.Errorf("%s: got %+v", code, got.Error)
		}
	}
	p.holding(t, "/x/1", theirs)
	for body, want := range map[string]int{`{}`: http.StatusBadRequest, `{"uri":"/x/1","over":1}`: http.StatusBadRequest} {
		if answer, text := d.ask("POST", "/api/sumehr/p1/take-in", body); answer.StatusCode != want {
			t.Errorf("%s: got %s %s", body, answer.Status, text)
		}
	}
	d.set(func() { d.status.Incomplete = true })
	if got := d.taking("/x/1", http.StatusServiceUnavailable); got.Error.Code != "incomplete" {
		t.Errorf("where not all is here: got %+v", got.Error)
	}
	if d.last != before {
		t.Errorf("%d events were written", d.last-before)
	}
}

// In the browser: what it would bring is said before anything is done, and what became of it.
func TestTakeInPage(t *testing.T) {
	d, p := withHub(t)
	p.holding(t, "/x/1", theirs)
	b := openBrowser(t, d)
	b.visit("/sumehr/p1?view=hub")
	b.see(".sumehr-sections", "Migraine")
	b.click(".actions button", "Take it into the dossier")
	b.see("dialog", "3 registrations are added.")
	b.see("dialog", "1 stands in the dossier already.")
	b.see("dialog", "1 detail cannot be taken in")
	b.click("dialog button", "Cancel")
	b.until(`!document.querySelector('dialog, .actions button:disabled')`, "no question any more")
	if got := d.conditions(); len(got) != 1 {
		t.Errorf("nothing was confirmed, and the dossier has %v", got)
	}
	b.click(".actions button", "Take it into the dossier")
	b.click("dialog button[type=submit]", "Take it into the dossier")
	b.until(`document.getElementById('spoken').textContent === 'It stands in the dossier now.'`, "what became of it")
	b.see(".actions .hint", "It stands in the dossier now.")
	if got := d.conditions(); !slices.Equal(got, []string{"Astma", "Migraine"}) {
		t.Errorf("the dossier has %v", got)
	}
	b.click(".actions button", "Take it into the dossier")
	b.see("dialog", "The dossier has all of it already")
	b.click("dialog button", "Close")
	b.until(`!document.querySelector('dialog, .actions button:disabled')`, "no question any more")
	// What no record can be made of is not there already, and the user is told.
	p.holding(t, "/x/1", strings.Replace(theirs, "<yearmonth>1987-05</yearmonth>", "<date>1987-02-31</date>", 1))
	b.click(".actions button", "Take it into the dossier")
	b.until(`((d) => d?.textContent.includes('1 registration cannot be taken in') && d.textContent.includes('1987-02-31') && !d.textContent.includes('all of it already'))(document.querySelector('dialog'))`, "what cannot be taken in")
	b.click("dialog button", "Close")
	b.visit("/patients/p1")
	b.see("main", "Migraine")
	for _, c := range [][2]string{{"NL", "In het dossier opnemen"}, {"FR", "Reprendre dans le dossier"}, {"DE", "In die Akte übernehmen"}} {
		b.visit("/sumehr/p1?view=hub")
		b.click(".languages button", c[0])
		b.see(".actions button", c[1])
	}
}
