package fhir_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/carelog/carelog/projections/fhirjson"
	"github.com/carelog/carelog/projections/fhirjson/sampletest"
	"github.com/carelog/carelog/projections/fhirjson/structure"
)

// The reasons for which a public validator and we do not agree. Where not said otherwise
// ours is right, by the rule of R4 (4.0.1) that is named.
const (
	choices    = "it does not see that only one of a choice can stand (formats.html#choice)"
	empties    = "it passes empty lists, objects and strings, which FHIR's JSON does not have (json.html)"
	nulls      = "it does not look whether a null holds a place (json.html#primitive)"
	asides     = "it does not look into what stands beside a primitive (json.html#primitive)"
	calendar   = "it does not look at dates (datatypes.html#date)"
	ids        = "it does not hold an id against its regular expression (datatypes.html#id)"
	encodings  = "it does not look into base64 (datatypes.html#base64Binary)"
	shapes     = "it takes a number for a date, a text or an object for a value"
	bindings   = "it knows no required bindings (terminologies.html#required)"
	concepts   = "a required binding asks for a coding of its system; it passes without one (terminologies.html#required)"
	additional = "it wants each coding in the value set; R4 wants one, others may stand beside it (datatypes.html#CodeableConcept)"
	absent     = "it does not see that an extension beside a primitive can stand for it (json.html#primitive)"
	invariants = "it does not check the invariants ele-1, ext-1 and dom-2 (element.html, extensibility.html, domainresource.html)"
	unchecked  = "theirs is right by an invariant that we do not check: see DESIGN.md of package structure"
	ofMedplum  = "its definitions have what Medplum or R5 added to R4, or lack what they took out"
	gaps       = "its definitions lack what R4 defines by reference to another element"
	nested     = "it does not look into elements that are defined by reference to another"
	anyName    = "it takes resourceType for a member of every object"
	abstract   = "it takes DomainResource for a type that can stand"
)

// verdicts are resources on which not all agree, or that are worth to be agreed upon,
// with the reasons of the two; none: the verdict is ours.
var verdicts = []struct{ body, fhir, medplum string }{
	{`{"resourceType":"Patient","name":[{"given":[null,"x"],"_given":[{"extension":[{"url":"u","valueCode":"c"}]},null]}]}`, "", ""},
	{`{"resourceType":"Patient","text":{"status":"generated","div":"<div><script>x</script></div>"}}`, "", ""},
	{`{"resourceType":"Patient","foo":1}`, "", ""},
	{`{"resourceType":"Patient","name":[{"family":"x"},{"famly":"x"}]}`, "", ""},
	{`{"resourceType":"Patient","deceasedString":"yes"}`, "", ""},
	{`{"resourceType":"Observation","code":{"text":"x"}}`, "", ""},
	{`{"resourceType":"MedicationStatement","status":"active","subject":{"reference":"Patient/1"}}`, "", ""},
	{`{"resourceType":"Patient","name":{"family":"x"}}`, "", ""},
	{`{"resourceType":"Patient","active":"true"}`, "", ""},
	{`{"resourceType":"Patient","extension":[{"valueString":"x"}]}`, "", ""},
	{`{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueQuantity":{"value":"1.0"}}`, "", ""},
	{`{"resourceType":"Patient","contained":[{"resourceType":"Organization","id":"o","nme":"O"}]}`, "", ""},

	{`{"resourceType":"Observation","_status":{"extension":[{"url":"u","valueCode":"unknown"}]},"code":{"text":"x"}}`, absent, ""},
	{`{"resourceType":"Condition","subject":{"display":"x"},"clinicalStatus":{"coding":[{"system":"own","code":"x"},{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"active"}]}}`, additional, ""},
	{`{"resourceType":"Condition","subject":{"display":"x"},"clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"Active"}]}}`, "", bindings},
	{`{"resourceType":"Condition","subject":{"display":"x"},"clinicalStatus":{"coding":[{"code":"active"}]}}`, concepts, concepts},
	{`{"resourceType":"Condition","subject":{"display":"x"},"clinicalStatus":{"text":"active"}}`, concepts, concepts},
	{`{"resourceType":"AllergyIntolerance","patient":{"display":"x"},"code":{"text":"x"}}`, "", unchecked}, // ait-1
	{`{"resourceType":"Patient","gender":"F"}`, "", bindings},
	{`{"resourceType":"Observation","status":"done","code":{"text":"x"}}`, "", bindings},
	{`{"resourceType":"Patient","telecom":[{"system":"mobile","value":"1"}]}`, "", bindings},
	{`{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueString":"x","valueInteger":1}`, choices, choices},
	{`{"resourceType":"Patient","name":[]}`, empties, empties},
	{`{"resourceType":"Patient","name":[{}]}`, empties, ""},
	{`{"resourceType":"Patient","name":[{"family":""}]}`, empties, empties},
	{`{"resourceType":"Patient","name":[{"given":["x",null]}]}`, nulls, ""},
	{`{"resourceType":"Patient","name":[{"given":["x"],"_given":[{}]}]}`, asides, asides},
	{`{"resourceType":"Patient","_birthDate":{"extension":[{"url":"u","valueDate":"x"}]}}`, asides, ""},
	{`{"resourceType":"Patient","_name":[{"id":"x"}]}`, "", asides},
	{`{"resourceType":"Patient","birthDate":19700330}`, shapes, ""},
	{`{"resourceType":"Patient","birthDate":"2023-02-30"}`, calendar, ""},
	{`{"resourceType":"Patient","id":"a_b"}`, ids, ids},
	{`{"resourceType":"Binary","contentType":"text/plain","data":"QUJ"}`, encodings, ""},
	{`{"resourceType":"Patient","extension":[{"url":"u"}]}`, invariants, ""},
	{`{"resourceType":"Patient","maritalStatus":{"id":"x"}}`, invariants, invariants},
	{`{"resourceType":"Patient","contained":[{"resourceType":"Organization","contained":[{"resourceType":"Patient"}]}]}`, invariants, ""},
	{`{"resourceType":"Patient","meta":{"project":"x"}}`, "", ofMedplum},
	{`{"resourceType":"Binary","contentType":"x/y","url":"http://x"}`, "", ofMedplum},
	{`{"resourceType":"ResearchStudy","status":"active","label":[{"value":"of R5"}]}`, "", ofMedplum},
	{`{"resourceType":"EvidenceVariable","status":"draft","characteristic":[{"definitionCanonical":"http://x","usageContext":[{"code":{"code":"x"},"valueCodeableConcept":{"text":"x"}}]}]}`, "", ofMedplum},
	{`{"resourceType":"Invoice","status":"draft","totalPriceComponent":[{"type":"tax"}]}`, gaps, ""},
	{`{"resourceType":"Patient","name":[{"resourceType":"HumanName","family":"x"}]}`, anyName, anyName},
	{`{"resourceType":"DomainResource"}`, abstract, ""},
}

