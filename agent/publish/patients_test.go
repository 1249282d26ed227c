package publish_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"testing/synctest"
	"time"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/behind"
	"github.com/carelog/carelog/agent/hub/hubsim"
	"github.com/carelog/carelog/agent/light"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections/sumehr"
	"github.com/carelog/carelog/projections/sumehr/standing"
)

// The doctors of the practice, by their numbers.
var doctors = map[string]string{"dr1": "10000007004", "dr2": "10000106003"}

// doctor writes the record of one.
func (d *desk) doctor(id string) {
	d.put("Practitioner/"+id, "", fmt.Sprintf(`{"resourceType":"Practitioner","id":%q,"identifier":[{"system":%q,"value":%q}],"name":[{"family":"Een","given":["A"]}],
		"qualification":[{"code":{"coding":[{"system":"https://www.ehealth.fgov.be/standards/fhir/core/CodeSystem/cd-hcparty","code":"persphysician"}]}}]}`, id, sumehr.SystemNIHII, doctors[id]))
}

// put makes a change of a record, on top of what stands. Where the desk says that it was changed
// meanwhile, it is made again, as a person would.
func (d *desk) put(record, patient, body string) agent.Written {
	d.world.t.Helper()
	r, err := events.ParseRecord(record)
	if err != nil {
		d.world.t.Fatal(err)
	}
	for range 3 {
		var w agent.Written
		if w, err = d.Write(context.Background(), agent.Draft{Record: r, Patient: patient, Author: "dr1", Body: []byte(body)}); err == nil {
			return w
		}
		var stale *agent.StaleError
		if !errors.As(err, &stale) {
			break
		}
		time.Sleep(2 * time.Minute)
	}
	d.world.t.Fatalf("desk %s writes %s: %v", d.Name, record, err)
	return agent.Written{}
}

// inss is a number in the National Register that belongs to nobody: born on a day in 1950, by
// the sequence 999, which is never given out.
func inss(n int) string {
	first := fmt.Sprintf("50%02d%02d999", n/28+1, n%28+1)
	number, _ := strconv.Atoi(first)
	return fmt.Sprintf("%s%02d", first, 97-number%97)
}

// patient is a made-up one.
type patient struct {
	id, inss, doctor string
}

func newPatient(n int, doctor string) patient {
	return patient{fmt.Sprintf("pat%d", n), inss(n), doctor}
}

// admit writes the dossier of a patient in which nothing stands in the way but that nobody
// wishes a Sumehr.
func (d *desk) admit(p patient) {
	d.put("Patient/"+p.id, p.id, patientBody(p))
	d.consent(p, "yes", "active", sumehr.TableBase+"cd-consenttype", "retrospective")
	d.consent(p, "link", "active", sumehr.TableBase+"cd-therapeuticlinktype", "gmd")
}

func patientBody(p patient) string {
	return fmt.Sprintf(`{"resourceType":"Patient","id":%q,"identifier":[{"system":%q,"value":%q}],"name":[{"family":%q,"given":["Fictief"]}],
		"gender":"male","birthDate":"1950-01-01","generalPractitioner":[{"reference":"Practitioner/%s"}]}`, p.id, sumehr.SystemSSIN, p.inss, p.id, p.doctor)
}

func (d *desk) consent(p patient, name, status, system, code string) {
	d.put("Consent/"+name+"-"+p.id, p.id, fmt.Sprintf(`{"resourceType":"Consent","id":"%s-%s","status":%q,"patient":{"reference":"Patient/%s"},"category":[{"coding":[{"system":%q,"code":%q}]}]}`,
		name, p.id, status, p.id, system, code))
}

// wish switches it on or off that the Sumehr is kept up to date on the hub.
func (d *desk) wish(p patient, on bool) {
	d.consent(p, "wish", map[bool]string{true: "active", false: "inactive"}[on], sumehr.MarkSystem, standing.WishCode)
}

