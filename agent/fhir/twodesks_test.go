package fhir_test

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/carelog/carelog/agent/fhir"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/events/eventstest"
)

// apart has both desks work without the server until they come together again.
func apart(desks ...*realDesk) (together func()) {
	choose := func(f func(d *realDesk) error) {
		for _, d := range desks {
			if err := f(d); err != nil {
				d.t.Fatalf("desk %s: %v", d.Name, err)
			}
		}
	}
	choose(func(d *realDesk) error { return d.WorkOffline(d.t.Context()) })
	return func() {
		choose(func(d *realDesk) error { return d.WorkOnline(d.t.Context()) })
		level(desks[0], desks[1])
	}
}

// headsSeen is what $conflicts tells of each version: how it stands, what it says and who
// wrote it.
func headsSeen(d *realDesk, path string) (list []string) {
	d.t.Helper()
	var texts, authors = map[string]string{}, map[string]string{}
	for _, e := range d.ask("GET", path, "").want(200).bundle().Entry {
		var r struct {
			ResourceType string
			Meta         struct{ VersionID string }
			Code         struct{ Text string }
			Target       []struct{ Reference string }
			Agent        []struct{ Who struct{ Reference string } }
		}
		if err := json.Unmarshal(e.Resource, &r); err != nil {
			d.t.Fatal(err)
		}
		if r.ResourceType != "Provenance" {
			texts[r.Meta.VersionID] = e.Link[0].Relation + " " + r.Code.Text
			continue
		}
		target := r.Target[0].Reference
		authors[target[strings.LastIndex(target, "/")+1:]] = r.Agent[0].Who.Reference
	}
	for version, text := range texts {
		list = append(list, text+" "+authors[version])
	}
	slices.Sort(list)
	return list
}

// TestConflictOfTwoDesks plays a conflict over plain REST at two desks on a real broker: both
// change the same record while they are offline, each sees every head with the ancestor and
// its writer, both list it, and of two who settle it at once one does and the other hears.
func TestConflictOfTwoDesks(t *testing.T) {
	one, two := newOffice(t)
	const dr = "Carelog-User: "
	desks := []*realDesk{one, two}
	for _, d := range desks {
		d.authored()
	}
	first := one.ask("PUT", "/fhir/Basic/n1", noteOf("old"), dr+"dr-0").want(201)
	one.ask("PUT", "/fhir/Basic/n2", strings.Replace(noteOf("calm"), "n1", "n2", 1), dr+"dr-0").want(201)
	level(one, two)

	together := apart(one, two)
	var heads []events.ID
	for i, d := range desks {
		got := d.ask("PUT", "/fhir/Basic/n1", noteOf("of "+d.Name), "If-Match: "+first.Header().Get("ETag"), fmt.Sprint(dr, "dr-", i+1)).want(200)
		if got.Header().Get(fhir.QueuedHeader) != "true" || strings.Contains(got.Body.String(), tag) {
			t.Errorf("offline, desk %s answers %v %s", d.Name, got.Header(), got.Body)
		}
		heads = append(heads, got.version())
		if list := d.ask("GET", "/fhir/Basic?_tag=conflict", "").want(200).bundle(); *list.Total != 0 {
			t.Errorf("desk %s knows of a conflict before they meet", d.Name)
		}
	}
	together()

	want := []string{"ancestor old Practitioner/dr-0", "head of one Practitioner/dr-1", "head of two Practitioner/dr-2"}
	var shown []string
	for _, d := range desks {
		read := d.ask("GET", "/fhir/Basic/n1", "").want(200)
		shown = append(shown, read.Body.String()[:strings.Index(read.Body.String(), `"lastUpdated"`)])
		if !strings.Contains(read.Body.String(), tag) {
			t.Errorf("desk %s shows no conflict: %s", d.Name, read.Body)
		}
		if got := headsSeen(d, "/fhir/Basic/n1/$conflicts"); !slices.Equal(got, want) {
			t.Errorf("desk %s: $conflicts has %q, want %q", d.Name, got, want)
		}
		for _, query := range []string{"_tag=conflict", "_tag=https://carelog.eu/fhir/CodeSystem/sync%7Cconflict"} {
			if got := d.ask("GET", "/fhir/Basic?"+query, "").want(200).bundle().ids(t); !slices.Equal(got, []string{"n1"}) {
				t.Errorf("desk %s: %s lists %v", d.Name, query, got)
			}
		}
	}
	if shown[0] != shown[1] {
		t.Errorf("the desks do not show the same head: %q", shown)
	}
	settle(t, one, two, heads)
}