// disputed are the samples on which the package fhir does not agree with us and with
// @medplum/core, with the reason.
var disputed = map[string]string{
	"Questionnaire/qs1": nested, // bundle-questionnaire.json: items within items lack their linkId
}

// TestVerdictsOfOthers: two public validators say of the samples what we say, and of
// the resources above as well, but for the disagreements that are listed.
func TestVerdictsOfOthers(t *testing.T) {
	ask := publicValidators(t)
	compare := func(name string, body []byte, fhir, medplum string) {
		t.Helper()
		err := structure.Check(body)
		verdicts := ask(body)
		for _, v := range []struct {
			name, reason string
			found        []string
		}{{"fhir", fhir, verdicts.Fhir}, {"@medplum/core", medplum, verdicts.Medplum}} {
			if agree := (err == nil) == (len(v.found) == 0); agree != (v.reason == "") {
				t.Errorf("%s\nours: %v\n%s: %q\nlisted as the reason to disagree: %q", name, err, v.name, v.found, v.reason)
			}
		}
	}
	for _, v := range verdicts {
		compare(v.body, []byte(v.body), v.fhir, v.medplum)
	}
	t.Run("samples", func(t *testing.T) {
		n := 10
		if os.Getenv(allSamples) == "all" {
			n = 1
		}
		count := 0
		resources(t, n, func(body []byte) {
			count++
			head, err := fhirjson.Check(body)
			if err != nil {
				t.Fatal(err)
			}
			name := head.ResourceType + "/" + head.ID
			compare(name, body, disputed[name], "")
		})
		t.Logf("%d samples", count)
	})
}

// foundByOthers is what the public validators found.
type foundByOthers struct{ Fhir, Medplum []string }

// publicValidators starts them; each call asks them about one resource.
func publicValidators(t *testing.T) func(body []byte) foundByOthers {
	t.Helper()
	cmd := npmScript(t, "validate.js")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var trouble bytes.Buffer
	cmd.Stderr = &trouble
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close() // which ends it, where the end of the test did not
		_ = cmd.Wait()
	})
	lines := bufio.NewReader(out)
	return func(body []byte) (answer foundByOthers) {
		t.Helper()
		var line bytes.Buffer
		if err := json.Compact(&line, body); err != nil {
			t.Fatal(err)
		}
		line.WriteByte('\n')
		if _, err := in.Write(line.Bytes()); err != nil {
			t.Fatalf("%v: %s", err, &trouble)
		}
		text, err := lines.ReadBytes('\n')
		if err == nil {
			err = json.Unmarshal(text, &answer)
		}
		if err != nil {
			t.Fatalf("the public validators say %q (%v) of %s", text, err, body)
		}
		return answer
	}
}

// The table of package structure is what its generator makes of the definitions that the
// lock file names.
func TestTableIsMadeOfTheDefinitions(t *testing.T) {
	packages := npmFolder(t)
	made := filepath.Join(t.TempDir(), "made.gz")
	structure := filepath.Join("..", "..", "projections", "fhirjson", "structure")
	cmd := exec.CommandContext(t.Context(), "go", "run", "./internal/generate",
		"-definitions", filepath.Join(packages, "@medplum", "definitions", "dist", "fhir", "r4"), "-out", made)
	cmd.Dir = structure
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if !bytes.Equal(sampletest.Read(t, made), sampletest.Read(t, filepath.Join(structure, "r4.table.gz"))) {
		t.Error("the table is not what internal/generate makes: run it as its comment says")
	}
}
