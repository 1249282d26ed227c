package resources_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/carelog/carelog/projections/sumehr/kmehr"
	"github.com/carelog/carelog/projections/sumehr/resources"
)

const theirs = `<kmehrmessage xmlns="http://www.ehealth.fgov.be/standards/kmehr/schema/v1"><folder>
<patient><id S="ID-PATIENT" SV="1.0">58031499914</id><firstname>A</firstname><familyname>B</familyname><sex><cd S="CD-SEX" SV="1.1">male</cd></sex></patient>
<transaction><id S="LOCAL" SL="vitalinkuri" SV="1">/subject/58031499914/sumehr/81617/1</id><cd S="CD-TRANSACTION" SV="1.9">sumehr</cd><date>2026-01-05</date><time>09:30:00</time>
<author><hcparty><id S="ID-HCPARTY" SV="1.0">1990001916</id><cd S="CD-HCPARTY" SV="1.12">hub</cd><name>VITALINK</name></hcparty><hcparty><id S="ID-HCPARTY" SV="1.0">10000007004</id><cd S="CD-HCPARTY" SV="1.12">persphysician</cd><firstname>T</firstname><familyname>V</familyname></hcparty></author>
<item><id S="ID-KMEHR" SV="1.0">1</id><id S="LOCAL" SL="carelog" SV="1">Condition/c1</id><cd S="CD-ITEM" SV="1.11">problem</cd><content><text L="nl">suiker</text></content></item>
<item><id S="ID-KMEHR" SV="1.0">2</id><cd S="CD-ITEM" SV="1.11">problem</cd><content><text L="nl">hoofdpijn</text></content></item>
<item><id S="ID-KMEHR" SV="1.0">3</id><cd S="CD-ITEM" SV="1.11">problem</cd><content><text L="nl">hoofdpijn</text></content></item></transaction></folder></kmehrmessage>`

