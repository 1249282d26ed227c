package fhir_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/carelog/carelog/agent/fhir"
	"github.com/carelog/carelog/projections"
)

// racers is how many requests run against one another, half of them at each desk.
const racers = 16

// race sends requests from both desks at once, and returns how many were answered with
// each status.
func race(t *testing.T, one, two *realDesk, ask func(d *realDesk, n int) reply) map[int]int {
	t.Helper()
	start := make(chan struct{})
	answers := make(chan reply, racers)
	var all sync.WaitGroup
	for n := range racers {
		d := []*realDesk{one, two}[n%2]
		all.Go(func() {
			<-start
			answers <- ask(d, n)
		})
	}
	close(start)
	all.Wait()
	close(answers)
	counts := make(map[int]int)
	for a := range answers {
		counts[a.Code]++
		if a.Header().Get(fhir.QueuedHeader) != "" {
			t.Error("a write was queued: the line to the broker failed, or was too slow")
		}
		if a.Code >= 500 {
			t.Errorf("got %d: %s", a.Code, a.Body)
		}
	}
	return counts
}

// level waits until both desks have read the whole log.
func level(one, two *realDesk) {
	for _, d := range []*realDesk{one, two} {
		if err := d.Prove(context.Background()); err != nil {
			d.t.Fatalf("desk %s: %v", d.Name, err)
		}
	}
}

// Sixteen change the version that they have seen: one of them does, and the others hear
// of it; online, through two desks, by update, patch and transaction.
func TestOneOfManyUpdates(t *testing.T) {
	one, two := newOffice(t)
	for name, ask := range map[string]func(d *realDesk, id, match string, n int) reply{
		"update": func(d *realDesk, id, match string, n int) reply {
			return d.ask("PUT", "/fhir/Basic/"+id, fmt.Sprintf(`{"resourceType":"Basic","id":%q,"code":{"text":"%d"}}`, id, n), "If-Match: "+match)
		},
		"patch": func(d *realDesk, id, match string, n int) reply {
			return d.ask("PATCH", "/fhir/Basic/"+id, fmt.Sprintf(`[{"op":"replace","path":"/code/text","value":"%d"}]`, n), "If-Match: "+match, "Content-Type: application/json-patch+json")
		},
		"transaction": func(d *realDesk, id, match string, n int) reply {
			return d.ask("POST", "/fhir", fmt.Sprintf(`{"resourceType":"Bundle","type":"transaction","entry":[
				{"resource":{"resourceType":"Basic","id":%q,"code":{"text":"%d"}},"request":{"method":"PUT","url":"Basic/%[1]s","ifMatch":%[3]q}},
				{"resource":{"resourceType":"Basic","id":"%[1]s-%[2]d","code":{"text":"beside"}},"request":{"method":"PUT","url":"Basic/%[1]s-%[2]d"}}]}`, id, n, match))
		},
	} {
		t.Run(name, func(t *testing.T) {
			first := one.ask("PUT", "/fhir/Basic/"+name, fmt.Sprintf(`{"resourceType":"Basic","id":%q,"code":{"text":"first"}}`, name)).want(201)
			two.awaitEvent("Basic/"+name, first.version())
			got := race(t, one, two, func(d *realDesk, n int) reply { return ask(d, name, first.Header().Get("ETag"), n) })
			if got[200] != 1 || got[412] != racers-1 {
				t.Errorf("statuses %v, want 200 once and 412 for the others", got)
			}
			level(one, two)
			for _, d := range []*realDesk{one, two} {
				if n := len(d.ask("GET", "/fhir/Basic/"+name+"/_history", "").want(200).bundle().Entry); n != 2 {
					t.Errorf("desk %s has %d versions, want 2", d.Name, n)
				}
				there := 0
				for n := range racers {
					if d.ask("GET", fmt.Sprintf("/fhir/Basic/%s-%d", name, n), "").Code == 200 {
						there++
					}
				}
				if want := map[bool]int{true: 1}[name == "transaction"]; there != want {
					t.Errorf("desk %s has %d of what went with the changes, want %d", d.Name, there, want)
				}
			}
		})
	}
	if n := one.Now().Conflicts; n != 0 {
		t.Errorf("%d conflicts, want none", n)
	}
}

