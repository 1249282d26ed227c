package sumehr_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/internal/sharedtest"
	"github.com/carelog/carelog/projections/sumehr"
	"github.com/carelog/carelog/projections/sumehr/check"
	"github.com/carelog/carelog/projections/sumehr/kmehr"
)

// Traps 1 and 11: strict order of the schema, code and label apart, each text with its
// language, in small letters. A dossier that has everything shows it.
func TestTrapOrder(t *testing.T) {
	s := build(t, everything(t))
	for _, kind := range []string{"gmdmanager", "contactperson", "contacthcparty", "problem", "treatment", "allergy", "adr", "socialrisk", "risk", "patientwill", "medication", "vaccine"} {
		if len(items(s.Message, kind)) == 0 {
			t.Errorf("there is no %s in the dossier that has everything", kind)
		}
	}
	if list := errorsOf(s); len(list) > 0 {
		t.Error(list)
	}
	var walk func(e *kmehr.Element)
	walk = func(e *kmehr.Element) {
		if e.Name == "content" && e.At("cd") != nil && e.At("text") != nil {
			t.Errorf("code and label stand in one content: %s", short(e))
		}
		if language := e.Attribute("L"); e.Name == "text" && (language == "" || language != strings.ToLower(language)) {
			t.Errorf("a text has the language %q: %s", language, short(e))
		}
		for _, c := range e.Children {
			walk(c)
		}
	}
	walk(s.Message)
	if tx := s.Message.At("folder", "transaction"); len(tx.All("heading")) > 0 {
		t.Error("items stand beneath a heading")
	}
	validate(t, map[string][]byte{"everything": s.XML()})
}

// Trap 2: the official example breaks the schema, and the checker says where. Trap 3: what
// the schema lets pass, it does not. Trap 8: a Sumehr does not say its version.
func TestTrapSamples(t *testing.T) {
	root := sharedtest.Folder(t, "kmehr", "samples")
	for file, rule := range map[string]string{
		"ehealth-sumehr20-official-example.xml": "posology-both",
		"ehvalidator-01-sumehr11-clean.xml":     "inss-number", // ten digits pass the schema
		"evs-3-sumehr20-all-items.xml":          "standard-old",
	} {
		text, err := os.ReadFile(filepath.Join(root, file))
		if err != nil {
			t.Fatal(err)
		}
		message, err := kmehr.Read(text)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(check.Message(message, at), func(f check.Finding) bool { return string(f.Rule) == rule }) {
			t.Errorf("%s: %s is not found", file, rule)
		}
	}
}

// Trap 4: a new version names the one that it was made from.
func TestTrapNextVersion(t *testing.T) {
	next, err := sumehr.NextURI("/subject/58031499914/sumehr/81617/2")
	if err != nil || next != "/subject/58031499914/sumehr/81617/new/2" {
		t.Errorf("got %q, %v", next, err)
	}
	if _, err := sumehr.NextURI("/subject/58031499914/sumehr/0123456789abcdefABCDEF0123456789/12"); err != nil {
		t.Error(err)
	}
	for _, wrong := range []string{"", "/subject/58031499914/sumehr/new", "/subject/58031499914/sumehr/81617/new/2", "/subject/5803/sumehr/81617/2", "/subject/58031499914/sumehr/81617/2\n", "x/subject/58031499914/sumehr/81617/2"} {
		if got, err := sumehr.NextURI(wrong); err == nil {
			t.Errorf("%q became %q", wrong, got)
		}
	}
	in := dossier(t)
	if got := build(t, in).Message.At("folder", "transaction").Local(sumehr.VitalinkURI); got != "" {
		t.Errorf("a first Sumehr names %q", got)
	}
	in.Replaces = next
	s := build(t, in)
	if got := s.Message.At("folder", "transaction").Local(sumehr.VitalinkURI); got != next {
		t.Errorf("got %q", got)
	}
	validate(t, map[string][]byte{"next": s.XML()})
}

// Trap 6: the author is who is told, and not who made another Sumehr that stands here.
// Traps 5 and 7 are of the hub and not of a message.
func TestTrapAuthor(t *testing.T) {
	in := dossier(t, strings.NewReplacer(`"dr1"`, `"dr2"`, "10000007004", "10000106003").Replace(theDoctor))
	in.Author = "dr2"
	s := build(t, in)
	for _, party := range []*kmehr.Element{s.Message.At("header", "sender", "hcparty"), s.Message.At("folder", "transaction", "author", "hcparty")} {
		if party.ID("ID-HCPARTY") != "10000106003" || party.Code("CD-HCPARTY") != "persphysician" {
			t.Errorf("got %s", short(party))
		}
	}
	if !strings.HasPrefix(s.Message.At("header").ID("ID-KMEHR"), "10000106003.20261120093000123") {
		t.Errorf("the message is called %s", s.Message.At("header").ID("ID-KMEHR"))
	}
	in.Author = "gone"
	if s := build(t, in); !found(s, "author-number", "") || !found(s, "author-name", "") {
		t.Errorf("an author who is not there passes: %v", s.Findings)
	} else {
		validate(t, map[string][]byte{"no author": s.XML()})
	}
}

