package web_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/events/eventstest"
	"github.com/carelog/carelog/projections/fhirjson/structure"
)

// note is a resource with digits that a float would lose.
func note(text string) string {
	return `{"resourceType":"Condition","id":"c1","subject":{"reference":"Patient/p1"},"code":{"text":"` + text +
		`"}, "extension":[{"url":"x","valueDecimal":1.00}]}`
}

const patient = `{"resourceType":"Patient","id":"p1","name":[{"family":"Peeters","given":["Jan"]}],"birthDate":"1957-03-12"}`

// twoHeads makes a conflict on Condition/c1 and returns ancestor and heads.
func twoHeads(d *desk) (root, a, b events.ID) {
	d.t.Helper()
	d.arrives("Patient/p1", "p1", "dr-1", patient)
	root = d.arrives("Condition/c1", "p1", "dr-1", note("Asthma"))
	a = d.arrives("Condition/c1", "p1", "dr-1", note("Asthma, mild"), root)
	b = d.arrivesFrom(d.here, "Condition/c1", "p1", "dr-2", note("Asthma, severe"), root)
	return root, a, b
}

type headJSON struct {
	Event, Author, Device, Doubt string
	Deleted                      bool
	Sequence                     uint64
	Content                      json.RawMessage
}

type conflictJSON struct {
	Type, ID, Patient, Since string
	Conflict                 bool
	Heads                    []headJSON
	Ancestor                 *headJSON
	Differences              []struct {
		A, B   string
		Fields []struct {
			Path, Label    string
			Ancestor, A, B json.RawMessage
		}
	}
}

func TestStatusAndChoice(t *testing.T) {
	d := newDesk(t)
	var status struct {
		Light, Practice, Device string
		Outbox, Conflicts       int
		Position                struct{ Sequence uint64 }
		Server                  struct{ URL string }
	}
	twoHeads(d)
	d.get("/api/status", &status)
	if status.Light != "online" || status.Conflicts != 1 || status.Position.Sequence != 4 || status.Device != "desk-1" || status.Server.URL == "" {
		t.Errorf("got %+v, want an online desk with one conflict at 4", status)
	}
	for path, want := range map[string]string{"/api/offline": "offline", "/api/online": "online"} {
		answer, text := d.ask("POST", path, "")
		if answer.StatusCode != 200 || !strings.Contains(text, `"light":"`+want+`"`) {
			t.Errorf("POST %s: got %s %s, want the new status", path, answer.Status, text)
		}
	}
	if answer, text := d.ask("POST", "/api/offline", `{"until":"tomorrow"}`); answer.StatusCode != 400 {
		t.Errorf("a wish that nobody reads: got %s %s, want 400", answer.Status, text)
	}
}

func TestConflicts(t *testing.T) {
	d := newDesk(t)
	root, a, b := twoHeads(d)
	var list struct {
		Conflicts  []conflictJSON
		Incomplete bool
	}
	d.status.Incomplete = true
	d.get("/api/conflicts", &list)
	if !list.Incomplete || len(list.Conflicts) != 1 {
		t.Errorf("got %+v of a desk that cannot show a change; want that the list says so", list)
	}
	d.status.Incomplete = false
	d.get("/api/conflicts", &list)
	if list.Incomplete || len(list.Conflicts) != 1 || list.Conflicts[0].Patient != "p1" || len(list.Conflicts[0].Heads) != 2 || list.Conflicts[0].Since == "" {
		t.Fatalf("got %+v, want one conflict with two heads", list)
	}
	if h := list.Conflicts[0].Heads[0]; h.Event != a.String() || h.Device != "desk-2" || h.Author != "dr-1" || h.Content != nil {
		t.Errorf("got first head %+v, want %s of desk-2, which came first, without content", h, a)
	}
	var one conflictJSON
	d.get("/api/conflicts/Condition/c1", &one)
	if !one.Conflict || one.Ancestor == nil || one.Ancestor.Event != root.String() {
		t.Fatalf("got %+v, want the ancestor %s", one, root)
	}
	if got := string(one.Heads[1].Content); !strings.Contains(got, "severe") || !strings.Contains(got, "1.00") {
		t.Errorf("got content %s, want that of the second head with its digits", got)
	}
	if len(one.Differences) != 1 || one.Differences[0].A != a.String() || one.Differences[0].B != b.String() || len(one.Differences[0].Fields) != 1 {
		t.Fatalf("got differences %+v, want one field of %s against %s", one.Differences, a, b)
	}
	if f := one.Differences[0].Fields[0]; string(f.A) != `{"text":"Asthma, mild"}` || string(f.B) != `{"text":"Asthma, severe"}` || string(f.Ancestor) != `{"text":"Asthma"}` || f.Path == "" || f.Label == "" {
		t.Errorf("got %s: %s, %s, %s, want the text in all three versions", f.Path, f.Ancestor, f.A, f.B)
	}
}

