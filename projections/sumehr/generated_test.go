package sumehr_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/carelog/carelog/agent/synthetic"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/internal/sharedtest"
	"github.com/carelog/carelog/projections/fhirjson"
	"github.com/carelog/carelog/projections/fhirjson/sampletest"
	"github.com/carelog/carelog/projections/fhirjson/structure"
	"github.com/carelog/carelog/projections/sumehr"
	"github.com/carelog/carelog/projections/sumehr/kmehr"
)

// patients is how many made-up patients are tried: all where CARELOG_SUMEHRS says so.
func patients(t *testing.T) int {
	if text := os.Getenv("CARELOG_SUMEHRS"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	return 25
}

// practice makes up dossiers, one for each patient.
func practice(t testing.TB, n int) (dossiers []sumehr.Input) {
	t.Helper()
	var office []sumehr.Record
	place := map[string]int{}
	for r := range synthetic.Generate(t.Context(), synthetic.Options{Patients: n, Seed: 11}) {
		one := sumehr.Record{Record: events.Record{Type: r.Type, ID: r.ID}, Heads: []sumehr.Head{{Body: r.Body}}}
		patient, err := fhirjson.PatientOf(r.Body, structure.IsType)
		if err != nil {
			t.Fatal(err)
		}
		if patient == "" {
			office = append(office, one)
			continue
		}
		if r.Type == "Patient" {
			place[patient] = len(dossiers)
			dossiers = append(dossiers, sumehr.Input{Patient: patient, At: at, Records: office})
		}
		d := &dossiers[place[patient]]
		d.Records = append(d.Records[:len(d.Records):len(d.Records)], one)
	}
	return dossiers
}

// Every message of a made-up practice follows the three schemas and breaks no rule; those
// of patients without a number in the National Register break that one.
func TestGeneratedPatients(t *testing.T) {
	messages := map[string][]byte{}
	counts := map[string]int{}
	for i, in := range practice(t, patients(t)) {
		s := build(t, in)
		for _, e := range errorsOf(s) {
			if strings.HasPrefix(e, "patient-inss") && !numbered(in) {
				counts["without a number"]++
				continue
			}
			t.Errorf("patient %d: %s", i, e)
		}
		if len(s.Conflicts) > 0 {
			t.Errorf("patient %d: %v in conflict", i, s.Conflicts)
		}
		messages[fmt.Sprintf("patient-%d", i)] = s.XML()
		for _, item := range kmehr.Items(s.Message.At("folder", "transaction")) {
			counts[item.Code("CD-ITEM")]++
		}
	}
	t.Logf("%d messages with %v", len(messages), counts)
	for _, kind := range []string{"gmdmanager", "problem", "treatment", "allergy", "adr", "medication", "vaccine"} {
		if counts[kind] == 0 {
			t.Errorf("there is no %s among them", kind)
		}
	}
	validate(t, messages)
}

// numbered reports whether the patient has a number in the National Register.
func numbered(in sumehr.Input) bool {
	return slices.ContainsFunc(in.Records, func(r sumehr.Record) bool {
		return r.Type == "Patient" && bytes.Contains(r.Heads[0].Body, []byte(sumehr.SystemSSIN))
	})
}

// The bundles of Synthea are of Americans. With a Belgian number and doctor, what is made of
// them follows the schemas and breaks no rule.
func TestSharedBundles(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(sharedtest.Folder(t, "fhir-samples"), "synthea", "*.json.gz"))
	if err != nil || len(files) == 0 {
		t.Fatal(err, len(files))
	}
	step := 1
	if os.Getenv("CARELOG_SUMEHRS") == "" {
		step = 24
	}
	messages := map[string][]byte{}
	for i := 0; i < len(files); i += step {
		in := sumehr.Input{At: at, Author: "dr1", Records: []sumehr.Record{record(t, theDoctor)}}
		for _, body := range sampletest.Entries(t, sampletest.Read(t, files[i])) {
			var head struct{ ResourceType, ID string }
			if err := json.Unmarshal(body, &head); err != nil {
				t.Fatal(err)
			}
			body = bytes.ReplaceAll(body, []byte("urn:uuid:"), []byte("Any/"))
			if head.ResourceType == "Patient" {
				in.Patient = head.ID
				body = belgian(t, body)
			}
			in.Records = append(in.Records, sumehr.Record{Record: events.Record{Type: head.ResourceType, ID: head.ID}, Heads: []sumehr.Head{{Body: body}}})
		}
		s := build(t, in)
		for _, e := range errorsOf(s) {
			t.Errorf("%s: %s", filepath.Base(files[i]), e)
		}
		messages[filepath.Base(files[i])] = s.XML()
	}
	validate(t, messages)
}

// belgian gives a patient the number of nobody in the National Register.
func belgian(t *testing.T, body []byte) []byte {
	t.Helper()
	var members map[string]json.RawMessage
	if err := json.Unmarshal(body, &members); err != nil {
		t.Fatal(err)
	}
	members["identifier"] = json.RawMessage(`[{"system":"` + sumehr.SystemSSIN + `","value":"58031499914"}]`)
	body, err := json.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// The resources of HL7's examples are put into one dossier, whatever they are of.
func TestSharedExamples(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(sharedtest.Folder(t, "fhir-samples"), "hl7-r4-examples", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatal(err, len(files))
	}
	in := dossier(t)
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		in.Records = append(in.Records, record(t, string(body)))
	}
	s := build(t, in)
	for _, e := range errorsOf(s) {
		t.Error(e)
	}
	validate(t, map[string][]byte{"examples": s.XML()})
}

// The same records in any order give the same bytes.
func TestDeterministic(t *testing.T) {
	for _, in := range practice(t, 10) {
		want := build(t, in)
		for i, j := 0, len(in.Records)-1; i < j; i, j = i+1, j-1 {
			in.Records[i], in.Records[j] = in.Records[j], in.Records[i]
		}
		got := build(t, in)
		if !bytes.Equal(got.XML(), want.XML()) || fmt.Sprint(got.Findings, got.Made) != fmt.Sprint(want.Findings, want.Made) {
			t.Fatalf("patient %s: the order of the records changes the message", in.Patient)
		}
	}
}

func BenchmarkDossier(b *testing.B) {
	dossiers := practice(b, 100)
	n := 0
	for i := 0; b.Loop(); i++ {
		s, err := sumehr.Build(dossiers[i%len(dossiers)])
		if err != nil {
			b.Fatal(err)
		}
		sumehr.Digest(s.Message)
		n += len(dossiers[i%len(dossiers)].Records)
	}
	b.ReportMetric(float64(n)/float64(b.N), "records/op")
}