func read(t *testing.T, text string, known resources.Known) map[string]string {
	t.Helper()
	m, err := kmehr.Read([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	r, err := resources.Of(m, known)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, one := range r.Resources {
		if all[one.Type+"/"+one.ID] != "" {
			t.Errorf("two are called %s/%s", one.Type, one.ID)
		}
		all[one.Type+"/"+one.ID] = string(one.Body)
	}
	return all
}

// names are those of a type.
func names(all map[string]string, kind, text string) (list []string) {
	for name, body := range all {
		if strings.HasPrefix(name, kind+"/") && strings.Contains(body, text) {
			list = append(list, name)
		}
	}
	return list
}

// The next version of a Sumehr finds what its author has named, whatever became of it, in the
// place of the older one; what no program named is known by what it says.
func TestNextVersion(t *testing.T) {
	first := read(t, theirs, resources.Known{})
	next := strings.NewReplacer("suiker", "suikerziekte", "sumehr/81617/1", "sumehr/81617/2", "2026-01-05", "2026-03-05", `>2</id>`, `>7</id>`).Replace(theirs)
	second := read(t, next, resources.Known{})
	if a, b := names(first, "Condition", "suiker"), names(second, "Condition", "suikerziekte"); len(a) != 1 || len(b) != 1 || a[0] != b[0] {
		t.Errorf("an item that its author names is %v, and then %v", a, b)
	}
	if a, b := names(first, "Condition", "hoofdpijn"), names(second, "Condition", "hoofdpijn"); len(a) != 2 || len(b) != 2 {
		t.Errorf("got %v and %v", a, b)
	} else {
		for _, name := range a {
			if second[name] == "" {
				t.Errorf("%s is another in the next version", name)
			}
		}
	}
	if a, b := names(first, "Composition", ""), names(second, "Composition", ""); len(a) != 1 || len(b) != 1 || a[0] != b[0] {
		t.Errorf("the summary is %v, and then %v", a, b)
	}
	// No id of a message is one of ours, nor that of another author's.
	if names(first, "Condition", `"id":"c1"`) != nil {
		t.Error("an id of the message was taken")
	}
	other := read(t, strings.NewReplacer("10000007004", "10000106003").Replace(theirs), resources.Known{})
	for name := range other {
		if !strings.HasPrefix(name, "Patient/") && first[name] != "" {
			t.Errorf("%s is of two authors", name)
		}
	}
}

// Who stands here already is referred to; a hub is nobody who answers.
func TestKnown(t *testing.T) {
	all := read(t, theirs, resources.Known{Patient: "p1", Practitioners: map[string]string{"10000007004": "dr1"}})
	if len(names(all, "Patient", "")) > 0 || len(names(all, "Practitioner", "")) > 0 || len(names(all, "Organization", "")) > 0 {
		t.Errorf("they are made again: %v", all)
	}
	if c := names(all, "Composition", `"author":[{"reference":"Practitioner/dr1"}]`); len(c) != 1 || !strings.Contains(all[c[0]], `"Patient/p1"`) {
		t.Errorf("got %v", all)
	}
}

func TestNotSumehr(t *testing.T) {
	for _, text := range []string{strings.Replace(theirs, ">sumehr<", ">result<", 1), `<kmehrmessage xmlns="` + kmehr.Namespace + `"/>`} {
		m, err := kmehr.Read([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := resources.Of(m, resources.Known{}); !errors.Is(err, resources.ErrNotSumehr) {
			t.Errorf("got %v", err)
		}
	}
}

// A moment keeps its precision; a time that does not say where it was is that of Belgium.
func TestMoments(t *testing.T) {
	for moment, want := range map[string]string{
		"<date>2019-07-01</date><time>10:00:00</time>":  `"onsetDateTime":"2019-07-01T10:00:00+02:00"`,
		"<date>2019-12-01</date><time>10:00:00</time>":  `"onsetDateTime":"2019-12-01T10:00:00+01:00"`,
		"<date>2019-12-01</date><time>10:00:00Z</time>": `"onsetDateTime":"2019-12-01T10:00:00Z"`,
		"<date>2019-12-01</date><time>ten</time>":       `"onsetDateTime":"2019-12-01"`,
		"<date>2019-12-01+01:00</date>":                 `"onsetDateTime":"2019-12-01"`,
		"<yearmonth>2019-12</yearmonth>":                `"onsetDateTime":"2019-12"`,
		"<year>2019</year>":                             `"onsetDateTime":"2019"`,
		`<text L="nl">als kind</text>`:                  `"onsetString":"als kind"`,
	} {
		all := read(t, strings.Replace(theirs, "suiker</text></content>", "suiker</text></content><beginmoment>"+moment+"</beginmoment>", 1), resources.Known{})
		if c := names(all, "Condition", "suiker"); len(c) != 1 || !strings.Contains(all[c[0]], want) {
			t.Errorf("%s: got %v", moment, all[c[0]])
		}
	}
}

// What was made of records that are here is not read: the whole where all of it was, else the
// items that were. A name alone proves nothing: the record must stand here, or have stood.
func TestOwn(t *testing.T) {
	of := func(text string, known resources.Known) (*resources.Reading, error) {
		t.Helper()
		message, err := kmehr.Read([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if records := resources.PeopleOf(message).Records; strings.Contains(text, "Condition/c1") && !slices.Contains(records, "Condition/c1") {
			t.Errorf("only %v are asked for", records)
		}
		return resources.Of(message, known)
	}
	known := resources.Known{Patient: "p1", Records: map[string]bool{"Condition/c1": true}}
	second := strings.Index(theirs, `<item><id S="ID-KMEHR" SV="1.0">2`)
	alone := theirs[:second] + "</transaction></folder></kmehrmessage>"
	if _, err := of(strings.Replace(alone, "Condition/c1", "Condition/c1#2", 1), known); !errors.Is(err, resources.ErrOwn) {
		t.Errorf("all of it is ours: got %v", err)
	}
	got, err := of(theirs, known)
	if err != nil || len(got.Unread) != 1 || !strings.Contains(got.Unread[0], "Condition/c1") || len(got.Resources) != 4 {
		t.Errorf("one item is ours: got %+v, %v", got, err)
	}
	if got, err := of(alone, resources.Known{Patient: "p1", Records: map[string]bool{}}); err != nil || len(got.Unread) != 0 {
		t.Errorf("a name that no record has: got %+v, %v", got, err)
	}
	nothing := strings.Replace(theirs[:strings.Index(theirs, "<item>")], "<patient>", `<patient><id S="LOCAL" SV="1.0" SL="carelog">Patient/p1</id>`, 1) +
		`<item><cd S="CD-ITEM" SV="1.11" nullFlavor="NA">problem</cd></item></transaction></folder></kmehrmessage>`
	if _, err := of(nothing, known); !errors.Is(err, resources.ErrOwn) {
		t.Errorf("it says nothing, of a patient of ours: got %v", err)
	}
}

// What a record of the dossier says already makes no second one, however it is written; the
// summary refers to that record. A contact within the Patient is none to refer to.
func TestHere(t *testing.T) {
	const mother = `<item><id S="ID-KMEHR" SV="1.0">4</id>%<cd S="CD-ITEM" SV="1.11">contactperson</cd><cd S="CD-CONTACT-PERSON" SV="1.0">mother</cd><content><person><firstname>M</firstname><familyname>B</familyname><sex><cd S="CD-SEX" SV="1.1">female</cd></sex></person></content></item></transaction>`
	local := func(name string) string { return `<id S="LOCAL" SL="carelog" SV="1">` + name + `</id>` }
	text := strings.NewReplacer(local("Condition/c1"), "", `SL="carelog" SV="1">Condition/c1`, `SL="theirs" SV="1">1`, "</transaction>", strings.Replace(mother, "%", "", 1)).Replace(theirs)
	ours, err := kmehr.Read([]byte(strings.NewReplacer(
		`<id S="ID-KMEHR" SV="1.0">2</id>`, local("Condition/h1")+`<isrelevant>true</isrelevant>`, `SV="1.11"`, `SV="1.4"`, `L="nl"`, `L="NL"`, "</transaction>", strings.Replace(mother, "%", local("Patient/p1#1"), 1)).Replace(theirs)))
	if err != nil {
		t.Fatal(err)
	}
	message, err := kmehr.Read([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	r, err := resources.Of(message, resources.Known{Patient: "p1", Sumehr: ours})
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]int{}
	for _, one := range r.Resources {
		kinds[one.Type]++
		if one.Type == "Composition" && strings.Count(string(one.Body), `"Condition/h1"`) != 1 {
			t.Errorf("the summary is %s", one.Body)
		}
	}
	// Both headaches and the mother stand there; the diabetes is the record c1.
	if r.Here != 4 || kinds["Condition"] != 0 || kinds["RelatedPerson"] != 0 {
		t.Errorf("%d stand there, and made are %v", r.Here, kinds)
	}
}