// TestEqualHeadsAreNoConflict: where two desks wrote the same, in whatever order and white
// space, there is nothing to decide: nobody is shown a conflict, and the next write goes on
// from both. A number with other digits says something else.
func TestEqualHeadsAreNoConflict(t *testing.T) {
	one, two := newOffice(t)
	write := func(d *realDesk, body string) string {
		d.t.Helper()
		return d.ask("PUT", "/fhir/Basic/n1", body).want(200).version().String()
	}
	const same = `{"resourceType":"Basic","id":"n1","code":{"text":"same"},"extension":[{"url":"x","valueDecimal":1.00}]}`
	one.ask("PUT", "/fhir/Basic/n1", noteOf("old")).want(201)
	level(one, two)
	together := apart(one, two)
	ours := write(one, same)
	theirs := write(two, `{ "id":"n1", "extension":[{"valueDecimal":1.00,"url":"x"}], "code":{"text":"same"}, "resourceType":"Basic" }`)
	together()
	for _, d := range []*realDesk{one, two} {
		if got := d.ask("GET", "/fhir/Basic/n1", "").want(200); strings.Contains(got.Body.String(), tag) {
			t.Errorf("desk %s shows a conflict about nothing: %s", d.Name, got.Body)
		}
		if got := d.ask("GET", "/fhir/Basic?_tag=conflict", "").want(200).bundle(); *got.Total != 0 {
			t.Errorf("desk %s lists %d", d.Name, *got.Total)
		}
	}
	made := two.ask("GET", "/fhir/Provenance/"+write(two, noteOf("next")), "").want(200).Body.String()
	if !strings.Contains(made, "_history/"+ours) || !strings.Contains(made, "_history/"+theirs) {
		t.Errorf("the next write goes on from one of them alone: %s", made)
	}
	level(one, two)
	together = apart(one, two)
	write(one, same)
	write(two, strings.Replace(same, "1.00", "1.0", 1))
	together()
	if got := one.ask("GET", "/fhir/Basic/n1", "").want(200); !strings.Contains(got.Body.String(), tag) {
		t.Errorf("1.00 is taken for 1.0: %s", got.Body)
	}
}

// settle has both desks settle the conflict with what they saw; then whoever saw it before
// is told what stands.
func settle(t *testing.T, one, two *realDesk, heads []events.ID) {
	t.Helper()
	keep := func(id events.ID) string { return fmt.Sprintf(`{"name":"keep","valueId":%q}`, id) }
	got := race(t, one, two, func(d *realDesk, n int) reply {
		return d.ask("POST", "/fhir/Basic/n1/$resolve", parameters(heads, keep(heads[n%2])))
	})
	if got[200] != 1 || got[412] != racers-1 {
		t.Errorf("statuses %v, want 200 once and 412 for the others", got)
	}
	level(one, two)
	fresh := one.ask("GET", "/fhir/Basic/n1", "").want(200)
	for _, d := range []*realDesk{one, two} {
		late := d.ask("POST", "/fhir/Basic/n1/$resolve", parameters(heads, keep(heads[0]))).want(412)
		named := late.headsNamed()
		if !slices.Equal(named, []string{fresh.version().String()}) || late.Header().Get("ETag") != fresh.Header().Get("ETag") {
			t.Errorf("desk %s: who settles what is settled is told %q, and what stands is %s", d.Name, named, fresh.version())
		}
		if list := d.ask("GET", "/fhir/Basic?_tag=conflict", "").want(200).bundle(); *list.Total != 0 {
			t.Errorf("desk %s still lists %d", d.Name, *list.Total)
		}
		past := d.ask("GET", "/fhir/Basic/n1/_history", "").want(200).bundle()
		if *past.Total != 4 {
			t.Errorf("desk %s has %d versions, want the first, both heads and the one that settled them", d.Name, *past.Total)
		}
		for _, h := range heads {
			d.ask("GET", "/fhir/Basic/n1/_history/"+h.String(), "").want(200)
		}
	}
}

