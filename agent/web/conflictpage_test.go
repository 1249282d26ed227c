package web_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/carelog/carelog/agent/web"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/events/eventstest"
	"github.com/carelog/carelog/projections"
)

// stored is a change of another desk, whose clock is that far ahead, which the server had that long after.
func (d *desk) stored(ahead, after time.Duration, body string, parents ...events.ID) events.ID {
	d.t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	e := d.other.Make(eventstest.Change{Record: "Condition/c1", Patient: "p1", Author: "dr-1", Body: body, Parents: parents})
	entry := projections.Entry{Event: e, Body: []byte(body), Stored: e.Time.Add(after)}
	e.Time = e.Time.Add(ahead)
	d.last++
	entry.Sequence = d.last
	if _, err := d.store.Apply(context.Background(), projections.Batch{Entries: []projections.Entry{entry}}); err != nil {
		d.t.Fatal(err)
	}
	return e.ID
}

// Where a clock was wrong for certain the page says so above that version alone, in each language: it was ahead of the server,
// or behind what the version was made from. An hour in a queue is no wrong clock, and neither is a wrong one of the ancestor.
func TestWrongClockIsSaid(t *testing.T) {
	const hour = time.Hour
	for name, c := range map[string]struct {
		root, second, waited time.Duration // how far the clocks of both are ahead, and how long the second change waited
		want                 string        // the words; empty: none
	}{
		"right":              {0, 0, time.Second, ""},
		"waited":             {0, 0, 30 * hour, ""},
		"a little ahead":     {0, 9 * time.Minute, time.Second, ""},
		"ahead":              {0, 2 * hour, time.Second, "conflicts.clock"},
		"behind":             {0, -2 * hour, time.Second, "conflicts.clockBefore"},
		"the ancestor ahead": {2 * hour, 0, time.Second, ""},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			root := d.stored(c.root, time.Second, note("Asthma"))
			d.stored(0, time.Second, note("Asthma, mild"), root)
			d.stored(c.second, c.waited, note("Asthma, severe"), root)
			for _, language := range []string{"nl", "fr", "de", "en"} {
				_, page := d.ask("GET", "/fragments/conflicts/Condition/c1", "", "Accept-Language: "+language)
				cut := strings.Split(page, `<th scope="col" class="version"`)
				if len(cut) != 3 || strings.Contains(cut[1], "version-meta error") {
					t.Fatalf("%s: got %s, want two versions, and no word about the first clock", language, page)
				}
				said := strings.Contains(cut[2], `<span class="version-meta error">`)
				if said != (c.want != "") {
					t.Errorf("%s: warned %t in %s", language, said, cut[2])
				}
				if c.want == "" {
					continue
				}
				words, err := web.Say(language, c.want, "|")
				if err != nil {
					t.Fatal(err)
				}
				if before, _, _ := strings.Cut(words, "|"); !strings.Contains(cut[2], strings.TrimSpace(before)) {
					t.Errorf("%s: got %s, want %q", language, cut[2], before)
				}
			}
		})
	}
}

// sealed is a version of Condition/c1 that does not open here.
func (d *desk) sealed(parent events.ID) events.ID {
	d.t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	e := d.other.Make(eventstest.Change{Record: "Condition/c1", Patient: "p1", Author: "dr-2", Body: note("Sealed"), Parents: []events.ID{parent}})
	d.last++
	entry := projections.Entry{Sequence: d.last, Event: e, Doubt: projections.DoubtUnopened, Stored: e.Time}
	if _, err := d.store.Apply(context.Background(), projections.Batch{Entries: []projections.Entry{entry}}); err != nil {
		d.t.Fatal(err)
	}
	return e.ID
}

// What cannot be read is not said to have been taken out of a registration.
func TestHistoryOfAnUnreadVersion(t *testing.T) {
	d := newDesk(t)
	d.sealed(d.arrives("Condition/c1", "p1", "dr-1", note("Asthma")))
	_, page := d.ask("GET", "/fragments/history/Condition/c1", "", "Accept-Language: en")
	if !strings.Contains(page, "This version cannot be read on this PC.") || strings.Contains(page, `class="was"`) {
		t.Errorf("got %s, want no difference, and the reason", page)
	}
}

// A version that cannot be read here is none that could be kept here.
func TestUnreadVersionIsNotOffered(t *testing.T) {
	d := newDesk(t)
	root, a, b := twoHeads(d)
	sealed := d.sealed(root)
	_, page := d.ask("GET", "/fragments/conflicts/Condition/c1", "")
	if got := strings.Count(page, `data-do="keep"`); got != 2 || strings.Contains(page, `data-do="keep" data-version="`+sealed.String()) {
		t.Errorf("%d versions are offered, want the two that can be read", got)
	}
	if !strings.Contains(page, "This version cannot be read on this PC.") {
		t.Errorf("got %s, want that one cannot be read", page)
	}
	heads := `"heads":["` + a.String() + `","` + b.String() + `","` + sealed.String() + `"]`
	if answer, text := d.ask("POST", "/api/conflicts/Condition/c1/resolve", `{`+heads+`,"keep":"`+sealed.String()+`"}`); answer.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("got %s %s, want 422", answer.Status, text)
	}
}