func TestDeletionAndDoubtInAConflict(t *testing.T) {
	d := newDesk(t)
	root := d.arrives("Condition/c1", "p1", "dr-1", note("Asthma"))
	d.arrives("Condition/c1", "p1", "dr-1", "", root)
	d.arrives("Condition/c1", "p1", "dr-2", note("Asthma, severe"), root)
	var one conflictJSON
	d.get("/api/conflicts/Condition/c1", &one)
	if len(one.Heads) != 2 || one.Heads[0].Deleted || !one.Heads[1].Deleted || one.Heads[1].Content != nil {
		t.Errorf("got %+v, want the live head first and a deletion without content", one.Heads)
	}
}

func TestResolve(t *testing.T) {
	d := newDesk(t)
	_, a, b := twoHeads(d)
	path := "/api/conflicts/Condition/c1/resolve"
	heads := `"heads":["` + a.String() + `","` + b.String() + `"]`
	for _, c := range []struct {
		name, body string
		want       int
	}{
		{"no heads", `{"keep":"` + a.String() + `"}`, 400},
		{"no choice", `{` + heads + `}`, 400},
		{"two choices", `{` + heads + `,"keep":"` + a.String() + `","content":{}}`, 400},
		{"a choice that was not seen", `{"heads":["` + a.String() + `"],"keep":"` + b.String() + `"}`, 400},
		{"a content that is no resource", `{` + heads + `,"content":"x"}`, 400},
		{"a content of another record", `{` + heads + `,"content":{"resourceType":"Condition","id":"c2","subject":{"reference":"Patient/p1"}}}`, 400},
		{"a content of another type", `{` + heads + `,"content":{"resourceType":"Flag","id":"c1"}}`, 400},
		{"a content with a name twice", `{` + heads + `,"content":{"resourceType":"Condition","id":"c1","id":"c1"}}`, 400},
		{"a content with a letter in it", `{` + heads + `,"content":{"resourceType":"Condition","id":"c1","subject":{"reference":"Patient/p1"},"extension":[{"url":"http://x","valueAttachment":{"d\u0061ta":"` + strings.Repeat("QUJD", structure.MaxInline/4+1) + `"}}]}}`, 422},
		{"a content that is not R4", `{` + heads + `,"content":{"resourceType":"Condition","id":"c1","subject":{"reference":"Patient/p1"},"onsetDateTime":"2023-02-30"}}`, 422},
		{"an unknown word", `{` + heads + `,"keep":"` + a.String() + `","force":true}`, 400},
		{"a broken id", `{"heads":["x"],"keep":"x"}`, 400},
		{"two values", `{} {}`, 400},
		{"no JSON", `heads=1`, 400},
		{"another set of heads", `{"heads":["` + a.String() + `"],"keep":"` + a.String() + `"}`, 412},
	} {
		answer, text := d.ask("POST", path, c.body)
		var said struct {
			Error struct{ Code, Text string }
			Heads []headJSON
		}
		if err := json.Unmarshal([]byte(text), &said); err != nil || answer.StatusCode != c.want || said.Error.Code == "" || said.Error.Text == "" {
			t.Errorf("%s: got %s %s (%v), want %d with a code and a text", c.name, answer.Status, text, err, c.want)
		}
		if c.want == 412 && (len(said.Heads) != 2 || said.Heads[1].Content == nil) {
			t.Errorf("%s: got heads %+v, want both as they are now", c.name, said.Heads)
		}
	}
	if answer, text := d.ask("POST", path, `{`+heads+`,"keep":"`+a.String()+`"}`, "Content-Type: text/plain"); answer.StatusCode != 415 {
		t.Errorf("a form of another site: got %s %s, want 415", answer.Status, text)
	}
	if answer, text := d.ask("POST", path, `{`+heads+`,"keep":"`+b.String()+`"}`, "Carelog-User: dr-9"); answer.StatusCode != 200 {
		t.Fatalf("the choice: got %s %s, want 200", answer.Status, text)
	}
	var settled conflictJSON
	d.get("/api/conflicts/Condition/c1", &settled)
	if settled.Conflict || len(settled.Heads) != 1 || settled.Heads[0].Author != "dr-9" || !strings.Contains(string(settled.Heads[0].Content), "severe") {
		t.Errorf("got %+v, want one head with the content that was kept, by who kept it", settled)
	}
}

