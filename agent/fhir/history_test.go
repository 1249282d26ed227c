package fhir_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/carelog/carelog/agent/fhir"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/events/eventstest"
	"github.com/carelog/carelog/projections"
)

// basicOf is a record of a patient.
func basicOf(id, patient, text string) string {
	return fmt.Sprintf(`{"resourceType":"Basic","id":%q,"subject":{"reference":"Patient/%s"},"code":{"text":%q}}`, id, patient, text)
}

// past are the versions of a history, each with how it was written.
func (b bundle) past() (list []string) {
	for _, e := range b.Entry {
		list = append(list, fmt.Sprintf("%s %s %s %s %v", e.Request.Method, e.Request.URL, e.Response.Status[:3], e.Response.ETag, len(e.Resource) > 0))
	}
	return list
}

// follow reads all pages from a path on.
func (d *desk) follow(path string, between func()) (list []string) {
	d.t.Helper()
	for path != "" {
		page := d.do("GET", path, "").want(200).bundle()
		list = append(list, page.past()...)
		path = strings.TrimPrefix(page.link("next"), "http://127.0.0.1:7878")
		between()
	}
	return list
}

func TestHistories(t *testing.T) {
	d := newDesk(t)
	one := d.do("PUT", "/fhir/Basic/b1", basicOf("b1", "p1", "one")).want(201)
	third := d.do("PUT", "/fhir/AllergyIntolerance/a1", allergy).want(201)
	two := d.do("PUT", "/fhir/Basic/b1", basicOf("b1", "p1", "two")).want(200)
	gone := d.do("DELETE", "/fhir/Basic/b1", "").want(204)

	b1 := []string{
		fmt.Sprintf(`DELETE Basic/b1 204 W/"%s" false`, gone.version()),
		fmt.Sprintf(`PUT Basic/b1 200 W/"%s" true`, two.version()),
		fmt.Sprintf(`PUT Basic/b1 201 W/"%s" true`, one.version()),
	}
	all := slices.Insert(slices.Clone(b1), 2, fmt.Sprintf(`PUT AllergyIntolerance/a1 201 W/"%s" true`, third.version()))
	lists := []struct {
		path string
		want []string
	}{{"/fhir/_history", all}, {"/fhir/Basic/_history", b1}, {"/fhir/Basic/b1/_history", b1}, {"/fhir/Claim/_history", nil}}
	for _, c := range lists {
		got := d.do("GET", c.path, "").want(200).bundle()
		if got.Type != "history" || got.Total == nil || *got.Total != len(c.want) || !slices.Equal(got.past(), c.want) {
			t.Errorf("%s: %s of %v\n%s\nwant\n%s", c.path, got.Type, got.Total, strings.Join(got.past(), "\n"), strings.Join(c.want, "\n"))
		}
		if self := got.link("self"); self != "http://127.0.0.1:7878"+c.path {
			t.Errorf("%s: self is %s", c.path, self)
		}
	}
	for i, c := range lists { // what comes while somebody pages moves no page
		n := 0
		paged := d.follow(c.path+"?_count=1", func() { d.elsewhere(fmt.Sprintf("Basic/late-%d-%d", i, n), "p1", basicOf("x", "p1", "late")); n++ })
		if kept := slices.DeleteFunc(paged, func(l string) bool { return strings.Contains(l, "late-") }); !slices.Equal(kept, c.want) {
			t.Errorf("%s page by page:\n%s\nwant\n%s", c.path, strings.Join(kept, "\n"), strings.Join(c.want, "\n"))
		}
	}
	for query, status := range map[string]int{
		"_since=" + url.QueryEscape("2026-02-03T10:00:00.000+01:00"): 200, "_since=2026-02-03T10:00:00+01:00": 200, "_format=json": 200,
		"_since=2026": 400, "_since=": 400, "_since=yesterday": 400, "_at=2026-01-01T00:00:00Z": 400, "_count=0": 400, "_count=x": 400,
		"_sort=-_lastUpdated": 400, "_cursor=x": 400, "_cursor=0000000000000000.1": 410, "_count=1&_count=2": 400, "_list=1": 400,
	} {
		for _, c := range lists {
			if got := d.do("GET", c.path+"?"+query, ""); got.Code != status {
				t.Errorf("%s?%s: %d, want %d: %s", c.path, query, got.Code, status, got.Body)
			}
		}
	}
	for _, path := range []string{"/fhir/Basic/none/_history", "/fhir/Nothing/_history", "/fhir/_history/x"} {
		d.do("GET", path, "").want(404)
	}
	d.do("POST", "/fhir/_history", "{}").want(405)
	d.partial = true
	if d.do("GET", "/fhir/_history", "").want(200).Header().Get(fhir.IncompleteHeader) != "true" {
		t.Error("a history on a desk that has not read everything does not say so")
	}
}

