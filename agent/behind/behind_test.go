package behind_test

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/behind"
	"github.com/carelog/carelog/agent/light"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/events/eventstest"
	"github.com/carelog/carelog/projections"
	"github.com/carelog/carelog/projections/sumehr"
	"github.com/carelog/carelog/projections/sumehr/standing"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// practice is a real store, and a desk whose state the test decides.
type practice struct {
	t      testing.TB
	store  *projections.Store
	device *eventstest.Device
	table  *behind.Table
	last   uint64

	mu      sync.Mutex // of all below
	now     time.Time
	status  agent.Status
	queue   []agent.Queued
	changed chan struct{}
}

func newPractice(t testing.TB) *practice {
	t.Helper()
	p := eventstest.New(t, nil)
	s := &practice{t: t, device: p.Stranger("desk-1"), now: time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC), changed: make(chan struct{})}
	s.status.Color = light.Online
	var err error
	if s.store, err = projections.Open(t.Context(), filepath.Join(t.TempDir(), "record.db"), projections.Options{Practice: p.ID, Opener: p.Ring.Open}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.store.Close() })
	s.table = behind.New(behind.Config{Desk: s, Records: s.store, Now: s.clock})
	return s
}

func (p *practice) clock() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.now
}

func (p *practice) Status(context.Context) (agent.Status, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.status, nil
}

func (p *practice) Outbox(context.Context) ([]agent.Queued, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.queue, nil
}

func (p *practice) Changed() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.changed
}

func (p *practice) set(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
	close(p.changed)
	p.changed = make(chan struct{})
}

// entry is a change of a record as the log brings it; an empty body deletes.
func (p *practice) entry(record, patient, body string, parents ...events.ID) projections.Entry {
	c := eventstest.Change{Record: record, Patient: patient, Body: body, Parents: parents}
	if body == "" {
		c.Type = events.Deleted
	}
	p.last++
	e := projections.Entry{Sequence: p.last, Event: p.device.Make(c)}
	e.Stored = e.Event.Time
	if body != "" {
		e.Body = []byte(body)
	}
	return e
}

func (p *practice) apply(list ...projections.Entry) {
	p.t.Helper()
	if _, err := p.store.Apply(p.t.Context(), projections.Batch{Entries: list}); err != nil {
		p.t.Fatal(err)
	}
	p.set(func() {})
}

func (p *practice) write(record, patient, body string, parents ...events.ID) events.ID {
	p.t.Helper()
	e := p.entry(record, patient, body, parents...)
	p.apply(e)
	return e.Event.ID
}

const doctor = `{"resourceType":"Practitioner","id":"dr","identifier":[{"system":"https://www.ehealth.fgov.be/standards/fhir/core/NamingSystem/nihdi","value":"10000007004"}],"name":[{"family":"Een","given":["A"]}],"qualification":[{"code":{"coding":[{"system":"https://www.ehealth.fgov.be/standards/fhir/core/CodeSystem/cd-hcparty","code":"persphysician"}]}}]%s}`

func consent(patient, name, system, code string) (record, body string) {
	id := name + "-" + patient
	return "Consent/" + id, fmt.Sprintf(`{"resourceType":"Consent","id":%q,"status":"active","patient":{"reference":"Patient/%s"},"category":[{"coding":[{"system":%q,"code":%q}]}]}`, id, patient, system, code)
}

// admit writes the dossier of a patient in which nothing stands in the way.
func (p *practice) admit(patient string) {
	p.t.Helper()
	p.write("Patient/"+patient, patient, fmt.Sprintf(`{"resourceType":"Patient","id":%q,"identifier":[{"system":"https://www.ehealth.fgov.be/standards/fhir/core/NamingSystem/ssin","value":"58031499914"}],
		"name":[{"family":%q,"given":["Fictief"]}],"gender":"male","birthDate":"1958-03-14","generalPractitioner":[{"reference":"Practitioner/dr"}]}`, patient, strings.ToUpper(patient)))
	for _, c := range [][3]string{{"wish", sumehr.MarkSystem, standing.WishCode}, {"yes", sumehr.TableBase + "cd-consenttype", "retrospective"}, {"link", sumehr.TableBase + "cd-therapeuticlinktype", "gmd"}} {
		record, body := consent(patient, c[0], c[1], c[2])
		p.write(record, patient, body)
	}
}