func TestResolveWithContentKeepsBytes(t *testing.T) {
	d := newDesk(t)
	_, a, b := twoHeads(d)
	merged := strings.Replace(note("Asthma, merged"), `"id":"c1",`, "\"id\" :\t\"c1\",\n", 1)
	answer, text := d.ask("POST", "/api/conflicts/Condition/c1/resolve", `{"heads":["`+a.String()+`","`+b.String()+`"],"content": `+merged+`}`)
	if answer.StatusCode != 200 {
		t.Fatalf("got %s %s, want 200", answer.Status, text)
	}
	state, err := d.store.Record(t.Context(), events.Record{Type: "Condition", ID: "c1"})
	if err != nil || string(state.Shown.Body) != merged {
		t.Errorf("got %s (%v), want byte for byte %s", state.Shown.Body, err, merged)
	}
}

func TestOutbox(t *testing.T) {
	d := newDesk(t)
	if _, text := d.ask("GET", "/api/outbox", ""); text != "{\"outbox\":[]}\n" {
		t.Errorf("got %s, want an empty list", text)
	}
	id := d.arrives("Condition/c1", "p1", "dr-1", note("x"))
	d.set(func() {
		d.queue = []agent.Queued{{ID: id, Type: "Condition", RecordID: "c1", SetAside: true, LastError: "too large"}}
	})
	path := "/api/outbox/" + id.String()
	for _, c := range []struct {
		name, method, path, body string
		want                     int
	}{
		{"no reason", "POST", path + "/discard", `{"reason":" "}`, 400},
		{"no body", "POST", path + "/discard", ``, 415},
		{"a long reason", "POST", path + "/discard", `{"reason":"` + strings.Repeat("x", 2001) + `"}`, 400},
		{"a body that is too long", "POST", path + "/discard", `{"reason":"` + strings.Repeat("x", 20_000) + `"}`, 413},
		{"no event", "POST", "/api/outbox/x/retry", "", 400},
		{"an event that does not wait", "POST", "/api/outbox/01ARZ3NDEKTSV4RRFFQ69G5FAV/retry", "", 404},
		{"another method", "GET", path + "/retry", "", 405},
		{"discard", "POST", path + "/discard", `{"reason":"typed twice"}`, 200},
		{"discard again", "POST", path + "/discard", `{"reason":"typed twice"}`, 404},
	} {
		if answer, text := d.ask(c.method, c.path, c.body); answer.StatusCode != c.want {
			t.Errorf("%s: got %s %s, want %d", c.name, answer.Status, text, c.want)
		}
	}
	gone := d.discards()
	if want := id.String() + " by dr-1: typed twice"; len(gone) != 1 || gone[0] != want {
		t.Errorf("got discards %q, want %q", gone, want)
	}
}