// problem writes one of a patient's problems.
func (d *desk) problem(p patient, n int, label string) agent.Written {
	return d.put(fmt.Sprintf("Condition/c%d-%s", n, p.id), p.id, problemBody(p, n, label))
}

func problemBody(p patient, n int, label string) string {
	return fmt.Sprintf(`{"resourceType":"Condition","id":"c%d-%s","subject":{"reference":"Patient/%s"},"code":{"text":%q},"onsetDateTime":"1991"}`, n, p.id, p.id, label)
}

// rows is the table of a desk, as patient:reason.
func (d *desk) rows() (list []string) {
	d.world.t.Helper()
	rows, _, err := d.table.List(context.Background())
	if err != nil {
		d.world.t.Fatal(err)
	}
	for _, r := range rows {
		list = append(list, r.Patient+":"+string(r.Reason))
	}
	slices.Sort(list)
	return list
}

// one is how a patient stands at a desk.
func (d *desk) one(p patient) behind.Row {
	d.world.t.Helper()
	row, err := d.table.One(context.Background(), p.id)
	if err != nil {
		d.world.t.Fatal(err)
	}
	return row
}

// is wants a table.
func (d *desk) is(want ...string) {
	d.world.t.Helper()
	if got := d.rows(); !slices.Equal(got, want) {
		d.world.t.Errorf("at desk %s the table is %v, want %v", d.Name, got, want)
	}
}

// passes lets time pass.
func (w *world) passes(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// held are the documents of a patient on the hub.
func (w *world) held(p patient) []hubsim.Held { return w.sim.Holds()[p.inss] }

// holds wants one document of so many versions on the hub, no content twice, and the newest
// to be what the dossier makes at a desk.
func (w *world) holds(d *desk, p patient, versions int) {
	w.t.Helper()
	held := w.held(p)
	if len(held) != 1 || len(held[0].Versions) != versions {
		w.t.Errorf("of %s the hub holds %+v, want one document of %d versions", p.id, held, versions)
		return
	}
	w.newest(d, p)
}

func (w *world) newest(d *desk, p patient) {
	w.t.Helper()
	held := w.held(p)[0]
	seen := map[events.Digest]bool{}
	for _, v := range held.Versions {
		if seen[v] {
			w.t.Errorf("of %s a version was sent twice: %v", p.id, held.Versions)
		}
		seen[v] = true
	}
	row := d.one(p)
	if last := held.Versions[len(held.Versions)-1]; last != row.Digest {
		w.t.Errorf("of %s the hub holds %s, and at desk %s the dossier makes %s", p.id, last, d.Name, row.Digest)
	}
	if row.Published == nil || row.Published.URI != held.URI {
		w.t.Errorf("of %s the hub holds %s, and desk %s knows of %+v", p.id, held.URI, d.Name, row.Published)
	}
}

// recorded wants what is last recorded of the hub to be by one doctor, of a Sumehr that another
// answers for.
func (d *desk) recorded(p patient, by, author string) {
	d.world.t.Helper()
	versions, err := d.Store().History(context.Background(), events.Record{Type: "DocumentReference", ID: "sumehr-" + p.id})
	if err != nil || len(versions) == 0 {
		d.world.t.Fatalf("the history has %d versions, %v", len(versions), err)
	}
	row := d.one(p)
	if got := versions[0].Event.Author; got != by || row.Published == nil || row.Published.Author != author {
		d.world.t.Errorf("it was recorded by %q, of %+v; want by %q, of %q", got, row.Published, by, author)
	}
}

// green waits until all desks that run are level.
func (w *world) green() {
	w.t.Helper()
	for range 300 {
		w.passes(2 * time.Second)
		if !slices.ContainsFunc(w.desks, func(d *desk) bool {
			return d.run != nil && (d.Now().Color != light.Online || d.Now().Position.Sequence != uint64(len(w.server.Stored())))
		}) {
			return
		}
	}
	w.t.Fatal("not every light is green")
}
