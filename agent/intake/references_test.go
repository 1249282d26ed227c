package intake_test

import (
	"fmt"
	"testing"
)

const uuid = "8e6ab48c-53b5-4c53-9a5f-f2d9b4d6a001"

func TestIdentityOfAnEntry(t *testing.T) {
	entry := func(fullURL, id, method, url string) string {
		if id != "" {
			id = `"id":"` + id + `",`
		}
		if fullURL != "" {
			fullURL = `"fullUrl":"` + fullURL + `",`
		}
		return fmt.Sprintf(`{%s"resource":{%s"resourceType":"Patient","gender":"female"},"request":{"method":%q,"url":%q}}`, fullURL, id, method, url)
	}
	refers := func(to string) string {
		return `{"resource":{"resourceType":"Basic","id":"b","subject":{"reference":"` + to + `"}}}`
	}
	for _, test := range []struct {
		name  string
		entry string
		refer string // the reference of another entry
		want  string // id; empty: one is made
		then  string // what the reference becomes
	}{
		{"its own id, the same as the UUID", entry("urn:uuid:"+uuid, uuid, "POST", "Patient"), "urn:uuid:" + uuid, uuid, "Patient/" + uuid},
		{"no id of its own", entry("urn:uuid:"+uuid, "", "POST", "Patient"), "urn:uuid:" + uuid, uuid, "Patient/" + uuid},
		{"a number of its own that nobody refers to", entry("urn:uuid:"+uuid, "1", "POST", "Patient"), "urn:uuid:" + uuid, uuid, "Patient/" + uuid},
		{"a number of its own that others refer to", entry("urn:uuid:"+uuid, "1", "POST", "Patient"), "Patient/1", "1", "Patient/1"},
		{"an update under its own id", entry("urn:uuid:"+uuid, "p1", "PUT", "Patient/p1"), "urn:uuid:" + uuid, "p1", "Patient/p1"},
		{"an update that names the id only in its request", entry("", "", "PUT", "Patient/p1"), "Patient/p1", "p1", "Patient/p1"},
		{"a place on a server", entry("https://x.example/fhir/Patient/p1", "", "POST", "Patient"), "https://x.example/fhir/Patient/p1", "p1", "Patient/p1"},
		{"an id that is none", entry("urn:uuid:"+uuid, "a b", "POST", "Patient"), "urn:uuid:" + uuid, uuid, "Patient/" + uuid},
		{"a URN that is no UUID", entry("urn:oid:1.2.3", "", "POST", "Patient"), "urn:oid:1.2.3", "", "Patient/"},
		{"a UUID in capitals", entry("urn:uuid:8E6AB48C-53B5-4C53-9A5F-F2D9B4D6A001", "", "POST", "Patient"), "urn:uuid:8E6AB48C-53B5-4C53-9A5F-F2D9B4D6A001", "8E6AB48C-53B5-4C53-9A5F-F2D9B4D6A001", "Patient/8E6AB48C-53B5-4C53-9A5F-F2D9B4D6A001"},
		{"nothing at all", entry("", "", "POST", "Patient"), "Patient/x", "", "Patient/x"},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, content := range []string{
				bundle("transaction", test.entry, refers(test.refer)), bundle("transaction", refers(test.refer), test.entry),
			} {
				items, errs := read(t, "a.json", []byte(content))
				again, _ := read(t, "b.json", []byte(content))
				if len(errs) > 0 || len(items) != 2 {
					t.Fatalf("got %d items and %v", len(items), errs)
				}
				if names(items) != names(again) {
					t.Errorf("a second import gives %q, the first %q", names(again), names(items))
				}
				if items[0].Type == "Basic" {
					items[0], items[1] = items[1], items[0]
				}
				if got := items[0].ID; got != test.want && test.want != "" || got == "" {
					t.Errorf("got the id %q, want %q", got, test.want)
				}
				then := test.then
				if then == "Patient/" {
					then += items[0].ID
				}
				if got, want := string(items[1].Body), `{"resourceType":"Basic","id":"b","subject":{"reference":"`+then+`"}}`; got != want {
					t.Errorf("got %s, want %s", got, want)
				}
			}
		})
	}
}