// staysMissing gives a desk a warning that may stay for ever.
func staysMissing(d *desk) {
	d.set(func() {
		d.status.Warnings = []agent.Warning{
			{Code: "clock-wrong", Text: "The clock is wrong.", Since: eventstest.Epoch},
			{Code: agent.WarnMissing, Text: "The server has lost 3 changes.", Since: eventstest.Epoch, Fact: "f1"},
		}
	})
}

func TestAcknowledge(t *testing.T) {
	d := newDesk(t)
	staysMissing(d)
	for _, c := range []struct {
		name, code, body string
		want             int
	}{
		{"no reason", "events-missing", `{"fact":"f1","reason":" "}`, 400},
		{"no body", "events-missing", ``, 415},
		{"a long reason", "events-missing", `{"fact":"f1","reason":"` + strings.Repeat("x", 2001) + `"}`, 400},
		{"a warning that there is not", "revocation-late", `{"fact":"f1","reason":"seen"}`, 404},
		{"one that can be mended", "clock-wrong", `{"fact":"","reason":"seen"}`, 422},
		{"another fact", "events-missing", `{"fact":"f2","reason":"seen"}`, 409},
		{"acknowledged", "events-missing", `{"fact":"f1","reason":" both PCs burnt "}`, 200},
		{"again", "events-missing", `{"fact":"f1","reason":"seen"}`, 404},
	} {
		if answer, text := d.ask("POST", "/api/warnings/"+c.code+"/acknowledge", c.body); answer.StatusCode != c.want {
			t.Errorf("%s: got %s %s, want %d", c.name, answer.Status, text, c.want)
		}
	}
	_, text := d.ask("GET", "/api/status", "")
	at := eventstest.Epoch.Format(time.RFC3339)
	if want := `"acknowledged":[{"code":"events-missing","text":"The server has lost 3 changes.","since":"` + at + `","fact":"f1","by":"dr-1","at":"` + at + `","reason":"both PCs burnt"}]`; !strings.Contains(text, want) {
		t.Errorf("got %s, want in it %s", text, want)
	}
}

func TestDossier(t *testing.T) {
	d := newDesk(t)
	twoHeads(d)
	gone := d.arrives("Condition/c2", "p1", "dr-1", strings.Replace(note("gone"), "c1", "c2", 1))
	d.arrives("Condition/c2", "p1", "dr-1", "", gone)
	var dossier struct {
		Records []struct {
			Type, ID string
			Conflict bool
			Heads    []headJSON
		}
	}
	d.get("/api/dossiers/p1", &dossier)
	if len(dossier.Records) != 2 {
		t.Fatalf("got %+v, want the patient and one problem: what was deleted is not in the dossier", dossier)
	}
	for _, r := range dossier.Records {
		if r.Type == "Condition" && (!r.Conflict || len(r.Heads) != 2 || r.Heads[1].Content == nil) {
			t.Errorf("got %+v, want both heads with their content", r)
		}
	}
	d.get("/api/dossiers/nobody", &dossier)
	if len(dossier.Records) != 0 {
		t.Errorf("got %+v of nobody, want nothing", dossier)
	}
}

func TestWrongRequests(t *testing.T) {
	d := newDesk(t)
	for _, c := range []struct {
		method, path string
		want         int
	}{
		{"POST", "/api/status", 405},
		{"GET", "/api/offline", 405},
		{"DELETE", "/api/conflicts", 405},
		{"GET", "/api/nothing", 404},
		{"GET", "/api/conflicts/Condition/none", 404},
		{"GET", "/api/conflicts/condition/c1", 400},
		{"GET", "/api/conflicts/Condition/a_b", 400},
		{"GET", "/api/dossiers/a_b", 400},
	} {
		answer, text := d.ask(c.method, c.path, "")
		var said struct{ Error struct{ Code, Text string } }
		if err := json.Unmarshal([]byte(text), &said); err != nil || answer.StatusCode != c.want || said.Error.Code == "" {
			t.Errorf("%s %s: got %s %s (%v), want %d in JSON", c.method, c.path, answer.Status, text, err, c.want)
		}
		if answer.StatusCode == http.StatusMethodNotAllowed && answer.Header.Get("Allow") == "" {
			t.Errorf("%s %s: the answer does not say what is allowed", c.method, c.path)
		}
	}
}

