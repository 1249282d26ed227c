package sumehr_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections/sumehr"
	"github.com/carelog/carelog/projections/sumehr/check"
	"github.com/carelog/carelog/projections/sumehr/kmehr"
	"github.com/carelog/carelog/projections/sumehr/resources"
)

// edited is a message with one edit in its text.
func edited(t *testing.T, text, old, with string) *kmehr.Element {
	t.Helper()
	if !strings.Contains(text, old) {
		t.Fatalf("%s is not in the message\n%s", old, text)
	}
	message, err := kmehr.Read([]byte(strings.Replace(text, old, with, 1)))
	if err != nil {
		t.Fatal(err)
	}
	return message
}

// Trap 3: the schemas take the words of most tables, and numbers, as they come. The checker
// does not.
func TestTrapWrongWords(t *testing.T) {
	text := string(build(t, everything(t)).XML())
	messages := map[string][]byte{}
	for name, c := range map[string]struct{ old, with, rule string }{
		"the kind of an item":         {`SV="1.11">allergy<`, `SV="1.11">allergie<`, "item-unknown"},
		"the kind of a transaction":   {`>sumehr<`, `>Sumehr<`, "not-a-sumehr"},
		"who is in the team":          {careProvider(t, text), strings.Replace(careProvider(t, text), "persphysician", "Zorghospital", 1), "party-no-person"},
		"who answers for it":          {author(t, text), strings.Replace(author(t, text), "persphysician", "Zorghospital", 1), "author-no-physician"},
		"a will":                      {`>euthanasiarequest<`, `>euthanasia<`, "code-unknown"},
		"a vaccine":                   {`>seasonalinfluenza<`, `>griep<`, "code-unknown"},
		"a number of ten digits":      {`>58031499914<`, `>5803149991<`, "inss-number"},
		"a wrong check digit":         {`>58031499914<`, `>58031499915<`, "inss-number"},
		"a care provider's number":    {`>10000106003<`, `>10000107003<`, "party-number"},
		"a number of a drug":          {`>1467000<`, `>146700<`, "cnk"},
		"a table that nobody reads":   {`S="ICPC" SV="2">T90<`, `S="CD-SNOMED" SV="2">T90<`, "code-system"},
		"a version of a table":        {`S="ICPC" SV="2">T90<`, `S="ICPC" SV="1">T90<`, "code-version"},
		"a begin later than the time": {`<year>2020</year>`, `<year>2030</year>`, "date-in-future"},
	} {
		message := edited(t, text, c.old, c.with)
		if !slices.ContainsFunc(check.Message(message, at), func(f check.Finding) bool { return string(f.Rule) == c.rule && f.Severity() == check.Error }) {
			t.Errorf("%s: %s is not found", name, c.rule)
		}
		messages[name] = kmehr.Write(message)
	}
	validate(t, messages) // or it is no trap
}

// careProvider and author are the text of who is in the team, and of who answers.
func careProvider(t *testing.T, text string) string {
	return between(t, text, ">contacthcparty<", "</item>")
}

func author(t *testing.T, text string) string { return between(t, text, "<author>", "</author>") }

func between(t *testing.T, text, from, to string) string {
	t.Helper()
	_, rest, ok := strings.Cut(text, from)
	part, _, ends := strings.Cut(rest, to)
	if !ok || !ends {
		t.Fatalf("there is no %s…%s", from, to)
	}
	return from + part
}

// Trap 8: a Sumehr does not say its version, and the release of KMEHR that it names does not
// either: what it says is read alike, and a problem is one by the old word as well.
func TestTrapNoVersion(t *testing.T) {
	text := string(build(t, everything(t)).XML())
	read := func(text string) *resources.Reading {
		t.Helper()
		message, err := kmehr.Read([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		r, err := resources.Of(message, resources.Known{})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	want := read(text)
	for name, other := range map[string]string{
		"2.0, and the release of 1.1": strings.Replace(text, ">20161201<", ">20100601<", 1),
		"no release":                  strings.Replace(text, ">20161201<", "><", 1),
	} {
		if d := cmp.Diff(want, read(other)); other == text || d != "" {
			t.Errorf("%s: it is read otherwise:\n%s", name, d)
		}
	}
	codes := func(r *resources.Reading) (conditions []string) {
		for _, one := range r.Resources {
			if one.Type == "Condition" {
				_, what, _ := strings.Cut(string(one.Body), `"code":`)
				what, _, _ = strings.Cut(what, `,"id":`)
				conditions = append(conditions, what)
			}
		}
		return conditions
	}
	old := strings.ReplaceAll(text, ">problem<", ">healthcareelement<")
	for _, release := range []string{"20161201", "20100601"} {
		got := read(strings.Replace(old, "20161201", release, 1))
		if d := cmp.Diff(codes(want), codes(got)); old == text || len(codes(want)) < 3 || d != "" {
			t.Errorf("health care elements of a message of %s:\n%s", release, d)
		}
	}
}

// Trap 11: each text has its language, in small letters; one in capitals is read as the same,
// and no Sumehr is another for it.
func TestTrapLanguage(t *testing.T) {
	suiker := of("Condition", status("active")+`,`+sugar+`,"onsetDateTime":"2016"`)
	whole := build(t, dossier(t, suiker))
	for tag, want := range map[string]string{"": "nl", "nl": "nl", "nl-BE": "nl", "NL": "nl", "FR": "fr", "de-be": "de", "1": "nl"} {
		s := build(t, dossier(t, strings.Replace(suiker, `"id":"x1"`, `"id":"x1","language":"`+tag+`"`, 1)))
		if got := items(s.Message, "problem")[0].All("content")[1].At("text").Attribute("L"); got != want {
			t.Errorf("a record in %q has a text in %q, want %q", tag, got, want)
		}
	}
	text := string(whole.XML())
	if message := edited(t, text, `<text L="nl">suiker`, `<text>suiker`); !slices.ContainsFunc(check.Message(message, at), func(f check.Finding) bool { return f.Rule == "text-language" && f.Severity() == check.Error }) {
		t.Error("a text without its language passes")
	}
	capitals := edited(t, text, `<text L="nl">suiker`, `<text L="NL">suiker`)
	if sumehr.Digest(capitals) != sumehr.Digest(whole.Message) {
		t.Error("a language in capitals is another content")
	}
	read, err := resources.Of(capitals, resources.Known{})
	if err != nil {
		t.Fatal(err)
	}
	in := sumehr.Input{At: at, Author: "dr1"}
	for _, one := range read.Resources {
		if one.Type == "Patient" {
			in.Patient = one.ID
		}
		if one.Type == "Condition" && !strings.Contains(string(one.Body), `"language":"nl"`) {
			t.Errorf("it is read as %s", one.Body)
		}
		in.Records = append(in.Records, sumehr.Record{Record: events.Record{Type: one.Type, ID: one.ID}, Heads: []sumehr.Head{{Body: one.Body}}})
	}
	if got := build(t, in); sumehr.Digest(got.Message) != sumehr.Digest(whole.Message) {
		t.Errorf("read and made again it says\n%s", got.XML())
	}
}
