package sumehr_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/internal/sharedtest"
	"github.com/carelog/carelog/projections/sumehr"
	"github.com/carelog/carelog/projections/sumehr/check"
	"github.com/carelog/carelog/projections/sumehr/kmehr"
)

// at is when the Sumehrs of the tests are made: a winter morning in Belgium.
var at = time.Date(2026, time.November, 20, 9, 30, 0, 123_000_000, time.FixedZone("CET", 3600))

// Records of a patient of whom nothing is known but who it is. The numbers have valid check
// digits and belong to nobody: sequence 999 is never given out.
const (
	thePatient = `{"resourceType":"Patient","id":"p1","identifier":[{"system":"https://www.ehealth.fgov.be/standards/fhir/core/NamingSystem/ssin","value":"58031499914"}],
		"name":[{"family":"Testpatiënt","given":["Fictief"]}],"gender":"male","birthDate":"1958-03-14",
		"communication":[{"language":{"coding":[{"system":"urn:ietf:bcp:47","code":"nl-BE"}]}}],"generalPractitioner":[{"reference":"Practitioner/dr1"}]}`
	theDoctor = `{"resourceType":"Practitioner","id":"dr1","identifier":[{"system":"https://www.ehealth.fgov.be/standards/fhir/core/NamingSystem/nihdi","value":"10000007004"},
		{"system":"https://www.ehealth.fgov.be/standards/fhir/core/NamingSystem/ssin","value":"85052099927"}],"name":[{"family":"Voorbeeldarts","given":["Testine"]}],
		"qualification":[{"code":{"coding":[{"system":"https://www.ehealth.fgov.be/standards/fhir/core/CodeSystem/cd-hcparty","code":"persphysician"}]}}],
		"address":[{"use":"work","line":["Praktijkdreef 1"],"city":"Nergenshuizen","postalCode":"9999","country":"BE"}],"telecom":[{"system":"phone","use":"work","value":"000000001"}]}`
)

// record makes a record of one version.
func record(t testing.TB, bodies ...string) sumehr.Record {
	t.Helper()
	var r sumehr.Record
	for _, body := range bodies {
		var head struct{ ResourceType, ID string }
		if err := json.Unmarshal([]byte(body), &head); err != nil {
			t.Fatalf("%v\n%s", err, body)
		}
		r.Record = events.Record{Type: head.ResourceType, ID: head.ID}
		r.Heads = append(r.Heads, sumehr.Head{Body: []byte(body)})
	}
	return r
}

// dossier is the patient, the doctor and what else is given.
func dossier(t testing.TB, bodies ...string) sumehr.Input {
	t.Helper()
	in := sumehr.Input{Patient: "p1", At: at, Records: []sumehr.Record{record(t, thePatient), record(t, theDoctor)}}
	for _, body := range bodies {
		in.Records = append(in.Records, record(t, body))
	}
	return in
}

func build(t testing.TB, in sumehr.Input) *sumehr.Summary {
	t.Helper()
	s, err := sumehr.Build(in)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// items returns those of a kind.
func items(message *kmehr.Element, kind string) (found []*kmehr.Element) {
	for _, item := range kmehr.Items(message.At("folder", "transaction")) {
		if item.Code("CD-ITEM") == kind {
			found = append(found, item)
		}
	}
	return found
}

// short writes an element on one line, without what every message has.
func short(e *kmehr.Element) string {
	if e == nil {
		return ""
	}
	text := string(kmehr.Write(e))
	_, text, _ = strings.Cut(text, "\n")
	for _, noise := range []string{"\n", "  ", ` xmlns="` + kmehr.Namespace + `"`} {
		text = strings.ReplaceAll(text, noise, "")
	}
	return text
}

func errorsOf(s *sumehr.Summary) (list []string) {
	for _, f := range check.Errors(s.Findings) {
		list = append(list, fmt.Sprintf("%s (item %d %s, %s): %s", f.Rule, f.Item, f.Kind, f.Record, f.Text("en")))
	}
	return list
}

// schemas are the releases of KMEHR that a message must fit: that of Sumehr 2.0, that which
// the hubs import, and the newest.
var schemas = []string{"1_19", "1_26", "1_43"}

// validate holds messages against every schema. Without xmllint the test is skipped, but not
// in CI, where its absence would go unseen.
func validate(t testing.TB, messages map[string][]byte) {
	t.Helper()
	root := sharedtest.Folder(t, "kmehr", "xsd", "ehealth-kmehr", "XSD")
	xmllint, err := exec.LookPath("xmllint")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("there is no xmllint (libxml2-utils), and CI must hold messages against the schemas")
		}
		t.Skip("there is no xmllint (libxml2-utils) on this machine, so nothing holds messages against the schemas")
	}
	folder := t.TempDir()
	var files []string
	for name, message := range messages {
		file := filepath.Join(folder, strings.NewReplacer("/", "_", " ", "_").Replace(name)+".xml")
		if err := os.WriteFile(file, message, 0o600); err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	for _, schema := range schemas {
		for part := files; len(part) > 0; {
			n := min(200, len(part))
			args := append([]string{"--noout", "--nonet", "--schema", filepath.Join(root, "kmehr_elements-"+schema+".xsd")}, part[:n]...)
			if out, err := exec.Command(xmllint, args...).CombinedOutput(); err != nil {
				var wrong []string
				for _, line := range strings.Split(string(out), "\n") {
					if line != "" && !strings.HasSuffix(line, " validates") {
						wrong = append(wrong, line)
					}
				}
				t.Fatalf("by schema %s: %v\n%s", schema, err, strings.Join(wrong[:min(20, len(wrong))], "\n"))
			}
			part = part[n:]
		}
	}
}