// Who opens a dossier or a conflict is kept, and in whose name.
func TestLooksAreKept(t *testing.T) {
	d := newDesk(t)
	d.arrives("Condition/c1", "p1", "dr-1", note("one"))
	d.ask("GET", "/api/dossiers/p1", "", "Carelog-User: dr-7")
	d.ask("GET", "/api/conflicts/Condition/c1", "")
	d.ask("GET", "/api/conflicts/Condition/none", "")
	d.ask("GET", "/api/conflicts", "")
	d.mu.Lock()
	defer d.mu.Unlock()
	var got []string
	for _, e := range d.looks {
		got = append(got, fmt.Sprint(e.Agent, " ", e.Door, " ", e.Did, " ", e.What, " ", e.Patients))
	}
	want := []string{"dr-7 pages read Patient/p1 [p1]", "dr-1 pages read Condition/c1 [p1]"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A choice by field is put together by the desk, digit for digit; what differs and was not chosen, and what cannot be chosen, is refused.
func TestResolveByField(t *testing.T) {
	d := newDesk(t)
	_, a, b := twoHeads(d)
	heads := `"heads":["` + a.String() + `","` + b.String() + `"]`
	const path = "/api/conflicts/Condition/c1/resolve"
	for name, take := range map[string]string{
		"nothing chosen": `{}`, "no union": `{"code":"union"}`, "a version that is none": `{"code":"x"}`, "what does not differ": `{"code":"` + a.String() + `","subject":"` + a.String() + `"}`,
	} {
		if answer, text := d.ask("POST", path, `{`+heads+`,"take":`+take+`}`); answer.StatusCode != http.StatusBadRequest || !strings.Contains(text, "take") {
			t.Errorf("%s: got %s %s, want 400 that says so", name, answer.Status, text)
		}
	}
	if answer, text := d.ask("POST", path, `{`+heads+`,"take":{"code":"`+b.String()+`"}}`); answer.StatusCode != http.StatusOK {
		t.Fatalf("got %s %s", answer.Status, text)
	}
	if got := shown(t, d, "Condition/c1"); got != note("Asthma, severe") {
		t.Errorf("got %s, want the second version, digit for digit", got)
	}
	// What was settled is chosen again over the choice alone, also the version that was not kept; not once somebody built on it.
	settled := shownID(t, d, "Condition/c1")
	again := func(keep, over events.ID) (int, string) {
		answer, text := d.ask("POST", path, `{"heads":["`+over.String()+`"],"keep":"`+keep.String()+`"}`)
		return answer.StatusCode, text
	}
	if status, text := again(a, settled); status != http.StatusOK {
		t.Fatalf("undo: got %d %s", status, text)
	}
	if state := stateOf(t, d, "Condition/c1"); string(state.Shown.Body) != note("Asthma, mild") || !slices.Equal(state.Shown.Event.Parents, []events.ID{settled}) {
		t.Errorf("got %s on %v, want the other version over the choice", state.Shown.Body, state.Shown.Event.Parents)
	}
	if status, text := again(b, settled); status != http.StatusPreconditionFailed {
		t.Errorf("undo of what somebody built on: got %d %s, want 412", status, text)
	}
	if status, text := again(settled, shownID(t, d, "Condition/c1")); status != http.StatusBadRequest {
		t.Errorf("a version that was not settled: got %d %s, want 400", status, text)
	}
}