// Whoever chose by field among versions that are others by now is told so, whatever else is wrong with the choice.
func TestChoiceByFieldOfOldVersions(t *testing.T) {
	d := newDesk(t)
	root, a, b := twoHeads(d)
	third := d.arrives("Condition/c1", "p1", "dr-2", strings.Replace(note("Asthma"), `"code"`, `"onsetDateTime":"2020","code"`, 1), root)
	for name, heads := range map[string][]events.ID{"one more": {a, b}, "one less": {a, b, third, root}} {
		answer, text := d.ask("POST", "/api/conflicts/Condition/c1/resolve", `{"heads":["`+joinIDs(heads)+`"],"take":{"code":"`+a.String()+`"}}`)
		if answer.StatusCode != http.StatusPreconditionFailed {
			t.Errorf("%s: got %s %s, want 412", name, answer.Status, text)
		}
	}
}

func joinIDs(ids []events.ID) string {
	var texts []string
	for _, id := range ids {
		texts = append(texts, id.String())
	}
	return strings.Join(texts, `","`)
}

// What was preselected says so once more before it is decided on; of an allergy nothing is.
func TestPreviewSaysWhatWasProposed(t *testing.T) {
	d := newDesk(t)
	fork := func(record, of string) (a, b events.ID) {
		body := func(says, since string) string {
			kind, id, _ := strings.Cut(record, "/")
			return `{"resourceType":"` + kind + `","id":"` + id + `","` + of + `":{"reference":"Patient/p1"},"code":{"text":"` + says + `"},"onsetDateTime":"` + since + `"}`
		}
		parent := d.arrives(record, "p1", "dr-1", body("Asthma", "1998"))
		return d.arrives(record, "p1", "dr-1", body("Asthma, severe", "1998"), parent), d.arrives(record, "p1", "dr-2", body("Asthma", "1999"), parent)
	}
	chosen := func(record string) int {
		_, page := d.ask("GET", "/fragments/conflicts/"+record+"?by=field", "")
		return strings.Count(page, " checked>")
	}
	proposed := func(record string, code, onset events.ID) int {
		answer, page := d.ask("GET", "/fragments/conflicts/"+record+"/preview?take=code:"+code.String()+"&take=onsetDateTime:"+onset.String(), "", "Accept-Language: en")
		if answer.StatusCode != http.StatusOK {
			t.Fatalf("%s: got %s %s", record, answer.Status, page)
		}
		return strings.Count(page, ">proposed<")
	}
	a, b := fork("Condition/c1", "subject")
	if got := chosen("Condition/c1"); got != 2 {
		t.Errorf("%d fields of a problem are proposed, want both", got)
	}
	if both, one, none := proposed("Condition/c1", a, b), proposed("Condition/c1", a, a), proposed("Condition/c1", b, a); both != 2 || one != 1 || none != 0 {
		t.Errorf("%d, %d and %d fields are said to be proposed, want 2, 1 and 0", both, one, none)
	}
	a, b = fork("AllergyIntolerance/a1", "patient")
	if got := chosen("AllergyIntolerance/a1"); got != 0 {
		t.Errorf("%d fields of an allergy are chosen by nobody", got)
	}
	if got := proposed("AllergyIntolerance/a1", a, b); got != 0 {
		t.Errorf("%d fields of an allergy are said to be proposed", got)
	}
}

// An address under which nothing was ever in conflict says so, in each language, and is not found; one that is settled says that it is.
func TestThereIsNoSuchConflict(t *testing.T) {
	d := newDesk(t)
	root, a, b := twoHeads(d)
	d.arrives("Condition/c1", "p1", "dr-1", note("Asthma, mild"), a, b)
	changed := d.arrives("Condition/c2", "p1", "dr-1", strings.Replace(note("Asthma"), "c1", "c2", 1))
	d.arrives("Condition/c2", "p1", "dr-1", strings.Replace(note("Asthma, mild"), "c1", "c2", 1), changed)
	for language, words := range map[string][2]string{
		"en": {"There is no such conflict.", "already settled"}, "nl": {"Dit conflict bestaat niet.", "al elders opgelost"},
		"fr": {"Ce conflit n’existe pas.", "déjà été résolu"}, "de": {"Diesen Konflikt gibt es nicht.", "schon anderswo gelöst"},
	} {
		for address, want := range map[string]int{"Condition/c2": 404, "Condition/none": 404, "Condition/c2?undo=" + root.String(): 404, "Condition/c1": 200} {
			answer, page := d.ask("GET", "/conflicts/"+address, "", "Accept-Language: "+language)
			if answer.StatusCode != want || strings.Contains(page, words[0]) != (want == 404) || strings.Contains(page, words[1]) != (want == 200) {
				t.Errorf("%s in %s: got %s %s", address, language, answer.Status, page)
			}
			if answer, part := d.ask("GET", "/fragments/conflicts/"+address, "", "Accept-Language: "+language); answer.StatusCode != http.StatusOK || strings.Contains(part, words[0]) != (want == 404) {
				t.Errorf("the inside of %s in %s: got %s %s", address, language, answer.Status, part)
			}
		}
	}
}

// A desk that has not read everything may have less than was in conflict, and says so beside it.
func TestWhatIsNotReadMayHaveBeenAConflict(t *testing.T) {
	d := newDesk(t)
	changed := d.arrives("Condition/c2", "p1", "dr-1", strings.Replace(note("Asthma"), "c1", "c2", 1))
	d.arrives("Condition/c2", "p1", "dr-1", strings.Replace(note("Asthma, mild"), "c1", "c2", 1), changed)
	for _, incomplete := range []bool{false, true} {
		d.set(func() { d.status.Incomplete = incomplete })
		for _, address := range []string{"Condition/c2", "Condition/none"} {
			if _, page := d.ask("GET", "/fragments/conflicts/"+address, "", "Accept-Language: en"); strings.Contains(page, "This PC cannot show it yet.") != incomplete {
				t.Errorf("%s, incomplete %t: got %s", address, incomplete, page)
			}
		}
	}
}
