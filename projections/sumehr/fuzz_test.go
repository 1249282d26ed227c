package sumehr_test

import (
	"bytes"
	"testing"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections/fhirjson"
	"github.com/carelog/carelog/projections/sumehr"
	"github.com/carelog/carelog/projections/sumehr/kmehr"
	"github.com/carelog/carelog/projections/sumehr/readable"
	"github.com/carelog/carelog/projections/sumehr/resources"
)

// FuzzBuild: whatever stands in a record, the message can be written, is read back as it is,
// and is the same every time.
func FuzzBuild(f *testing.F) {
	for _, r := range everything(f).Records[2:] {
		f.Add(r.Heads[0].Body)
	}
	f.Add([]byte(`{"resourceType":"Condition","id":"x1","code":{"text":"\u0000\ud800 ]]>"},"onsetDateTime":"T"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		head, err := fhirjson.Check(body)
		if err != nil || head.ResourceType == "Patient" {
			return
		}
		in := dossier(t)
		in.Records = append(in.Records, sumehr.Record{Record: events.Record{Type: head.ResourceType, ID: "x1"}, Heads: []sumehr.Head{{Body: body}}})
		s := build(t, in)
		back, err := kmehr.Read(s.XML())
		if err != nil {
			t.Fatal(err)
		}
		if sumehr.Digest(back) != sumehr.Digest(s.Message) && !bytes.ContainsRune(s.XML(), '\uFFFD') {
			t.Fatalf("the message says something else when it is read:\n%s", s.XML())
		}
		if !bytes.Equal(build(t, in).XML(), s.XML()) {
			t.Fatal("the same dossier gives another message")
		}
		for _, finding := range s.Findings {
			_ = finding.Text("fr")
		}
		sumehr.References(in.Records, "")
	})
}

// FuzzResources: whatever is a message is read without a panic, the same every time, into
// JSON that is sound; and can be shown.
func FuzzResources(f *testing.F) {
	f.Add(build(f, everything(f)).XML())
	f.Add(build(f, dossier(f)).XML())
	f.Fuzz(func(t *testing.T, text []byte) {
		message, err := kmehr.Read(text)
		if err != nil {
			return
		}
		if err := readable.Of(message, "nl").Text(&bytes.Buffer{}, "nl"); err != nil {
			t.Fatal(err)
		}
		resources.PeopleOf(message)
		read, err := resources.Of(message, resources.Known{})
		if err != nil {
			return
		}
		for _, r := range read.Resources {
			head, err := fhirjson.Check(r.Body)
			if err != nil || head.ResourceType != r.Type || head.ID != r.ID {
				t.Fatalf("%v\n%s", err, r.Body)
			}
		}
	})
}
