package standing_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections/fhirjson/structure"
	"github.com/carelog/carelog/projections/sumehr"
	"github.com/carelog/carelog/projections/sumehr/standing"
)

// at is the moment of every judgement here.
var at = time.Date(2026, time.November, 20, 9, 30, 0, 0, time.FixedZone("CET", 3600))

// The numbers have valid check digits and belong to nobody: sequence 999 is never given out.
const (
	thePatient = `{"resourceType":"Patient","id":"p1","identifier":[{"system":"https://www.ehealth.fgov.be/standards/fhir/core/NamingSystem/ssin","value":"58031499914"}],
		"name":[{"family":"Voorbeeld","given":["Fictief"]}],"gender":"male","birthDate":"1958-03-14","generalPractitioner":[{"reference":"Practitioner/dr1"}]}`
	numberless  = `{"resourceType":"Patient","id":"p1","name":[{"family":"Voorbeeld"}],"gender":"male","birthDate":"1958-03-14","generalPractitioner":[{"reference":"Practitioner/dr1"}]}`
	misnumbered = `{"resourceType":"Patient","id":"p1","identifier":[{"system":"https://www.ehealth.fgov.be/standards/fhir/core/NamingSystem/ssin","value":"58031499915"}],
		"name":[{"family":"Voorbeeld"}],"gender":"male","birthDate":"1958-03-14","generalPractitioner":[{"reference":"Practitioner/dr1"}]}`
	secret    = `{"resourceType":"Patient","id":"p1","meta":{"security":[{"code":"R"}]},"name":[{"family":"Voorbeeld"}]}`
	theDoctor = `{"resourceType":"Practitioner","id":"dr1","identifier":[{"system":"https://www.ehealth.fgov.be/standards/fhir/core/NamingSystem/nihdi","value":"10000007004"}],
		"name":[{"family":"Voorbeeldarts","given":["Testine"]}],"qualification":[{"code":{"coding":[{"system":"https://www.ehealth.fgov.be/standards/fhir/core/CodeSystem/cd-hcparty","code":"persphysician"}]}}]}`
	asthma     = `{"resourceType":"Condition","id":"c1","subject":{"reference":"Patient/p1"},"code":{"text":"Astma"},"onsetDateTime":"2001"}`
	asthma2002 = `{"resourceType":"Condition","id":"c1","subject":{"reference":"Patient/p1"},"code":{"text":"Astma"},"onsetDateTime":"2002"}`
	beginless  = `{"resourceType":"Condition","id":"c1","subject":{"reference":"Patient/p1"},"code":{"text":"Astma"}}`
	note       = `{"resourceType":"Communication","id":"n1","subject":{"reference":"Patient/p1"},"status":"completed"}`
)

const (
	marks    = sumehr.MarkSystem
	consents = sumehr.TableBase + "cd-consenttype"
	links    = sumehr.TableBase + "cd-therapeuticlinktype"
)

// consent is a Consent in which more may stand.
func consent(id, status, system, code, more string) string {
	return fmt.Sprintf(`{"resourceType":"Consent","id":%q,"status":%q,"patient":{"reference":"Patient/p1"},"category":[{"coding":[{"system":%q,"code":%q}]}]%s}`, id, status, system, code, more)
}

func provision(kind, start, end string) string {
	return fmt.Sprintf(`,"provision":{"type":%q,"period":{"start":%q,"end":%q}}`, kind, start, end)
}

// version is an event id of a second after the beginning of 2026.
func version(second int) (id events.ID) {
	ms := time.Date(2026, 1, 1, 0, 0, second, 0, time.UTC).UnixMilli()
	for i := range 6 {
		id[i] = byte(ms >> (40 - 8*i))
	}
	return id
}

// dossier holds a record of each body, or of each group of bodies its heads, of ascending versions.
type dossier map[string][]string