// headsNamed are the versions that an OperationOutcome names as those that stand.
func (r reply) headsNamed() (list []string) {
	r.t.Helper()
	var o struct {
		Issue []struct {
			Details struct {
				Coding []struct{ Code string }
				Text   string
			}
		}
	}
	if err := json.Unmarshal(r.Body.Bytes(), &o); err != nil {
		r.t.Fatal(err)
	}
	for _, i := range o.Issue {
		if len(i.Details.Coding) > 0 && i.Details.Coding[0].Code == "head" {
			list = append(list, i.Details.Text)
		}
	}
	return list
}

// authored opens the door anew, so that a header says who sits at the desk.
func (d *realDesk) authored() {
	d.door = fhir.New(fhir.Config{Desk: d.Agent, Records: d.Records(), Started: eventstest.Epoch, Changed: d.Changed, Heartbeat: 50 * time.Millisecond,
		Author: userOf})
}

// TestListenersMissNothing: whoever listens at a desk and loses its line again and again,
// each time going on from the last id that it saw, hears of every version once: of those
// written here and there, in an offline stretch, in a conflict, and in its end.
func TestListenersMissNothing(t *testing.T) {
	one, two := newOffice(t)
	for _, d := range []*realDesk{one, two} {
		d.authored()
	}
	server := httptest.NewServer(one.door)
	t.Cleanup(func() { one.door.Close(); server.CloseClientConnections(); server.Close() })

	heard := make(map[string]int)
	last := "0"
	// hear listens to n more.
	hear := func(n int) {
		t.Helper()
		for n > 0 {
			l := listenAt(t, server.URL, last)
			for range min(n, 3) { // and the line is lost
				s := l.next()
				if s.event != "change" {
					t.Fatalf("got %+v", s)
				}
				last = s.id
				if s.data.Type != "Basic" { // the practice's own, such as its desks
					continue
				}
				heard[s.data.VersionID]++
				n--
			}
			l.answer.Body.Close()
		}
	}
	written := make(map[string]bool)
	write := func(d *realDesk, id, text string, headers ...string) reply {
		t.Helper()
		got := d.ask("PUT", "/fhir/Basic/"+id, fmt.Sprintf(`{"resourceType":"Basic","id":%q,"code":{"text":%q}}`, id, text), headers...)
		if got.Code > 201 {
			t.Fatalf("desk %s: %d %s", d.Name, got.Code, got.Body)
		}
		written[got.version().String()] = true
		return got
	}
	for i := range 5 {
		write([]*realDesk{one, two}[i%2], fmt.Sprint("a", i), "online")
	}
	torn := write(one, "torn", "old")
	level(one, two)
	hear(6)
	together := apart(one, two)
	for _, d := range []*realDesk{one, two} {
		write(d, "torn", "of "+d.Name, "If-Match: "+torn.Header().Get("ETag"))
		write(d, "of-"+d.Name, "offline")
	}
	hear(2) // those of this desk, while they wait to be sent
	together()
	hear(2)
	var heads []events.ID
	for _, e := range one.ask("GET", "/fhir/Basic/torn/$conflicts", "").want(200).bundle().Entry {
		if id, err := events.ParseID(e.Link[0].URL[strings.LastIndex(e.Link[0].URL, "/")+1:]); err == nil && e.Link[0].Relation == "head" && !slices.Contains(heads, id) {
			heads = append(heads, id)
		}
	}
	settled := two.ask("POST", "/fhir/Basic/torn/$resolve", parameters(heads, fmt.Sprintf(`{"name":"keep","valueId":%q}`, heads[0]))).want(200)
	written[settled.version().String()] = true
	write(two, "end", "the last of all")
	level(one, two)
	hear(2)
	for id := range written {
		if heard[id] != 1 {
			t.Errorf("version %s was heard %d times", id, heard[id])
		}
	}
	if len(heard) != len(written) {
		t.Errorf("%d versions were heard, and %d written", len(heard), len(written))
	}
}