// Where some refer to the own id and some to the UUID, all come to the one record.
func TestBothNamesOfAnEntryLeadToIt(t *testing.T) {
	items, errs := read(t, "a.json", []byte(bundle("transaction",
		`{"resource":{"resourceType":"Basic","id":"b","subject":{"reference":"urn:uuid:`+uuid+`"},"author":{"reference":"Patient/7"}}}`,
		`{"fullUrl":"urn:uuid:`+uuid+`","resource":{"resourceType":"Patient","id":"7"},"request":{"method":"POST","url":"Patient"}}`)))
	if len(errs) > 0 || len(items) != 2 {
		t.Fatalf("got %d items and %v", len(items), errs)
	}
	if got, want := string(items[0].Body), `{"resourceType":"Basic","id":"b","subject":{"reference":"Patient/7"},"author":{"reference":"Patient/7"}}`; got != want || items[1].ID != "7" {
		t.Errorf("got %s and the id %s, want %s and 7", got, items[1].ID, want)
	}
}

func TestOnlyReferencesAreRewritten(t *testing.T) {
	const urn = "urn:uuid:" + uuid
	target := `{"fullUrl":"` + urn + `","resource":{"resourceType":"Patient","id":"` + uuid + `"}}`
	definition := `{"fullUrl":"http://x/StructureDefinition/d","resource":{"resourceType":"StructureDefinition","id":"d","url":"http://x/StructureDefinition/d"}}`
	body := func(reference, url string) string {
		return `{ "resourceType":"Basic", "id":"b",
	"text":{"div":"<div>see ` + urn + ` \"reference\":\"` + urn + `\"</div>"},
	"identifier":[{"system":"urn:ietf:rfc:3986","value":"` + urn + `"}],
	"subject" : { "reference" :  "` + reference + `" , "display":"` + urn + `"},
	"extension":[{"url":"http://x/StructureDefinition/d","valueUri":"` + reference + `"},{"url":"` + url + `","valueString":"` + urn + `","valueDecimal":1.00}],
	"note":"reference", "contained":[{"reference":["` + urn + `"]}],
	"author":{"reference":"Practitioner?identifier=a|b"},"other":{"reference":"urn:uuid:00000000-0000-4000-8000-000000000000"},
	"hash":{"reference":"#c"},"escaped":{"reference":"\u0050atient/1"}}`
	}
	items, errs := read(t, "a.json", []byte(bundle("transaction", `{"resource":`+body(urn, urn)+`}`, target, definition)))
	if len(errs) > 0 || len(items) != 3 {
		t.Fatalf("got %d items and %v", len(items), errs)
	}
	if got, want := string(items[0].Body), body("Patient/"+uuid, "Patient/"+uuid); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	if items[0].Conditional != 1 || items[0].Dangling != 1 {
		t.Errorf("got %d conditional and %d dangling references, want one of each", items[0].Conditional, items[0].Dangling)
	}
	if got, want := string(items[2].Body), `{"resourceType":"StructureDefinition","id":"d","url":"http://x/StructureDefinition/d"}`; got != want {
		t.Errorf("got %s, want the name of the definition as it is", got)
	}
}

func TestConditionalCreateIsHandedOn(t *testing.T) {
	items, errs := read(t, "a.json", []byte(bundle("transaction",
		`{"fullUrl":"urn:uuid:`+uuid+`","resource":{"resourceType":"Patient"},"request":{"method":"POST","url":"Patient","ifNoneExist":"identifier=a|1"}}`)))
	if len(errs) > 0 || len(items) != 1 || items[0].IfNoneExist != "identifier=a|1" {
		t.Errorf("got %+v and %v, want the search of the create", items, errs)
	}
}