func (p *practice) problem(patient, begin string, parents ...events.ID) events.ID {
	p.t.Helper()
	id := "c-" + patient
	return p.write("Condition/"+id, patient, fmt.Sprintf(`{"resourceType":"Condition","id":%q,"subject":{"reference":"Patient/%s"},"code":{"text":"Astma"},"onsetDateTime":%q}`, id, patient, begin), parents...)
}

// publish records that the hub has what the dossier makes now.
func (p *practice) publish(patient string, parents ...events.ID) events.ID {
	p.t.Helper()
	records, _, err := behind.Gather(p.t.Context(), p.store, patient, "")
	if err != nil {
		p.t.Fatal(err)
	}
	f := standing.Read(sumehr.Input{Patient: patient, Records: records, At: p.clock()})
	record := events.Record{Type: "DocumentReference", ID: "pub-" + patient}
	body, err := standing.Publication{Record: record, URI: "/subject/58031499914/sumehr/12345/1", Digest: f.Digest, At: p.clock(), Made: f.Made}.Body(patient)
	if err != nil {
		p.t.Fatal(err)
	}
	return p.write(record.String(), patient, string(body), parents...)
}

// is holds the table against patient:reason, in its order, and how many dossiers were read for it.
func (p *practice) is(reads int, want ...string) {
	p.t.Helper()
	before := p.table.Reads()
	rows, _, err := p.table.List(p.t.Context())
	if err != nil {
		p.t.Fatal(err)
	}
	var got []string
	for _, r := range rows {
		got = append(got, r.Patient+":"+string(r.Reason))
	}
	if !slices.Equal(got, want) {
		p.t.Errorf("the table is %v, want %v", got, want)
	}
	if n := p.table.Reads() - before; n != reads {
		p.t.Errorf("%d dossiers were read, want %d", n, reads)
	}
	if n := p.table.Behind(); n != len(want) {
		p.t.Errorf("the count is %d, want %d", n, len(want))
	}
}

// A change touches the patient whose Sumehr reads the record, and no other.
func TestATouchReachesOnePatient(t *testing.T) {
	p := newPractice(t)
	p.is(0)
	first := p.write("Practitioner/dr", "", fmt.Sprintf(doctor, ""))
	for _, patient := range []string{"a", "b", "c"} {
		p.admit(patient)
	}
	p.write("Patient/d", "d", `{"resourceType":"Patient","id":"d"}`) // wished by nobody
	p.is(3, "a:no-hub", "b:no-hub", "c:no-hub")
	p.is(0, "a:no-hub", "b:no-hub", "c:no-hub")
	published := map[string]events.ID{}
	for _, patient := range []string{"a", "b", "c"} {
		published[patient] = p.publish(patient)
	}
	p.is(3)
	began := p.problem("b", "2001")
	p.is(1, "b:no-hub")
	p.problem("d", "2001")
	p.write("Communication/n", "a", `{"resourceType":"Communication","id":"n","status":"completed"}`) // goes into no Sumehr
	p.is(0, "b:no-hub")

	// Back to what the hub has.
	gone := p.write("Condition/c-b", "b", "", began)
	p.is(1)

	// The doctor's address is in the Sumehr of all his patients.
	p.write("Practitioner/dr", "", fmt.Sprintf(doctor, `,"address":[{"use":"work","line":["Dreef 1"],"city":"Nergenshuizen","postalCode":"9999","country":"BE"}]`), first)
	p.is(3, "a:no-hub", "b:no-hub", "c:no-hub")
	for _, patient := range []string{"a", "b", "c"} {
		p.publish(patient, published[patient])
	}
	p.is(3)

	// A record that leaves the dossier for another is missed where it was.
	moving := p.problem("a", "2001")
	p.is(1, "a:no-hub")
	p.write("Condition/c-a", "d", `{"resourceType":"Condition","id":"c-a","subject":{"reference":"Patient/d"},"code":{"text":"Astma"},"onsetDateTime":"2001"}`, moving)
	p.is(1)

	// The wish goes, and the patient with it.
	record, body := consent("b", "wish", sumehr.MarkSystem, standing.WishCode)
	s, err := p.store.Record(t.Context(), events.Record{Type: "Consent", ID: strings.TrimPrefix(record, "Consent/")})
	if err != nil {
		t.Fatal(err)
	}
	p.problem("b", "2002", gone)
	p.is(1, "b:no-hub")
	p.write(record, "b", strings.Replace(body, "active", "inactive", 1), s.Shown.Event.ID)
	p.is(1)
}