// usual is a dossier in which nothing stands in the way; changes take its records' place.
func usual(changes dossier) dossier {
	d := dossier{
		"Patient/p1": {thePatient}, "Practitioner/dr1": {theDoctor}, "Condition/c1": {asthma},
		"Consent/wish": {consent("wish", "active", marks, standing.WishCode, "")},
		"Consent/yes":  {consent("yes", "active", consents, "retrospective", "")},
		"Consent/link": {consent("link", "active", links, "gmd", provision("permit", "2020-01-01", "2030"))},
	}
	for name, heads := range changes {
		d[name] = heads
	}
	return d
}

func (d dossier) input(t testing.TB) sumehr.Input {
	t.Helper()
	in := sumehr.Input{Patient: "p1", At: at}
	second := 0
	for _, name := range slices.Sorted(maps.Keys(d)) {
		r := sumehr.Record{}
		for _, body := range d[name] {
			var head struct{ ResourceType, ID string }
			if err := json.Unmarshal([]byte(body), &head); err != nil {
				t.Fatalf("%v\n%s", err, body)
			}
			second++
			r.Record = events.Record{Type: head.ResourceType, ID: head.ID}
			r.Heads = append(r.Heads, sumehr.Head{Version: version(second), Body: []byte(body)})
		}
		if len(r.Heads) > 0 {
			in.Records = append(in.Records, r)
		}
	}
	return in
}