// Sixteen change a record without saying what they have seen: each goes on from what stood at
// its desk. Who was overtaken by the other desk is told so, and covers nothing; no conflict is made.
func TestManyUpdatesWithoutIfMatch(t *testing.T) {
	one, two := newOffice(t)
	for name, ask := range map[string]func(d *realDesk, id string, n int) reply{
		"update": func(d *realDesk, id string, n int) reply {
			return d.ask("PUT", "/fhir/Basic/"+id, fmt.Sprintf(`{"resourceType":"Basic","id":%q,"code":{"text":"%d"}}`, id, n))
		},
		"transaction": func(d *realDesk, id string, n int) reply {
			return d.ask("POST", "/fhir", fmt.Sprintf(`{"resourceType":"Bundle","type":"transaction","entry":[
				{"resource":{"resourceType":"Basic","id":%q,"code":{"text":"%d"}},"request":{"method":"PUT","url":"Basic/%[1]s"}}]}`, id, n))
		},
		"conditional update": func(d *realDesk, id string, n int) reply {
			return d.ask("PUT", "/fhir/Basic?_id="+id, fmt.Sprintf(`{"resourceType":"Basic","id":%q,"code":{"text":"%d"}}`, id, n))
		},
	} {
		t.Run(name, func(t *testing.T) {
			id := strings.ReplaceAll(name, " ", "-")
			first := one.ask("PUT", "/fhir/Basic/"+id, fmt.Sprintf(`{"resourceType":"Basic","id":%q,"code":{"text":"first"}}`, id)).want(201)
			two.awaitEvent("Basic/"+id, first.version())
			got := race(t, one, two, func(d *realDesk, n int) reply { return ask(d, id, n) })
			if got[200] == 0 || got[200]+got[412] != racers {
				t.Errorf("statuses %v, want 200 or 412 for each", got)
			}
			level(one, two)
			for _, d := range []*realDesk{one, two} {
				if n := *d.ask("GET", "/fhir/Basic/"+id+"/_history", "").want(200).bundle().Total; n != got[200]+1 {
					t.Errorf("desk %s has %d versions, want those of %d changes and the first", d.Name, n, got[200])
				}
				if got := d.ask("GET", "/fhir/Basic/"+id, "").want(200); strings.Contains(got.Body.String(), tag) {
					t.Errorf("desk %s shows a conflict: %s", d.Name, got.Body)
				}
			}
		})
	}
}

// Sixteen create what must exist once: one of them does, and the others find it; online,
// through two desks, in a dossier of its own and in one that is there.
func TestOneOfManyConditionalCreates(t *testing.T) {
	one, two := newOffice(t)
	one.ask("PUT", "/fhir/Patient/p1", `{"resourceType":"Patient","id":"p1"}`).want(201)
	observation := `{"resourceType":"Observation","identifier":[{"value":"%s"}],"status":"final","code":{"text":"%d"},"subject":{"reference":"Patient/p1"}}`
	person := `{"resourceType":"Patient","identifier":[{"value":"%s"}],"multipleBirthInteger":%d}`
	for name, ask := range map[string]func(d *realDesk, n int) reply{
		"Observation": func(d *realDesk, n int) reply {
			return d.ask("POST", "/fhir/Observation", fmt.Sprintf(observation, "c", n), "If-None-Exist: identifier=c")
		},
		"Patient": func(d *realDesk, n int) reply {
			return d.ask("POST", "/fhir/Patient", fmt.Sprintf(person, "c", n), "If-None-Exist: identifier=c")
		},
		"Patient, updated": func(d *realDesk, n int) reply {
			return d.ask("PUT", "/fhir/Patient?identifier=u", fmt.Sprintf(person, "u", n))
		},
		"Patient, in a transaction": func(d *realDesk, n int) reply {
			r := d.ask("POST", "/fhir", fmt.Sprintf(`{"resourceType":"Bundle","type":"transaction","entry":[
				{"fullUrl":"urn:uuid:1","resource":`+person+`,"request":{"method":"POST","url":"Patient","ifNoneExist":"identifier=t"}},
				{"resource":{"resourceType":"Condition","subject":{"reference":"urn:uuid:1"}},"request":{"method":"POST","url":"Condition"}}]}`, "t", n))
			if r.Code == 200 {
				status := r.bundle().Entry[0].Response.Status
				r.Code = map[string]int{"201 Created": 201, "200 OK": 200}[status]
			}
			return r
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := race(t, one, two, ask)
			others := got[200]
			if name == "Patient, updated" { // each says something else: it covers nothing that came in between
				others += got[412]
			}
			if got[201] != 1 || others != racers-1 {
				t.Errorf("statuses %v, want 201 once and 200 for the others", got)
			}
			level(one, two)
			typ, _, _ := strings.Cut(name, ",")
			query := map[string]string{"Patient, updated": "u", "Patient, in a transaction": "t"}[name]
			if query == "" {
				query = "c"
			}
			for _, d := range []*realDesk{one, two} {
				found := d.ask("GET", "/fhir/"+typ+"?identifier="+query, "").want(200).bundle()
				if *found.Total != 1 {
					t.Fatalf("desk %s has %d, want 1", d.Name, *found.Total)
				}
				if name == "Patient, in a transaction" {
					if n := *d.ask("GET", "/fhir/Condition?patient="+found.ids(t)[0], "").want(200).bundle().Total; n != racers {
						t.Errorf("desk %s has %d conditions of that patient, want %d", d.Name, n, racers)
					}
				}
			}
		})
	}
	if n := one.Now().Conflicts; n != 0 {
		t.Errorf("%d conflicts, want none", n)
	}
}

