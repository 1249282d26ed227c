package structure_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/carelog/carelog/projections/fhirjson"
	"github.com/carelog/carelog/projections/fhirjson/structure"
)

// FuzzCheck: whatever comes in, nothing panics; what passes is what fhirjson reads, and
// white space changes nothing of what is said.
func FuzzCheck(f *testing.F) {
	f.Add(patient2KB)
	for _, members := range []string{
		``, `"name":[{"given":[null,"x"],"_given":[{"id":"y"},null]}]`, `"name":[],"_name":{},"":null`,
		`"contained":[{"resourceType":"Patient","contained":[{}]}]`, `"deceasedBoolean":true,"deceasedDateTime":"2023-02-30"`,
		`"identifier":[{"system":"` + structure.SSIN + `","value":"85073003329"}]`, `"birthDate":"1970-01-01","_birthDate":{"extension":[{"url":"u"}]}`,
	} {
		f.Add([]byte(of("Patient", members)))
	}
	f.Add([]byte(of("Bundle", `"type":"document","entry":[{"resource":{"resourceType":"Condition","clinicalStatus":{"coding":[{}]}}}]`)))
	f.Add([]byte(of("Parameters", `"parameter":[{"name":"x","valueBase64Binary":"QQ==","part":[{"valueInteger":-0}]}]`)))
	f.Fuzz(func(t *testing.T, body []byte) {
		said := structure.Check(body)
		_, unread := fhirjson.Check(body)
		if said == nil && unread != nil {
			t.Fatalf("it passes and cannot be read: %v", unread)
		}
		var wrong *structure.Error
		if errors.As(said, &wrong) {
			if n := len(wrong.Issues); n == 0 || n > structure.MaxIssues {
				t.Fatalf("%d issues", n)
			}
			if _, err := json.Marshal(wrong.Issues); err != nil || wrong.Error() == "" {
				t.Fatalf("what is wrong cannot be said: %v", err)
			}
		} else if said != nil && unread == nil {
			t.Fatalf("it is read, and said not to be: %v", said)
		}
		if len(structure.Warnings(body)) > structure.MaxIssues {
			t.Fatal("warnings without end")
		}
		if unread != nil {
			return
		}
		var spaced bytes.Buffer
		if err := json.Indent(&spaced, body, "\t", "  "); err != nil {
			t.Fatalf("fhirjson reads what encoding/json does not: %v", err)
		}
		if again := structure.Check(spaced.Bytes()); spaced.Len() < 1<<20 && !reflect.DeepEqual(said, again) {
			t.Fatalf("white space changes %v into %v", said, again)
		}
	})
}

// What is true of a resource is true of it in a Bundle, but for the place.
func TestSameInABundle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		body := of("Patient", rapid.SampledFrom([]string{
			`"active":true`, `"active":"x"`, `"name":[{"given":[null]}]`, `"gender":"F","birthDate":"1"`, `"foo":{"bar":[1]}`, `"contact":[{}]`,
			`"extension":[{"url":"u","valuePeriod":{"start":"2020"}}]`, `"communication":[{"preferred":true}]`,
		}).Draw(t, "members"))
		alone := issues(t, body)
		within := issues(t, of("Bundle", `"type":"collection","entry":[{"resource":`+body+`}]`))
		if len(alone) != len(within) {
			t.Fatalf("%s\nalone  %q\nwithin %q", body, alone, within)
		}
		for i := range alone {
			want := strings.Replace(alone[i], " Patient", " Bundle.entry[0].resource", 1)
			if within[i] != want {
				t.Fatalf("%s, want %s", within[i], want)
			}
		}
	})
}