// published is the record that a publication of the dossier leaves, as the hub has it.
func published(t testing.TB, of dossier, revoked bool) string {
	t.Helper()
	f := standing.Read(of.input(t))
	body, err := standing.Publication{
		Record: events.Record{Type: "DocumentReference", ID: "pub"}, Revoked: revoked, URI: "/subject/58031499914/sumehr/12345/1", Hub: sumehr.Vitalink.EHP,
		Digest: f.Digest, At: at.Add(-time.Hour), Author: "dr1", Made: f.Made,
	}.Body("p1")
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// ready is a desk at which nothing stands in the way.
var ready = standing.Desk{Level: true, Hub: standing.Hub{SetUp: true, Session: true}}

func with(change func(*standing.Desk)) standing.Desk {
	d := ready
	change(&d)
	return d
}

func trouble(r standing.Reason) standing.Desk {
	return with(func(d *standing.Desk) {
		d.Hub.Trouble, d.Hub.Detail, d.Hub.Next = r, "says the hub", at.Add(time.Minute)
	})
}

func TestJudge(t *testing.T) {
	deny := provision("deny", "", "")
	over := provision("permit", "2020-01-01", "2026-11-19")
	same := published(t, usual(nil), false)
	for _, c := range []struct {
		name    string
		records dossier
		desk    standing.Desk
		want    standing.Reason
		blame   []string
	}{
		{"nobody wishes it", dossier{"Consent/wish": nil}, ready, standing.Off, nil},
		{"the wish was switched off", dossier{"Consent/wish": {consent("wish", "inactive", marks, standing.WishCode, "")}}, ready, standing.Off, nil},
		{"the wish is over", dossier{"Consent/wish": {consent("wish", "active", marks, standing.WishCode, over)}}, ready, standing.Off, nil},
		{"the patient refuses and nobody wishes", dossier{"Consent/wish": {consent("wish", "active", marks, standing.WishCode, deny)}}, ready, standing.Off, nil},
		{"the patient refuses", dossier{"Consent/no": {consent("no", "active", marks, standing.WishCode, deny)}}, ready, standing.Refused, []string{"Consent/no", "Consent/wish"}},
		{"the patient refused, and does no more", dossier{"Consent/no": {consent("no", "active", marks, standing.WishCode, provision("deny", "", "2026-11-19"))}}, ready, standing.Waiting, nil},
		{"no number", dossier{"Patient/p1": {numberless}}, ready, standing.Number, []string{"Patient/p1"}},
		{"a wrong number", dossier{"Patient/p1": {misnumbered}}, ready, standing.Number, []string{"Patient/p1"}},
		{"no consent", dossier{"Consent/yes": nil}, ready, standing.NoConsent, nil},
		{"consent withdrawn", dossier{"Consent/yes": {consent("yes", "active", consents, "retrospective", deny)}}, ready, standing.NoConsent, []string{"Consent/yes"}},
		{"the hub knows of no consent", nil, trouble(standing.NoConsent), standing.NoConsent, []string{"Consent/yes"}},
		{"no relation", dossier{"Consent/link": nil}, ready, standing.NoRelation, nil},
		{"the relation is over", dossier{"Consent/link": {consent("link", "active", links, "gmd", over)}}, ready, standing.NoRelation, []string{"Consent/link"}},
		{"the relation is to begin", dossier{"Consent/link": {consent("link", "active", links, "gmd", provision("permit", "2026-12", ""))}}, ready, standing.NoRelation, []string{"Consent/link"}},
		{"the hub knows of no relation", nil, trouble(standing.NoRelation), standing.NoRelation, []string{"Consent/link"}},
		{"a conflict on what goes in", dossier{"Condition/c1": {asthma, asthma2002}}, ready, standing.Conflict, []string{"Condition/c1"}},
		{"a conflict on what does not go in", dossier{"Communication/n1": {note, note}}, ready, standing.Waiting, nil},
		{"a conflict on the wish", dossier{"Consent/wish": {consent("wish", "inactive", marks, standing.WishCode, ""), consent("wish", "active", marks, standing.WishCode, "")}}, ready, standing.Conflict, []string{"Consent/wish"}},
		{"a conflict makes what was published doubtful", dossier{"Condition/c1": {asthma, asthma2002}, "DocumentReference/pub": {same}}, ready, standing.Conflict, []string{"Condition/c1"}},
		{"not level", nil, with(func(d *standing.Desk) { d.Level = false }), standing.NotLevel, nil},
		{"queued", nil, with(func(d *standing.Desk) { d.Queued = true }), standing.NotLevel, nil},
		{"breaks a rule", dossier{"Condition/c1": {beginless}}, ready, standing.Invalid, nil},
		{"confidential as a whole", dossier{"Patient/p1": {secret}}, ready, standing.Invalid, nil},
		{"no patient", dossier{"Patient/p1": nil}, ready, standing.Invalid, nil},
		{"the hub refuses the message", nil, trouble(standing.Invalid), standing.Invalid, nil},
		{"no hub", nil, standing.Desk{Level: true}, standing.NoHub, nil},
		{"no session", nil, with(func(d *standing.Desk) { d.Hub.Session = false }), standing.NoSession, nil},
		{"a session that did not do", nil, trouble(standing.NoSession), standing.NoSession, nil},
		{"gathered", nil, trouble(standing.Waiting), standing.Waiting, nil},
		{"unreachable", nil, trouble(standing.Unreachable), standing.Unreachable, nil},
		{"unknown", nil, trouble(standing.Unknown), standing.Unknown, nil},
		{"a foreign one", nil, trouble(standing.Foreign), standing.Foreign, nil},
		{"a foreign one took the place of ours", dossier{"DocumentReference/pub": {same}}, trouble(standing.Foreign), standing.Foreign, nil},
		{"another practice keeps the file", dossier{"Consent/link": {consent("link", "active", links, "gpconsultation", "")}}, ready, standing.NotOurs, []string{"Consent/link"}},
		{"about to be sent", nil, ready, standing.Waiting, nil},
		{"revoked", dossier{"DocumentReference/pub": {published(t, usual(nil), true)}}, ready, standing.Waiting, nil},
		{"changed since", dossier{"DocumentReference/pub": {published(t, usual(dossier{"Condition/c1": nil}), false)}}, ready, standing.Waiting, nil},
		{"newest", dossier{"DocumentReference/pub": {same}}, ready, standing.Newest, nil},
		{"newest, though the line is down and the consent withdrawn", dossier{"DocumentReference/pub": {same}, "Consent/yes": nil}, standing.Desk{}, standing.Newest, nil},
		{"newest after a change that says nothing", dossier{"DocumentReference/pub": {same}, "Communication/n1": {note}}, ready, standing.Newest, nil},
		{"a publication of another kind", dossier{"DocumentReference/pub": {`{"resourceType":"DocumentReference","id":"pub","status":"current","category":[{"text":"letter"}]}`}}, ready, standing.Waiting, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := standing.Read(usual(c.records).input(t))
			got := standing.Judge(f, c.desk)
			if got.Reason != c.want {
				t.Fatalf("got %s, want %s\n%+v", got.Reason, c.want, f)
			}
			if got := got.Records; !slices.Equal(got, c.blame) {
				t.Errorf("blames %v, want %v", got, c.blame)
			}
			said := c.desk.Hub.Trouble == c.want && c.want != ""
			if (got.Next.IsZero() || got.Detail == "") && said {
				t.Errorf("the hub's words and the next attempt are lost: %+v", got)
			}
			if c.want == standing.Invalid && !said && len(got.Findings) == 0 && got.Detail == "" {
				t.Errorf("it is not said what is invalid: %+v", got)
			}
			if f.Newest() && c.want != standing.Newest && c.want != standing.Foreign && c.want != standing.Twice {
				t.Error("it is the newest and in the table")
			}
		})
	}
}

