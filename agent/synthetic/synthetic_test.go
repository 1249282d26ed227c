package synthetic_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/carelog/carelog/agent/synthetic"
	"github.com/carelog/carelog/projections/fhirjson"
)

var update = flag.Bool("update", false, "add golden files that are missing; none is ever rewritten")

func generate(o synthetic.Options) []synthetic.Resource {
	var all []synthetic.Resource
	for r := range synthetic.Generate(context.Background(), o) {
		all = append(all, r)
	}
	return all
}

func TestGolden(t *testing.T) {
	var got bytes.Buffer
	for _, r := range generate(synthetic.Options{Patients: 3, Seed: 7}) {
		got.Write(r.Body)
		got.WriteByte('\n')
	}
	file := filepath.Join("testdata", "seed-7.ndjson")
	want, err := os.ReadFile(file)
	if os.IsNotExist(err) && *update {
		if err := os.WriteFile(file, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		want = got.Bytes()
	} else if err != nil {
		t.Fatalf("%v (a new golden file is made with -update)", err)
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Errorf("seed 7 gives other bytes than %s: every practice made from a seed has changed", file)
	}
}

func TestSameSeedSameBytes(t *testing.T) {
	long := generate(synthetic.Options{Patients: 60, Seed: 1})
	short := generate(synthetic.Options{Patients: 20, Seed: 1})
	for i, r := range short {
		if string(r.Body) != string(long[i].Body) {
			t.Fatalf("resource %d depends on how many patients follow:\n%s\n%s", i, r.Body, long[i].Body)
		}
	}
	other := generate(synthetic.Options{Patients: 1, Seed: 2})
	if string(other[0].Body) == string(short[0].Body) {
		t.Error("another seed gives the same practice")
	}
}

// required are the elements without which FHIR R4 calls a resource invalid, by its
// own cardinalities and, for the first three, its invariants.
var required = map[string][]string{
	"Condition":           {"clinicalStatus", "subject"},
	"AllergyIntolerance":  {"clinicalStatus", "patient"},
	"DocumentReference":   {"status", "content"},
	"Encounter":           {"status", "class"},
	"Immunization":        {"status", "vaccineCode", "patient", "occurrenceDateTime"},
	"MedicationStatement": {"status", "medicationCodeableConcept", "subject"},
	"Observation":         {"status", "code"},
	"Organization":        {"name"},
	"Patient":             {"name", "birthDate"},
	"Practitioner":        {"name"},
}

func TestPracticeHoldsTogether(t *testing.T) {
	ids := map[string]bool{}
	count := map[string]int{}
	references := regexp.MustCompile(`"reference":"([^"]+)"`)
	const patients = 400
	total := 0
	for r := range synthetic.Generate(t.Context(), synthetic.Options{Patients: patients, Seed: 3}) {
		total++
		count[r.Type]++
		head, err := fhirjson.Check(r.Body)
		if err != nil {
			t.Fatalf("%s/%s: %v\n%s", r.Type, r.ID, err, r.Body)
		}
		if head.ResourceType != r.Type || head.ID != r.ID {
			t.Fatalf("got %s/%s in the body of %s/%s", head.ResourceType, head.ID, r.Type, r.ID)
		}
		name := r.Type + "/" + r.ID
		if ids[name] {
			t.Fatalf("%s stands twice", name)
		}
		for _, m := range references.FindAllSubmatch(r.Body, -1) {
			if !ids[string(m[1])] {
				t.Errorf("%s refers to %s, which did not come before it", name, m[1])
			}
		}
		ids[name] = true
		var fields map[string]json.RawMessage
		if err := json.Unmarshal(r.Body, &fields); err != nil {
			t.Fatal(err)
		}
		if _, ok := required[r.Type]; !ok {
			t.Errorf("%s is of a type that this test does not know", name)
		}
		for _, element := range required[r.Type] {
			if len(fields[element]) == 0 {
				t.Errorf("%s has no %s", name, element)
			}
		}
		if bytes.Contains(r.Body, []byte(`""`)) || bytes.Contains(r.Body, []byte("null")) {
			t.Errorf("%s has an empty element: %s", name, r.Body)
		}
	}
	for resourceType := range required {
		if count[resourceType] == 0 {
			t.Errorf("got no %s", resourceType)
		}
	}
	if each := total / patients; each < 14 || each > 21 {
		t.Errorf("got %d records a patient, want about 17", each)
	}
	t.Logf("%d resources of %d patients: %v", total, patients, count)
}

func TestCheckDigits(t *testing.T) {
	seen := map[string]bool{}
	without, doctors := 0, 0
	for r := range synthetic.Generate(t.Context(), synthetic.Options{Patients: 3000, Seed: 5}) {
		switch r.Type {
		case "Patient":
			var p struct {
				Identifier []struct{ Value string }
				BirthDate  string
				Gender     string
			}
			if err := json.Unmarshal(r.Body, &p); err != nil {
				t.Fatal(err)
			}
			if len(p.Identifier) == 0 {
				without++
				continue
			}
			number := p.Identifier[0].Value
			if err := checkSSIN(number, p.BirthDate, p.Gender); err != nil {
				t.Errorf("SSIN %s of a %s born %s: %v", number, p.Gender, p.BirthDate, err)
			}
			if seen[number] {
				t.Errorf("SSIN %s is given out twice", number)
			}
			seen[number] = true
		case "Practitioner":
			doctors++
			number := regexp.MustCompile(`nihdi","value":"(\d{11})"`).FindSubmatch(r.Body)
			if number == nil {
				t.Fatalf("no NIHDI number: %s", r.Body)
			}
			six, _ := strconv.Atoi(string(number[1][:6]))
			check, _ := strconv.Atoi(string(number[1][6:8]))
			if (six+check)%97 != 0 {
				t.Errorf("NIHDI number %s: check digits are wrong", number[1])
			}
		}
	}
	if without == 0 || without > 100 {
		t.Errorf("got %d of 3000 patients without an SSIN, want a few", without)
	}
	if doctors < 3 || doctors > 6 {
		t.Errorf("got %d practitioners, want 3 to 6", doctors)
	}
}

// checkSSIN follows the rule as the National Register words it, and not the code.
func checkSSIN(number, born, gender string) error {
	if len(number) != 11 {
		return fmt.Errorf("want 11 digits")
	}
	nine := number[:9]
	if born >= "2000" {
		nine = "2" + nine
	}
	n, _ := strconv.ParseInt(nine, 10, 64)
	if want := fmt.Sprintf("%02d", 97-n%97); number[9:] != want {
		return fmt.Errorf("check digits: want %s", want)
	}
	if want := map[string]string{"female": "000", "male": "999"}[gender]; number[6:9] != want {
		return fmt.Errorf("sequence number: want %s, which is never given out", want)
	}
	month, _ := strconv.Atoi(born[5:7])
	register := born[2:4] + born[5:7] + born[8:]
	bis := fmt.Sprintf("%s%02d%s", born[2:4], month+40, born[8:])
	if date := number[:6]; date != register && date != bis {
		return fmt.Errorf("date: want %s or %s", register, bis)
	}
	return nil
}

func TestDatesLieInTheLife(t *testing.T) {
	dates := regexp.MustCompile(`"(?:onsetDateTime|recordedDate|occurrenceDateTime|effectiveDateTime|start|abatementDateTime)":"([0-9-]{10})`)
	born := ""
	for r := range synthetic.Generate(t.Context(), synthetic.Options{Patients: 500, Seed: 9}) {
		if r.Type == "Patient" {
			born = string(regexp.MustCompile(`"birthDate":"([0-9-]+)"`).FindSubmatch(r.Body)[1])
		}
		for _, m := range dates.FindAllSubmatch(r.Body, -1) {
			if day := string(m[1]); day < born || day > "2026-11-02" {
				t.Errorf("%s of %s lies outside of a life from %s to 2026-11-02: %s", r.Type, day, born, r.Body)
			}
		}
	}
}

func TestEndsWithTheContextAndTheCaller(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	n := 0
	for range synthetic.Generate(ctx, synthetic.Options{Patients: 1 << 30}) {
		if n++; n == 100 {
			cancel()
		}
	}
	if n != 100 {
		t.Errorf("got %d resources after the end of the context, want 100", n)
	}
	for range synthetic.Generate(t.Context(), synthetic.Options{Patients: 1 << 30}) {
		break
	}
}

func TestNotesAreReadable(t *testing.T) {
	for _, r := range generate(synthetic.Options{Patients: 30, Seed: 4}) {
		if r.Type != "DocumentReference" {
			continue
		}
		var d struct {
			Type    struct{ Text string }
			Content []struct{ Attachment struct{ Data []byte } }
		}
		if err := json.Unmarshal(r.Body, &d); err != nil {
			t.Fatal(err)
		}
		if said := string(d.Content[0].Attachment.Data); d.Type.Text != "Note" || strings.Count(said, "\n") != 3 {
			t.Errorf("got a %q that says %q, want a Note of three lines", d.Type.Text, said)
		}
	}
}

func BenchmarkGenerate(b *testing.B) {
	b.ReportAllocs()
	n, size := 0, 0
	for r := range synthetic.Generate(b.Context(), synthetic.Options{Patients: 1 << 30, Seed: 1}) {
		size += len(r.Body)
		if n++; n == b.N {
			break
		}
	}
	b.SetBytes(int64(size / n))
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "resources/s")
}