// TestHistoryShowsConflicts: every head carries the tag, and no ancestor.
func TestHistoryShowsConflicts(t *testing.T) {
	d := newDesk(t)
	first := d.elsewhere("Basic/b1", "p1", basicOf("b1", "p1", "first"))
	d.elsewhere("Basic/b1", "p1", basicOf("b1", "p1", "here"), first)
	d.elsewhere("Basic/b1", "p1", basicOf("b1", "p1", "there"), first)
	for _, path := range []string{"/fhir/_history", "/fhir/Basic/_history", "/fhir/Basic/b1/_history"} {
		var tagged []bool
		for _, e := range d.do("GET", path, "").want(200).bundle().Entry {
			tagged = append(tagged, strings.Contains(string(e.Resource), `"conflict"`))
		}
		if !slices.Equal(tagged, []bool{true, true, false}) {
			t.Errorf("%s: tags %v, want both heads and not the ancestor", path, tagged)
		}
	}
}

// poller is a client that asks what came since it last looked, and keeps what it saw.
type poller struct {
	door  *fhir.Handler
	path  string
	since string
	seen  map[string]bool
}

// poll asks once, page by page. A client that loses an answer asks the same again.
func (p *poller) poll(t *testing.T, count int) {
	query := url.Values{"_count": {fmt.Sprint(count)}}
	if p.since != "" {
		query.Set("_since", p.since)
	}
	next := p.path + "?" + query.Encode()
	newest := ""
	for next != "" {
		w := httptest.NewRecorder()
		p.door.ServeHTTP(w, httptest.NewRequest("GET", next, nil))
		var b struct {
			Link  []struct{ Relation, URL string }
			Entry []struct {
				Response struct{ ETag, LastModified string }
			}
		}
		if err := json.Unmarshal(w.Body.Bytes(), &b); err != nil || w.Code != 200 {
			t.Errorf("%s: %d %s", next, w.Code, w.Body)
			return
		}
		for _, e := range b.Entry {
			newest = max(newest, e.Response.LastModified)
			p.seen[e.Response.ETag] = true
		}
		next = ""
		for _, l := range b.Link {
			if l.Relation == "next" {
				next = l.URL
			}
		}
	}
	p.since = max(p.since, newest)
}

// TestPollersMissNothing: clients that remember nothing but the last lastUpdated they
// saw have every version in the end, while several change the records at once under a
// clock that stands still for many changes and goes back, and whatever was known late.
func TestPollersMissNothing(t *testing.T) {
	const writers, each = 3, 60
	random := rand.New(rand.NewPCG(1, 2))
	var mu sync.Mutex // of all that follows
	now := eventstest.Epoch.AddDate(0, 1, 0)
	practice := eventstest.New(t, nil)
	store, err := projections.Open(t.Context(), filepath.Join(t.TempDir(), "record.db"), projections.Options{
		Practice: practice.ID, Opener: practice.Ring.Open, Now: func() time.Time { mu.Lock(); defer mu.Unlock(); return now },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	}()
	door := fhir.New(fhir.Config{Desk: &desk{t: t}, Records: store})
	pollers := []*poller{{path: "/fhir/_history"}, {path: "/fhir/Basic/_history"}, {path: "/fhir/_history"}}
	for _, p := range pollers {
		p.door, p.seen = door, make(map[string]bool)
	}
	want := map[string]bool{}
	var sequence uint64
	write := func(e *events.Event, doubt projections.Doubt) {
		mu.Lock()
		sequence++
		entry := projections.Entry{Sequence: sequence, Stored: eventstest.Epoch, Event: e, Doubt: doubt}
		want[etagOf(e.ID)] = true
		now = now.Add([]time.Duration{0, 0, 0, time.Millisecond, -time.Second}[random.IntN(5)])
		mu.Unlock()
		if _, err := store.Apply(t.Context(), projections.Batch{Entries: []projections.Entry{entry}}); err != nil {
			t.Error(err)
		}
	}
	var writing, polling sync.WaitGroup
	for i := range writers {
		device := practice.Stranger(fmt.Sprint("desk-", i))
		writing.Go(func() {
			var unverified []*events.Event
			for n := range each {
				typ := []string{"Basic", "Condition"}[n%2]
				id := fmt.Sprintf("%s/r%d-%d", typ, i, n)
				mu.Lock()
				e := device.Make(eventstest.Change{Record: id, Patient: "p1", Body: strings.Replace(basicOf(fmt.Sprintf("r%d-%d", i, n), "p1", "x"), "Basic", typ, 1)})
				mu.Unlock()
				if n%7 == 0 { // who signed it is known later
					unverified = append(unverified, e)
					write(e, projections.DoubtSignature)
					continue
				}
				write(e, "")
				if n%5 == 4 && len(unverified) > 0 {
					write(unverified[0], "")
					unverified = unverified[1:]
				}
			}
			for _, e := range unverified {
				write(e, "")
			}
		})
	}
	done := make(chan struct{})
	for i, p := range pollers {
		polling.Go(func() {
			r := rand.New(rand.NewPCG(3, uint64(i)))
			for {
				select {
				case <-done:
					p.poll(t, 1000)
					return
				default:
					p.poll(t, 1+r.IntN(20))
				}
			}
		})
	}
	writing.Wait()
	close(done)
	polling.Wait()
	for tag := range want {
		for _, p := range pollers {
			if p.path == "/fhir/_history" && !p.seen[tag] {
				t.Errorf("a poller of %s never saw %s", p.path, tag)
			}
		}
	}
	if got, want := len(pollers[1].seen), writers*each/2; got != want {
		t.Errorf("the poller of Basic saw %d versions, want %d", got, want)
	}
}

func etagOf(id events.ID) string { return `W/"` + id.String() + `"` }
