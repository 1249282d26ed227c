package sumehr_test

import (
	"strings"
	"testing"
	"time"

	"github.com/carelog/carelog/projections/sumehr"
	"github.com/carelog/carelog/projections/sumehr/kmehr"
)

// The digest changes with what a reader learns of the patient, and with nothing else.
func TestDigest(t *testing.T) {
	base := everything(t)
	want := sumehr.Digest(build(t, base).Message)
	// edit replaces a text in the bodies of the dossier; it must be there.
	edit := func(old, with string) func(*sumehr.Input) {
		return func(in *sumehr.Input) {
			hit := false
			for i, r := range in.Records {
				if body := string(r.Heads[0].Body); strings.Contains(body, old) {
					hit = true
					in.Records[i].Heads = []sumehr.Head{{Body: []byte(strings.ReplaceAll(body, old, with))}}
				}
			}
			if !hit {
				t.Fatalf("%s is nowhere in the dossier", old)
			}
		}
	}
	for name, change := range map[string]func(*sumehr.Input){
		"the moment":             func(in *sumehr.Input) { in.At = in.At.Add(3 * time.Hour) },
		"another day":            func(in *sumehr.Input) { in.At = in.At.AddDate(0, 0, 1) },
		"the author":             func(in *sumehr.Input) { in.Author = "dr2" },
		"the hub":                func(in *sumehr.Input) { in.Hub = sumehr.Hub{EHP: "1990000035", Name: "RSW"} },
		"the software":           func(in *sumehr.Input) { in.Software = "x" },
		"the version on the hub": func(in *sumehr.Input) { in.Replaces = "/subject/58031499914/sumehr/81617/new/2" },
		"ids of records":         edit(`"id":"xb"`, `"id":"yy"`),
		"when it was recorded":   edit("2025-11-20T10:02:31", "2025-11-21T10:02:31"),
		"what is over, another word": func(in *sumehr.Input) {
			in.Records = append(in.Records, record(t, of("Condition", status("resolved")+`,"code":{"text":"a"}`)))
		},
		"a note, which does not go in": func(in *sumehr.Input) {
			in.Records = append(in.Records, record(t, of("DocumentReference", `"status":"current"`)))
		},
		"a code that does not go in": edit(`"coding":[`+icpc+`,`+icd, `"coding":[`+snomed+`,`+icpc+`,`+icd),
		"what is confidential":       edit("geheim", "nog geheimer"),
		"white space in a text":      edit("suiker & <zout>", "suiker  &\\n<zout>"),
		"the display of a code":      edit(`"code":"E11"}`, `"code":"E11","display":"x"}`),
	} {
		in := clone(base)
		change(&in)
		if got := sumehr.Digest(build(t, in).Message); got != want {
			t.Errorf("%s changes the digest", name)
		}
	}
	seen := map[string]string{want.String(): "none"}
	for name, change := range map[string]func(*sumehr.Input){
		"a label":              edit("suiker & <zout>", "suiker"),
		"a language":           edit(`"language":"fr-BE"`, `"language":"nl-BE"`),
		"a code":               edit(`"code":"E11"`, `"code":"E12"`),
		"an onset":             edit(`"onsetDateTime":"2016","abatement`, `"onsetDateTime":"2015","abatement`),
		"the precision of one": edit(`"onsetDateTime":"2016","abatement`, `"onsetDateTime":"2016-01","abatement`),
		"an end":               edit(`"2018-03"`, `"2018-04"`),
		"the state":            edit(`"code":"resolved"`, `"code":"active"`),
		"the certainty":        edit(`"confirmed"`, `"provisional"`),
		"a reaction":           edit(`"text":"shock"`, `"text":"jeuk"`),
		"a dose":               edit(`"text":"1 tablet"`, `"text":"2 tabletten"`),
		"a part of the day":    edit(`"MORN"`, `"EVE"`),
		"a package":            edit("1467000", "1467001"),
		"a drug that ended":    edit(`"effectivePeriod":{"start":"2016-05"}`, `"effectivePeriod":{"start":"2016-05","end":"2026-11-01"}`),
		"a batch":              edit(`"L1"`, `"L2"`),
		"a wish":               edit("euthanasiarequest", "intubationrefusal"),
		"a telephone":          edit(`"value":"1"`, `"value":"2"`),
		"a care provider":      edit(`"Practitioner/dr2"`, `"Practitioner/dr1"`),
		"the keeper of the file": func(in *sumehr.Input) {
			edit(`"generalPractitioner":[{"reference":"Practitioner/dr1"}]`, `"generalPractitioner":[{"reference":"Practitioner/dr2"}]`)(in)
			in.Author = "dr1"
		},
		"the name":          edit("Testpatiënt", "Testpatient"),
		"the date of birth": edit("1958-03-14", "1958-03-15"),
		"hiding a record":   edit(`"id":"xg"`, `"id":"xg",`+restricted),
		"showing what was":  edit(restricted, `"meta":{}`),
		"one more record": func(in *sumehr.Input) {
			in.Records = append(in.Records, record(t, of("Condition", status("active")+`,`+sugar+`,"onsetDateTime":"2020"`)))
		},
		"one record less": func(in *sumehr.Input) { in.Records = append(in.Records[:2:2], in.Records[3:]...) },
		"the same item twice": func(in *sumehr.Input) {
			in.Records = append(in.Records, record(t, strings.Replace(string(in.Records[2].Heads[0].Body), `"id":"xb"`, `"id":"zz"`, 1)))
		},
	} {
		in := clone(base)
		change(&in)
		got := sumehr.Digest(build(t, in).Message).String()
		if other, taken := seen[got]; taken {
			t.Errorf("%s has the digest of %s", name, other)
		}
		seen[got] = name
	}
}

func clone(in sumehr.Input) sumehr.Input {
	in.Records = append([]sumehr.Record(nil), in.Records...)
	return in
}

// Two trees are never written alike, whatever stands in their texts.
func TestDigestIsUnambiguous(t *testing.T) {
	message := func(items ...*kmehr.Element) *kmehr.Element {
		return kmehr.New("kmehrmessage", kmehr.New("folder", kmehr.New("patient"), kmehr.New("transaction", items...)))
	}
	item := func(contents ...*kmehr.Element) *kmehr.Element { return kmehr.New("item", contents...) }
	a := message(item(kmehr.Leaf("content", "x}1:y"), kmehr.Leaf("text", "")))
	b := message(item(kmehr.Leaf("content", "x")), item(kmehr.Leaf("content", "y")))
	c := message(item(kmehr.Leaf("content", "x"), kmehr.Leaf("content", "y")))
	d := message(item(kmehr.Leaf("content", "x\nitem{0:")), item(kmehr.Leaf("content", "y")))
	seen := map[string]bool{}
	for i, m := range []*kmehr.Element{a, b, c, d} {
		if digest := sumehr.Digest(m).String(); seen[digest] {
			t.Errorf("message %d has the digest of another", i)
		} else {
			seen[digest] = true
		}
	}
}