// What was looked for in vain and comes later counts from then on.
func TestWhatComesLaterCounts(t *testing.T) {
	p := newPractice(t)
	p.admit("a")
	p.is(1, "a:invalid")
	p.write("Practitioner/dr", "", fmt.Sprintf(doctor, ""))
	p.is(1, "a:no-hub")
}

// The desk's state is weighed when the table is asked for; it makes nobody old who is not.
func TestTheDeskIsWeighed(t *testing.T) {
	p := newPractice(t)
	p.write("Practitioner/dr", "", fmt.Sprintf(doctor, ""))
	for _, patient := range []string{"a", "b", "c"} {
		p.admit(patient)
	}
	p.publish("c")
	p.is(3, "a:no-hub", "b:no-hub")
	p.set(func() { p.queue = []agent.Queued{{Patient: "b"}} })
	p.is(0, "a:no-hub", "b:not-level")
	p.set(func() { p.queue, p.status.Color = nil, light.Offline })
	p.is(0, "a:not-level", "b:not-level")
	p.set(func() { p.status.Color, p.status.Incomplete = light.Online, true })
	p.is(0, "a:not-level", "b:not-level")
}

// A conflict on what goes in holds the Sumehr up until a person settles it.
func TestAConflictHoldsItUp(t *testing.T) {
	p := newPractice(t)
	p.write("Practitioner/dr", "", fmt.Sprintf(doctor, ""))
	p.admit("a")
	root := p.problem("a", "2001")
	p.publish("a")
	p.is(1)
	one, two := p.problem("a", "2002", root), p.problem("a", "2003", root)
	p.is(1, "a:conflict")
	p.problem("a", "2001", one, two)
	p.is(1)
}

// A new day touches everybody: what is over depends on it.
func TestANewDay(t *testing.T) {
	p := newPractice(t)
	p.write("Practitioner/dr", "", fmt.Sprintf(doctor, ""))
	p.admit("a")
	p.write("MedicationStatement/m", "a", `{"resourceType":"MedicationStatement","id":"m","subject":{"reference":"Patient/a"},"status":"active","medicationCodeableConcept":{"text":"Iets"},"effectivePeriod":{"start":"2026-11-01","end":"2026-11-20"}}`)
	p.publish("a")
	p.is(1)
	p.write("Patient/b", "b", `{"resourceType":"Patient","id":"b"}`)
	record, body := consent("b", "wish", sumehr.MarkSystem, standing.WishCode)
	p.write(record, "b", strings.Replace(body, `"active"`, `"active","provision":{"period":{"start":"2026-11-21"}}`, 1))
	p.is(1)
	p.set(func() { p.now = p.now.AddDate(0, 0, 1) })
	p.is(2, "b:number", "a:no-hub") // by name, and b has none
}