// Sixty-four clients at two desks register, read, search and change at once, and each is
// answered as if it were alone.
func TestManyClientsAtOnce(t *testing.T) {
	one, two := newOffice(t)
	const clients = 64
	var all sync.WaitGroup
	for n := range clients {
		d := []*realDesk{one, two}[n%2]
		all.Go(func() {
			want := func(got reply, status int) reply {
				if got.Code != status {
					t.Errorf("client %d: got %d, want %d: %s", n, got.Code, status, got.Body)
				}
				return got
			}
			patient := fmt.Sprint("Patient/client-", n)
			want(d.ask("PUT", "/fhir/"+patient, fmt.Sprintf(`{"resourceType":"Patient","id":"client-%d","name":[{"family":"Peeters"}]}`, n)), 201)
			entry := entryOf("", strings.Replace(allergy, "Patient/p1", patient, 1), "POST", "AllergyIntolerance", "")
			want(d.ask("POST", "/fhir", posted("transaction", entry, entry)), 200)
			want(d.ask("GET", "/fhir/"+patient, ""), 200)
			if got := want(d.ask("GET", "/fhir/AllergyIntolerance?patient="+patient, ""), 200).bundle(); *got.Total != 2 {
				t.Errorf("client %d finds %d allergies, want 2", n, *got.Total)
			}
			want(d.ask("PATCH", "/fhir/"+patient, `[{"op":"add","path":"/birthDate","value":"1970-03-30"}]`, "Content-Type: application/json-patch+json"), 200)
			want(d.ask("DELETE", "/fhir/"+patient, ""), 204)
		})
	}
	all.Wait()
	level(one, two)
	for _, d := range []*realDesk{one, two} {
		if got := d.ask("GET", "/fhir/AllergyIntolerance?_summary=count", "").want(200).bundle(); *got.Total != 2*clients {
			t.Errorf("desk %s has %d allergies, want %d", d.Name, *got.Total, 2*clients)
		}
	}
}

// lately is a store to which something comes from another desk just after it was searched.
type lately struct {
	*projections.Store
	comes func()
}

func (l *lately) Search(ctx context.Context, q projections.Query) (projections.Page, error) {
	page, err := l.Store.Search(ctx, q)
	if comes := l.comes; comes != nil {
		l.comes = nil
		comes()
	}
	return page, err
}

// Another desk's record comes between the search for it and the look for a free id: it is found all
// the same, and none is made beside it.
func TestAConditionIsMetInBetween(t *testing.T) {
	for _, c := range []struct {
		method, url string
		headers     []string
		want        int
	}{
		{"POST", "/fhir/Patient", []string{"If-None-Exist: identifier=u"}, 200},
		{"PUT", "/fhir/Patient?identifier=u", nil, 200},
	} {
		d := newDesk(t)
		id := d.NameFor("Patient?identifier=u", 0)
		records := &lately{Store: d.store, comes: func() {
			d.elsewhere("Patient/"+id, id, fmt.Sprintf(`{"resourceType":"Patient","id":"%s","identifier":[{"value":"u"}]}`, id))
		}}
		config := doorConfig(d, d.store)
		config.Records = records
		r := httptest.NewRequest(c.method, c.url, strings.NewReader(`{"resourceType":"Patient","identifier":[{"value":"u"}]}`))
		r.Header.Set("Content-Type", "application/fhir+json")
		for _, h := range c.headers {
			name, value, _ := strings.Cut(h, ": ")
			r.Header.Set(name, value)
		}
		w := httptest.NewRecorder()
		fhir.New(config).ServeHTTP(w, r)
		if w.Code != c.want {
			t.Errorf("%s %s: %d, want %d: %s", c.method, c.url, w.Code, c.want, w.Body)
		}
		if n := *d.ask("GET", "/fhir/Patient?identifier=u", "").want(200).bundle().Total; n != 1 {
			t.Errorf("%s %s: there are %d, want 1", c.method, c.url, n)
		}
	}
}