// Trap 9: what is confidential stays out, and that is said once; nothing else is said of it.
func TestTrapConfidential(t *testing.T) {
	records := map[string]string{
		"restricted problem":    of("Condition", restricted+`,`+status("active")+`,`+sugar+`,"onsetDateTime":"2016"`),
		"very restricted":       of("AllergyIntolerance", strings.Replace(restricted, `"R"`, `"V"`, 1)+`,`+sugar),
		"masked problem":        of("Condition", masked+`,`+status("active")+`,`+sugar+`,"onsetDateTime":"2016"`),
		"restricted drug":       of("MedicationStatement", restricted+`,"status":"active",`+drug),
		"restricted vaccine":    of("Immunization", restricted+`,"status":"completed","vaccineCode":{"coding":[{"system":"http://whocc.no/atc","code":"J07BB02"}]},"occurrenceDateTime":"2025"`),
		"restricted treatment":  of("Procedure", restricted+`,"status":"completed",`+sugar),
		"restricted will":       of("Consent", restricted+`,"status":"active","category":[{"coding":[{"code":"dnr"}]}]`),
		"masked flag":           of("Flag", masked+`,"status":"active","code":{"text":"suiker"}`),
		"restricted, and twice": of("Condition", restricted+`,`+status("active")+`,`+sugar),
	}
	messages := map[string][]byte{}
	for name, body := range records {
		s := build(t, dossier(t, body, strings.Replace(records["restricted problem"], `"x1"`, `"x2"`, 1)))
		if n := omissions(s); n != 1 {
			t.Errorf("%s: it is said %d times that something was left out", name, n)
		}
		if text := string(s.XML()); strings.Contains(text, "suiker") || strings.Contains(text, "Coversyl") || strings.Contains(text, "x1") || strings.Contains(text, "dnr1") {
			t.Errorf("%s: something of it is in the message\n%s", name, text)
		}
		if len(items(s.Message, "problem")) > 0 {
			t.Errorf("%s: no problem is said to be known, and one was held back", name)
		}
		if len(errorsOf(s)) > 0 {
			t.Errorf("%s: %v", name, errorsOf(s))
		}
		messages[name] = s.XML()
	}
	validate(t, messages)
	// What would not go in anyway is not held back.
	for name, body := range map[string]string{
		"over":       of("Condition", restricted+`,`+status("resolved")+`,`+sugar),
		"ended drug": of("MedicationStatement", restricted+`,"status":"stopped",`+drug),
		"note":       of("DocumentReference", restricted+`,"status":"current"`),
		"irrelevant": of("Condition", strings.Replace(restricted, `"meta":{`, `"meta":{"tag":[{"system":"https://carelog.eu/fhir/CodeSystem/sumehr","code":"irrelevant"}],`, 1)+`,`+status("active")+`,`+sugar),
	} {
		if s := build(t, dossier(t, body)); omissions(s) != 0 {
			t.Errorf("%s: it is said that something was left out", name)
		}
	}
	// One that a doctor wrote stands for both.
	own := of("Consent", `"status":"active","category":[{"coding":[{"system":"https://carelog.eu/fhir/CodeSystem/cd-patientwill","code":"omissionofmedicaldata"}]}]`)
	if s := build(t, dossier(t, own, strings.Replace(records["restricted problem"], `"x1"`, `"x2"`, 1))); omissions(s) != 1 {
		t.Errorf("it is said %d times that something was left out", omissions(s))
	}
	in := dossier(t)
	in.Records[0] = record(t, strings.Replace(thePatient, `"id":"p1"`, `"id":"p1",`+restricted, 1))
	if _, err := sumehr.Build(in); !errors.Is(err, sumehr.ErrConfidential) {
		t.Errorf("the dossier as a whole is confidential: got %v", err)
	}
}

func omissions(s *sumehr.Summary) int {
	return bytes.Count(s.XML(), []byte("omissionofmedicaldata"))
}