// Where another file takes the records' place the table is made anew.
func TestAnotherFile(t *testing.T) {
	p := newPractice(t)
	p.write("Practitioner/dr", "", fmt.Sprintf(doctor, ""))
	p.admit("a")
	p.is(1, "a:no-hub")
	copied := filepath.Join(t.TempDir(), "copy.db")
	if err := p.store.Copy(t.Context(), copied); err != nil {
		t.Fatal(err)
	}
	p.admit("b")
	p.is(1, "a:no-hub", "b:no-hub")
	if err := p.store.Replace(t.Context(), copied); err != nil {
		t.Fatal(err)
	}
	p.is(2, "a:no-hub", "b:no-hub") // what is newer than the file stays on top of it
}

// Run keeps the count without being asked, ends with its context, and judges nothing while
// the log is read for the first time.
func TestRun(t *testing.T) {
	// What is made once and kept for all would, made within a bubble, belong to that bubble.
	warm := newPractice(t)
	warm.admit("a")
	warm.is(1, "a:invalid") // nobody here is its doctor
	synctest.Test(t, func(t *testing.T) {
		p := newPractice(t)
		p.write("Practitioner/dr", "", fmt.Sprintf(doctor, ""))
		p.admit("a")
		p.set(func() { p.status.Incomplete = true })
		busy := &light.Activity{Kind: light.CatchUp}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- p.table.Run(ctx) }()
		settle()
		if !p.table.Ran() {
			t.Fatal("it does not run")
		}
		if n := p.table.Reads(); n != 0 {
			t.Errorf("%d dossiers were read while the log was not read to its end", n)
		}
		p.set(func() { p.status.Incomplete, p.status.Activity = false, busy })
		settle()
		if n := p.table.Reads(); n != 0 {
			t.Errorf("%d dossiers were read while somebody waited for what is new", n)
		}
		p.set(func() { p.status.Activity = nil })
		settle()
		if n := p.table.Behind(); n != 1 {
			t.Errorf("%d are behind, want 1", n)
		}
		p.publish("a")
		if !p.table.Stale() && p.table.Behind() == 1 {
			t.Error("what was not judged yet is not called stale")
		}
		settle()
		if n := p.table.Behind(); n != 0 {
			t.Errorf("%d are behind, want 0", n)
		}
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// settle lets Run, in virtual time, do all that there is to do.
func settle() {
	time.Sleep(time.Minute)
	synctest.Wait()
}

// hub is what a test says of it.
type hub struct{ standing.Hub }

func (h *hub) State(f standing.Facts) standing.Hub {
	state := h.Hub
	if f.Patient == "a" {
		state.Trouble = standing.Unreachable
	}
	return state
}

// What is known of the hub is weighed for each patient; and how one stands is told also where
// nobody wishes anything.
func TestTheHubIsWeighed(t *testing.T) {
	p := newPractice(t)
	h := &hub{standing.Hub{SetUp: true}}
	p.table = behind.New(behind.Config{Desk: p, Records: p.store, Hub: h, Now: p.clock})
	p.write("Practitioner/dr", "", fmt.Sprintf(doctor, ""))
	for _, patient := range []string{"a", "b", "c"} {
		p.admit(patient)
	}
	p.publish("c")
	p.is(3, "a:no-session", "b:no-session")
	h.Session = true
	p.is(0, "a:unreachable", "b:waiting")
	p.write("Patient/d", "d", `{"resourceType":"Patient","id":"d"}`)
	for patient, want := range map[string]standing.Reason{"a": standing.Unreachable, "b": standing.Waiting, "c": standing.Newest, "d": standing.Off} {
		row, err := p.table.One(t.Context(), patient)
		if err != nil || row.Reason != want || row.Patient != patient || !row.Session {
			t.Errorf("%s stands at %q, %v; want %q", patient, row.Reason, err, want)
		}
	}
}