// Where all stands in the way at once, the reasons come in their order, each when the one
// before it is out of the way.
func TestReasonsComeInTheirOrder(t *testing.T) {
	all := usual(dossier{
		"Consent/no": {consent("no", "active", marks, standing.WishCode, provision("deny", "", ""))}, "Patient/p1": {numberless}, "Consent/yes": nil,
		"Consent/link": nil, "Condition/c1": {beginless, asthma},
	})
	desk := standing.Desk{}
	steps := []func(){
		func() { all["Consent/no"] = nil },
		func() { all["Patient/p1"] = []string{thePatient} },
		func() { all["Consent/yes"] = usual(nil)["Consent/yes"] },
		func() { all["Consent/link"] = []string{consent("link", "active", links, "gpconsultation", "")} },
		func() { all["Condition/c1"] = []string{beginless} },
		func() { desk.Level = true },
		func() { all["Condition/c1"] = []string{asthma} },
		func() { desk.Hub.SetUp = true },
		func() { desk.Hub.Session, desk.Hub.Trouble = true, standing.Unreachable },
		func() { desk.Hub.Trouble = standing.Unknown },
		func() { desk.Hub.Trouble = standing.Foreign },
		func() { desk.Hub.Trouble = standing.Twice },
		func() { desk.Hub.Trouble = "" },
		func() { all["Consent/link"] = usual(nil)["Consent/link"] },
	}
	var got []standing.Reason
	for _, step := range append([]func(){func() {}}, steps...) {
		step()
		got = append(got, standing.Judge(standing.Read(all.input(t)), desk).Reason)
	}
	if d := cmp.Diff(standing.Reasons, got); d != "" {
		t.Error(d)
	}
}

// Since is the first change that the hub does not have.
func TestSince(t *testing.T) {
	in := usual(nil).input(t)
	f := standing.Read(in)
	wish := in.Records[slices.IndexFunc(in.Records, func(r sumehr.Record) bool { return r.ID == "wish" })].Heads[0].Version
	if got := standing.Judge(f, ready).Since; !got.Equal(wish.Time()) {
		t.Errorf("never published: since %v, want the wish, %v", got, wish.Time())
	}
	in.Records = append(in.Records, sumehr.Record{Record: events.Record{Type: "DocumentReference", ID: "pub"},
		Heads: []sumehr.Head{{Version: version(50), Body: []byte(published(t, usual(nil), false))}}})
	c1 := slices.IndexFunc(in.Records, func(r sumehr.Record) bool { return r.ID == "c1" })
	in.Records[c1].Heads = []sumehr.Head{{Version: version(60), Body: []byte(asthma2002)}}
	if got := standing.Judge(standing.Read(in), ready); got.Reason != standing.Waiting || !got.Since.Equal(version(60).Time()) {
		t.Errorf("changed: got %+v, want since %v", got, version(60).Time())
	}
	in.Records = slices.Delete(in.Records, c1, c1+1)
	if got := standing.Judge(standing.Read(in), ready); got.Reason != standing.Waiting || !got.Since.IsZero() {
		t.Errorf("what fell away: got %+v, want no moment", got)
	}
}