// Trap 10: that nothing is known is said of problems and treatments only, never beside one,
// and not where one cannot be read.
func TestTrapNothingKnown(t *testing.T) {
	none := func(s *sumehr.Summary) (kinds []string) {
		for _, item := range kmehr.Items(s.Message.At("folder", "transaction")) {
			if cd := item.Codes("CD-ITEM")[0]; cd.Attribute("nullFlavor") == "NA" {
				kinds = append(kinds, cd.Value())
				if item.At("lifecycle").Code("CD-LIFECYCLE") != "inactive" || item.At("content") != nil {
					t.Errorf("got %s", short(item))
				}
			}
		}
		return kinds
	}
	messages := map[string][]byte{}
	for name, c := range map[string]struct {
		records []string
		want    string
	}{
		"nothing at all":                    {nil, "problem treatment"},
		"a problem":                         {[]string{of("Condition", status("active")+`,`+sugar+`,"onsetDateTime":"2016"`)}, "treatment"},
		"a past problem":                    {[]string{of("Condition", relevant+`,`+status("resolved")+`,`+sugar)}, "treatment"},
		"one that is over and not relevant": {[]string{of("Condition", status("resolved")+`,`+sugar)}, "problem treatment"},
		"a treatment":                       {[]string{of("Procedure", `"status":"completed",`+sugar)}, "problem"},
		"one that nobody can read":          {[]string{`{"resourceType":"Condition","id":"x1","code":"suiker"}`}, ""},
	} {
		s := build(t, dossier(t, c.records...))
		if got := strings.Join(none(s), " "); got != c.want {
			t.Errorf("%s: nothing is said to be known of %q, want %q", name, got, c.want)
		}
		if name == "one that nobody can read" && !found(s, "record-unreadable", "Condition/x1") {
			t.Errorf("%s: it is not named", name)
		}
		messages[name] = s.XML()
	}
	validate(t, messages)
	in := dossier(t, of("Condition", sugar))
	in.Records[2].Heads = []sumehr.Head{{Unopened: true}}
	if s := build(t, in); len(none(s)) > 0 || !found(s, "record-unopened", "Condition/x1") {
		t.Errorf("nothing is said to be known of %v, and a record was not opened: %v", none(s), s.Findings)
	}
	in.Records[2].Heads = []sumehr.Head{{}}
	if s := build(t, in); len(none(s)) != 2 || len(s.Findings) != len(build(t, dossier(t)).Findings) {
		t.Errorf("what was deleted counts: %v", s.Findings)
	}
}

// A record in conflict is named where one of its versions goes in, and the versions that the
// message was made from are all told.
func TestConflicts(t *testing.T) {
	diabetes := of("Condition", status("active")+`,`+sugar+`,"onsetDateTime":"2016"`)
	over := of("Condition", status("resolved")+`,`+sugar)
	refuted := of("Condition", verified("refuted")+`,`+sugar)
	for name, c := range map[string]struct {
		heads []string
		want  bool
	}{
		"both go in":           {[]string{diabetes, strings.Replace(diabetes, "2016", "2017", 1)}, true},
		"the shown one":        {[]string{diabetes, over}, true},
		"the other one":        {[]string{over, diabetes}, true},
		"none":                 {[]string{over, refuted}, false},
		"confidential in one":  {[]string{over, strings.Replace(diabetes, `"id":"x1"`, `"id":"x1",`+restricted, 1)}, true},
		"one head, no dispute": {[]string{diabetes}, false},
	} {
		in := dossier(t)
		r := record(t, c.heads...)
		for i := range r.Heads {
			r.Heads[i].Version = id(byte(i + 1))
		}
		in.Records = append(in.Records, r)
		s := build(t, in)
		if got := slices.Contains(s.Conflicts, events.Record{Type: "Condition", ID: "x1"}); got != c.want {
			t.Errorf("%s: in conflict %v, want %v", name, got, c.want)
		}
		n := 0
		for _, m := range s.Made {
			if m.Record.Type == "Condition" {
				n++
			}
		}
		if want := len(c.heads); c.want && n != want {
			t.Errorf("%s: %d versions are named, want %d", name, n, want)
		}
	}
	in := dossier(t, diabetes)
	in.Records[2].Heads = append([]sumehr.Head{{Version: id(7)}}, in.Records[2].Heads...) // a deletion, shown
	if s := build(t, in); len(items(s.Message, "problem")) != 1 || !slices.Contains(s.Conflicts, events.Record{Type: "Condition", ID: "x1"}) {
		t.Error("a deletion beside a live version is a conflict")
	}
}

func id(n byte) (v events.ID) {
	v[15] = n
	return v
}

// A dossier without its patient makes nothing.
func TestNoPatient(t *testing.T) {
	in := dossier(t)
	in.Patient = "p2"
	if _, err := sumehr.Build(in); !errors.Is(err, sumehr.ErrNoPatient) {
		t.Errorf("got %v", err)
	}
}