// Of a Sumehr that was found on the hub it is not known what it was made from: its moment
// stands in for that.
func TestSinceOfWhatWasFound(t *testing.T) {
	in := usual(nil).input(t)
	found, err := standing.Publication{URI: "/subject/58031499914/sumehr/12345/1", At: version(20).Time()}.Body("p1")
	if err != nil {
		t.Fatal(err)
	}
	in.Records = append(in.Records, sumehr.Record{Record: events.Record{Type: "DocumentReference", ID: "pub"}, Heads: []sumehr.Head{{Version: version(50), Body: found}}})
	c1 := slices.IndexFunc(in.Records, func(r sumehr.Record) bool { return r.ID == "c1" })
	in.Records[c1].Heads = []sumehr.Head{{Version: version(40), Body: []byte(asthma2002)}}
	if got := standing.Judge(standing.Read(in), ready); got.Reason != standing.Waiting || !got.Since.Equal(version(40).Time()) {
		t.Errorf("got %+v, want since %v", got, version(40).Time())
	}
}

// Consent and relation are told whether or not a Sumehr is wished.
func TestDuties(t *testing.T) {
	f := standing.Read(usual(dossier{"Consent/wish": nil}).input(t))
	if f.Wished || !f.Consent.Holds || f.Consent.Since.IsZero() || !slices.Equal(f.Relation.Records, []string{"Consent/link"}) || !f.Ours {
		t.Errorf("got %+v", f)
	}
}

// What is recorded of a publication is read again as it was, and of two the newest counts.
func TestPublication(t *testing.T) {
	of := usual(nil)
	f := standing.Read(of.input(t))
	p := standing.Publication{
		Record: events.Record{Type: "DocumentReference", ID: "pub"}, URI: "/subject/58031499914/sumehr/12345/7", Hub: "1990001916",
		Digest: f.Digest, At: at.UTC(), Author: "dr1", Made: f.Made,
	}
	first, err := p.Body("p1")
	if err != nil {
		t.Fatal(err)
	}
	p.URI = "/subject/58031499914/sumehr/12345/8"
	second, err := p.Body("p1")
	if err != nil {
		t.Fatal(err)
	}
	if err := structure.Check(first); err != nil {
		t.Errorf("it is no FHIR: %v", err)
	}
	of["DocumentReference/pub"] = []string{string(first), string(second)}
	in := of.input(t)
	for _, r := range in.Records {
		if r.Type == "DocumentReference" {
			p.Version = r.Heads[1].Version
			slices.Reverse(r.Heads)
		}
	}
	if len(p.Made) < 2 {
		t.Fatalf("made of %v: the test has nothing to lose", p.Made)
	}
	if d := cmp.Diff(&p, standing.Read(in).Published); d != "" {
		t.Error(d)
	}
}

// Every reason says what it is and, but where nothing can be done, what to do.
func TestTexts(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range append([]standing.Reason{standing.Off, standing.Newest}, standing.Reasons...) {
		for _, language := range standing.Languages {
			text := r.Text(language)
			if text == "" || seen[text] {
				t.Errorf("%s in %s: %q", r, language, text)
			}
			seen[text] = true
		}
		if r.Text("xx") != r.Text("en") {
			t.Errorf("%s has no text in a language that is not known", r)
		}
	}
}

// Whatever stands in the records there is a judgement, with words.
func FuzzRead(f *testing.F) {
	f.Add([]byte(consent("x", "active", marks, standing.WishCode, provision("deny", "2020", "é"))))
	f.Add([]byte(consent("x", "active", links, "gmd", `,"policyRule":{"coding":[null]}`)))
	f.Add([]byte(published(f, usual(nil), false)))
	f.Add([]byte(`{"category":[{"coding":[{"system":"` + marks + `","code":"published"}]}],"context":{"related":[{"reference":"a/b/_history/"}]}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		in := usual(nil).input(t)
		for _, kind := range []string{"Consent", "DocumentReference"} {
			in.Records = append(in.Records, sumehr.Record{Record: events.Record{Type: kind, ID: "x"}, Heads: []sumehr.Head{{Version: version(99), Body: body}, {Version: version(98)}}})
		}
		if j := standing.Judge(standing.Read(in), ready); j.Reason.Text("nl") == "" {
			t.Errorf("%q has no words", j.Reason)
		}
	})
}
