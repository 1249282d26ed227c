package fhir_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/carelog/carelog/agent/fhir"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections/fhirjson"
)

// posted is a Bundle with entries.
func posted(kind string, entries ...string) string {
	return `{"resourceType":"Bundle","type":"` + kind + `","entry":[` + strings.Join(entries, ",\n") + `]}`
}

func entryOf(fullURL, resource, method, url, more string) string {
	if resource != "" {
		resource = `"resource":` + resource + `,`
	}
	if fullURL != "" {
		fullURL = fmt.Sprintf(`"fullUrl":%q,`, fullURL)
	}
	return fmt.Sprintf(`{%s%s"request":{"method":%q,"url":%q%s}}`, fullURL, resource, method, url, more)
}

// answered is what a response Bundle says of each entry.
type answered struct {
	Status, Location, ETag, LastModified string
	Outcome                              json.RawMessage
}

func (r reply) answered(kind string) (list []answered, resources []json.RawMessage) {
	r.t.Helper()
	var b struct {
		Type  string
		Entry []struct {
			Resource json.RawMessage
			Response answered
		}
	}
	if err := json.Unmarshal(r.Body.Bytes(), &b); err != nil || b.Type != kind {
		r.t.Fatalf("%v: want a %s: %s", err, kind, r.Body)
	}
	for _, e := range b.Entry {
		list, resources = append(list, e.Response), append(resources, e.Resource)
	}
	return list, resources
}

// idIn is the id in a Location.
func idIn(t *testing.T, location string) string {
	t.Helper()
	steps := strings.Split(location, "/")
	if len(steps) != 8 || steps[6] != "_history" {
		t.Fatalf("Location %q, want base/Type/id/_history/version", location)
	}
	return steps[5]
}

// The whole of it: what is deleted, created, changed and read, in that order whatever
// that of the Bundle; references that become those of the server; every other byte kept.
func TestTransaction(t *testing.T) {
	d := newDesk(t)
	d.do("PUT", "/fhir/Basic/old", `{"resourceType":"Basic","id":"old","code":{"text":"old"}}`).want(201)
	patched := d.do("PUT", "/fhir/Basic/patched", `{"resourceType":"Basic","id":"patched","code":{"text":"x"},"extension":[{"url":"http://x","valueDecimal":1.00}]}`).want(201)
	d.do("PUT", "/fhir/Practitioner/o1", `{"resourceType":"Practitioner","id":"o1","identifier":[{"value":"nihdi"}]}`).want(201)
	condition := `{ "resourceType":"Condition","id":"mine", "subject" : {"reference" : "urn:uuid:0a","display":"urn:uuid:0a"},
  "recorder":{"reference":"Practitioner?identifier=nihdi"},"asserter":{"reference":"http://else.example/fhir/Patient/9"},
  "note":[{"text":"see urn:uuid:0a"}],"identifier":[{"system":"urn:uuid:0a","value":"urn:uuid:0a"}],"extension":[{"url":"http://x","valueUri":"urn:oid:1.2"},{"url":"http://d","valueDecimal":1.00}] }`
	got := d.do("POST", "/fhir", posted("transaction",
		entryOf("", "", "GET", "Condition?patient=p9", ""),
		entryOf("urn:uuid:0b", condition, "POST", "Condition", ""),
		entryOf("", `{"resourceType":"Basic","id":"put","code":{"text":"x"},"subject":{"reference":"urn:uuid:0b"}}`, "PUT", "Basic/put", ""),
		patchEntry("Basic/patched", `[{"op":"add","path":"/subject","value":{"reference":"urn:uuid:0b"}}]`, `,"ifMatch":"`+strings.ReplaceAll(patched.Header().Get("ETag"), `"`, `\"`)+`"`),
		entryOf("", "", "DELETE", "Basic/old", ""),
		entryOf("urn:uuid:0a", `{"resourceType":"Patient","id":"p9"}`, "PUT", "Patient/p9", ""),
		entryOf("urn:oid:1.2", `{"resourceType":"Basic","code":{"text":"x"}}`, "POST", "Basic", `,"ifNoneExist":"identifier=none"`),
		entryOf("", "", "GET", "Basic/nowhere", ""),
		entryOf("", "", "GET", "Basic/patched", `,"ifNoneMatch":"`+strings.ReplaceAll(patched.Header().Get("ETag"), `"`, `\"`)+`"`),
		entryOf("", "", "HEAD", "Basic/put", ""),
	)).want(200)
	list, resources := got.answered("transaction-response")
	for i, want := range []string{"200", "201", "201", "200", "204", "201", "201", "404", "200", "200"} {
		if !strings.HasPrefix(list[i].Status, want+" ") {
			t.Errorf("entry %d: %s, want %s: %s", i, list[i].Status, want, list[i].Outcome)
		}
		if i > 0 && i < 7 && (list[i].ETag == "" || list[i].LastModified == "" || resources[i] != nil) {
			t.Errorf("entry %d: %+v %s", i, list[i], resources[i])
		}
	}
	if !bytes.Contains(resources[0], []byte(`"total":1`)) || !bytes.Contains(list[7].Outcome, []byte("not-found")) || resources[9] != nil {
		t.Errorf("what was read: %s, %s, %s", resources[0], list[7].Outcome, resources[9])
	}
	id, basic := idIn(t, list[1].Location), idIn(t, list[6].Location)
	if id == "mine" {
		t.Error("the id of a client was taken for a create")
	}
	want := strings.NewReplacer(`"mine"`, `"`+id+`"`, `{"reference" : "urn:uuid:0a",`, `{"reference" : "Patient/p9",`,
		"Practitioner?identifier=nihdi", "Practitioner/o1", `"valueUri":"urn:oid:1.2"`, `"valueUri":"Basic/`+basic+`"`).Replace(condition)
	body, err := fhirjson.Prepare(d.do("GET", "/fhir/Condition/"+id, "").want(200).Body.Bytes(), id)
	if err != nil || string(body) != want {
		t.Errorf("%v, kept is\n%s, want\n%s", err, body, want)
	}
	for path, want := range map[string]string{
		"/fhir/Basic/put":     `{"resourceType":"Basic","id":"put","code":{"text":"x"},"subject":{"reference":"Condition/` + id + `"}}`,
		"/fhir/Basic/patched": `{"resourceType":"Basic","id":"patched","code":{"text":"x"},"extension":[{"url":"http://x","valueDecimal":1.00}],"subject":{"reference":"Condition/` + id + `"}}`,
	} {
		_, name, _ := strings.Cut(path, "Basic/")
		if body, err := fhirjson.Prepare(d.do("GET", path, "").want(200).Body.Bytes(), name); err != nil || string(body) != want {
			t.Errorf("%s: %v, %s, want %s", path, err, body, want)
		}
	}
	d.do("GET", "/fhir/Basic/old", "").want(410)
}

// A Bundle of another server: its addresses, whole and relative, become ours.
func TestTransactionOfAnotherServer(t *testing.T) {
	d := newDesk(t)
	const there = "https://else.example/fhir/"
	got := d.do("POST", "/fhir", posted("transaction",
		entryOf(there+"Patient/1", `{"resourceType":"Patient","id":"1"}`, "POST", "Patient", ""),
		entryOf(there+"Condition/2", `{"resourceType":"Condition","id":"2","subject":{"reference":"Patient/1"},"recorder":{"reference":"`+there+`Patient/1"},"asserter":{"reference":"Patient/7"}}`, "POST", "Condition", ""),
	)).want(200)
	list, _ := got.answered("transaction-response")
	place := "Patient/" + idIn(t, list[0].Location)
	body := d.do("GET", "/fhir/Condition/"+idIn(t, list[1].Location), "").want(200).Body.String()
	if strings.Count(body, `"`+place+`"`) != 2 || !strings.Contains(body, "Patient/7") {
		t.Errorf("kept is %s", body)
	}
}

// What is wrong with one entry is said of that one, and nothing is written.
func TestTransactionIsRefused(t *testing.T) {
	d, other := newOffice(t)
	first := d.ask("PUT", "/fhir/Basic/n1", fmt.Sprintf(note, "first")).want(201).version()
	d.ask("PUT", "/fhir/Basic/n1", fmt.Sprintf(note, "second")).want(200)
	level(d, other)
	before := d.Now().Position
	good := entryOf("", `{"resourceType":"Basic","id":"good","code":{"text":"x"}}`, "PUT", "Basic/good", "")
	stale := fmt.Sprintf(`,"ifMatch":"W/\"%s\""`, first)
	for name, row := range map[string]struct {
		entry  string
		status int
		code   string
		path   string
	}{
		"stale":                    {entryOf("", fmt.Sprintf(note, "x"), "PUT", "Basic/n1", stale), 412, "conflict", "Bundle.entry[1]"},
		"stale deletion":           {entryOf("", "", "DELETE", "Basic/n1", stale), 412, "conflict", "Bundle.entry[1]"},
		"stale patch":              {patchEntry("Basic/n1", "[]", stale), 412, "conflict", "Bundle.entry[1]"},
		"a test fails":             {patchEntry("Basic/n1", `[{"op":"test","path":"/code/text","value":"x"}]`, ""), 422, "processing", "Bundle.entry[1]"},
		"a patch is none":          {entryOf("", `{"resourceType":"Parameters"}`, "PATCH", "Basic/n1", ""), 400, "value", "Bundle.entry[1].resource"},
		"not base64":               {entryOf("", `{"resourceType":"Binary","contentType":"application/json-patch+json","data":"!"}`, "PATCH", "Basic/n1", ""), 400, "value", "Bundle.entry[1].resource"},
		"must be new":              {entryOf("", fmt.Sprintf(note, "x"), "PUT", "Basic/n1", `,"ifNoneMatch":"*"`), 412, "conflict", "Bundle.entry[1]"},
		"another id":               {entryOf("", fmt.Sprintf(note, "x"), "PUT", "Basic/n2", ""), 400, "value", "Bundle.entry[1].resource.id"},
		"another type":             {entryOf("", fmt.Sprintf(note, "x"), "POST", "Condition", ""), 400, "value", "Bundle.entry[1].resource"},
		"no resource":              {entryOf("", "", "POST", "Condition", ""), 400, "required", "Bundle.entry[1].resource"},
		"no method":                {entryOf("", fmt.Sprintf(note, "x"), "", "Basic", ""), 422, "value", "Bundle.entry[1].request.method"},
		"no address":               {entryOf("", fmt.Sprintf(note, "x"), "POST", "", ""), 422, "value", "Bundle.entry[1].request.url"},
		"the root":                 {entryOf("", posted("batch"), "POST", "/", ""), 400, "value", "Bundle.entry[1].request.url"},
		"another server":           {entryOf("", fmt.Sprintf(note, "x"), "POST", "http://else.example/fhir/Basic", ""), 404, "not-found", "Bundle.entry[1]"},
		"an unknown type":          {entryOf("", fmt.Sprintf(note, "x"), "POST", "Nonsense", ""), 404, "not-found", "Bundle.entry[1]"},
		"an operation":             {entryOf("", `{"resourceType":"Parameters"}`, "POST", "Basic/n1/$resolve", ""), 400, "not-supported", "Bundle.entry[1].request.url"},
		"a record twice":           {entryOf("", `{"resourceType":"Basic","id":"good","code":{"text":"x"}}`, "PUT", "Basic/good", ""), 400, "duplicate", "Bundle.entry[1]"},
		"a reference nowhere":      {entryOf("", `{"resourceType":"Basic","code":{"text":"x"},"subject":{"reference":"urn:uuid:9"}}`, "POST", "Basic", ""), 400, "value", "Bundle.entry[1].resource"},
		"a condition that is open": {entryOf("", `{"resourceType":"Basic","code":{"text":"x"},"subject":{"reference":"Patient?identifier=none"}}`, "POST", "Basic", ""), 412, "not-found", "Bundle.entry[1]"},
		"a condition that is none": {entryOf("", `{"resourceType":"Basic","code":{"text":"x"},"subject":{"reference":"Patient?shoe=42"}}`, "POST", "Basic", ""), 400, "not-supported", "Bundle.entry[1]"},
		"the patient moves":        {entryOf("", `{"resourceType":"Basic","id":"n1","code":{"text":"x"},"subject":{"reference":"Patient/p2"}}`, "PUT", "Basic/n1", ""), 422, "business-rule", "Bundle.entry[1]"},
		"a name twice":             {entryOf("", `{"resourceType":"Basic","x":1,"x":2}`, "POST", "Basic", ""), 400, "structure", "Bundle.entry[1].resource.x"},
		"no resource of R4":        {entryOf("", `{"resourceType":"Basic","code":{"text":7}}`, "POST", "Basic", ""), 422, "value", "Bundle.entry[1].resource.code.text"},
		"all of a type":            {entryOf("", "", "DELETE", "Basic", ""), 400, "required", "Bundle.entry[1]"},
		"an odd condition":         {entryOf("", fmt.Sprintf(note, "x"), "PUT", "Basic/n1", `,"ifMatch":"x"`), 400, "value", "Bundle.entry[1]"},
		"an id that is none":       {entryOf("", fmt.Sprintf(note, "x"), "PUT", "Basic/a_b", ""), 404, "not-found", "Bundle.entry[1]"},
	} {
		got := d.ask("POST", "/fhir", posted("transaction", good, row.entry)).want(row.status)
		var o struct {
			Issue []struct {
				Code       string
				Expression []string
			}
		}
		if err := json.Unmarshal(got.Body.Bytes(), &o); err != nil || o.Issue[0].Code != row.code || len(o.Issue[0].Expression) != 1 || o.Issue[0].Expression[0] != row.path {
			t.Errorf("%s: got %s, want %s at %s", name, got.Body, row.code, row.path)
		}
		if row.code == "conflict" && strings.HasPrefix(name, "stale") && len(o.Issue) != 2 {
			t.Errorf("%s: what stands is not said: %s", name, got.Body)
		}
	}
	level(d, other)
	if now := d.Now(); now.Position != before || now.Outbox > 0 {
		t.Errorf("refused, and still written: from %v to %v, %d in the outbox", before, now.Position, now.Outbox)
	}
	d.ask("GET", "/fhir/Basic/good", "").want(404)
	two := entryOf("urn:uuid:1", fmt.Sprintf(note, "x"), "POST", "Basic", "")
	if got := d.ask("POST", "/fhir", posted("transaction", two, two)).want(400); got.issueCode() != "duplicate" {
		t.Errorf("a fullUrl twice: %s", got.Body)
	}
}

// A batch answers each entry by itself.
func TestBatch(t *testing.T) {
	d := newDesk(t)
	got := d.do("POST", "/fhir", posted("batch",
		entryOf("", "", "GET", "Basic/n1", ""),
		entryOf("", `{"resourceType":"Nonsense"}`, "POST", "Basic", ""),
		entryOf("", fmt.Sprintf(note, "x"), "PUT", "Basic/n1", ""),
		entryOf("", "", "GET", "Nonsense/n1", ""),
		entryOf("", `{"resourceType":"Basic","code":{"text":"x"}}`, "POST", "http://127.0.0.1:7878/fhir/Basic", ""),
		patchEntry("Basic/n1", `[{"op":"add","path":"/extension","value":[{"url":"http://x","valueDecimal":1.0}]}]`, ""),
		entryOf("", "", "DELETE", "Basic/n2", `,"ifMatch":"W/\"1\""`),
		entryOf("", "", "GET", "metadata", ""),
		entryOf("", "", "GET", "Basic?_id=n1", ""),
		`{"fullUrl":"urn:uuid:1"}`,
	)).want(200)
	list, resources := got.answered("batch-response")
	for i, want := range []string{"200", "400", "201", "404", "201", "200", "412", "200", "200", "400"} {
		if !strings.HasPrefix(list[i].Status, want+" ") {
			t.Errorf("entry %d: %s, want %s: %s", i, list[i].Status, want, list[i].Outcome)
		}
		if (want >= "400") != (list[i].Outcome != nil) {
			t.Errorf("entry %d: outcome %s", i, list[i].Outcome)
		}
	}
	if !bytes.Contains(resources[0], []byte(`"valueDecimal":1.0}`)) {
		t.Errorf("read before it was changed: %s", resources[0])
	}
	whole := d.do("POST", "/fhir", posted("batch", entryOf("", fmt.Sprintf(note, "y"), "PUT", "Basic/n1", "")), "Prefer: return=representation").want(200)
	if _, resources := whole.answered("batch-response"); !bytes.Contains(resources[0], []byte(`"y"`)) {
		t.Errorf("return=representation: %s", whole.Body)
	}
	said := d.do("POST", "/fhir", posted("transaction", entryOf("", fmt.Sprintf(note, "y"), "PUT", "Basic/n1", "")), "Prefer: return=OperationOutcome").want(200)
	if list, _ := said.answered("transaction-response"); !bytes.Contains(list[0].Outcome, []byte(`informational`)) {
		t.Errorf("return=OperationOutcome: %s", said.Body)
	}
}

// What is answered with no resource has no place in a Bundle: it is refused, and the
// other entries are answered.
func TestBatchOfWhatIsNoResource(t *testing.T) {
	d := newExporting(t)
	fillDossier(d.desk)
	d.store.begin = make(chan struct{}) // a job that began would not end
	for _, kind := range []string{"batch", "transaction"} {
		entries := []string{entryOf("", "", "GET", "Patient/p1", "")}
		for _, url := range []string{"_events", "/_events/", "http://127.0.0.1:7878/fhir/_events?x=1", "$export", "Patient/$export?_type=Basic", "_export/x", "_export/x/Basic.ndjson"} {
			entries = append(entries, entryOf("", "", "GET", url, ""))
			if kind == "transaction" {
				if got := d.do("POST", "/fhir", posted(kind, entries...), "Prefer: respond-async").want(400); got.issueCode() != "not-supported" {
					t.Errorf("a transaction with %s: %s", url, got.Body)
				}
				entries = entries[:1]
			}
		}
		list, resources := d.do("POST", "/fhir", posted(kind, entries...), "Prefer: respond-async").want(200).answered(kind + "-response")
		for i, a := range list {
			if want := map[bool]string{true: "200 OK", false: "400 Bad Request"}[i == 0]; a.Status != want || (i == 0) != (resources[i] != nil) {
				t.Errorf("%s of %s: %s %s", kind, entries[i], a.Status, a.Outcome)
			}
		}
	}
	close(d.store.begin)
	d.await(d.begin("/fhir/$export"))
	d.do("POST", "/fhir", posted("batch"), "Accept: text/html").want(406)
}

// A dossier that breaks off in the middle breaks off its own entry only.
func TestBatchOfWhatBreaksOff(t *testing.T) {
	d := newDesk(t)
	fillDossier(d)
	d.door = newDoor(d, &failing{unread: unread{d.store, d}})
	list, _ := d.do("POST", "/fhir", posted("batch", entryOf("", "", "GET", "Patient/p1/$everything", ""), entryOf("", "", "GET", "Patient/p1", ""))).
		want(200).answered("batch-response")
	if !strings.HasPrefix(list[0].Status, "503 ") || list[0].Outcome == nil || !strings.HasPrefix(list[1].Status, "200 ") {
		t.Errorf("answered are %+v", list)
	}
}

// Offline a transaction is queued as one, and said to be; back online the other desk has
// all of it.
func TestTransactionOffline(t *testing.T) {
	one, two := newOffice(t)
	if err := one.WorkOffline(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := one.ask("POST", "/fhir", posted("transaction",
		entryOf("urn:uuid:1", `{"resourceType":"Patient"}`, "POST", "Patient", ""),
		entryOf("", `{"resourceType":"Condition","subject":{"reference":"urn:uuid:1"}}`, "POST", "Condition", ""),
	)).want(200)
	if got.Header().Get(fhir.QueuedHeader) != "true" {
		t.Error("it is not said that it is queued")
	}
	list, _ := got.answered("transaction-response")
	queued, err := one.Outbox(t.Context())
	if err != nil || len(queued) != 2 || queued[0].Transaction == "" || queued[0].Transaction != queued[1].Transaction {
		t.Fatalf("in the outbox: %+v, %v", queued, err)
	}
	if err := one.WorkOnline(t.Context()); err != nil {
		t.Fatal(err)
	}
	one.AwaitGreen()
	for i, typ := range []string{"Patient", "Condition"} {
		id, err := events.ParseID(list[i].Location[strings.LastIndexByte(list[i].Location, '/')+1:])
		if err != nil {
			t.Fatal(err)
		}
		two.awaitEvent(typ+"/"+idIn(t, list[i].Location), id)
	}
}

// A dossier within a Bundle is an entry like any other, with its status.
func TestEverythingWithinABundle(t *testing.T) {
	d := newDesk(t)
	fillDossier(d)
	for _, kind := range []string{"batch", "transaction"} {
		list, resources := d.do("POST", "/fhir", posted(kind, entryOf("", "", "GET", "Patient/p1/$everything", ""))).want(200).answered(kind + "-response")
		if list[0].Status != "200 OK" || !bytes.Contains(resources[0], []byte(`"Patient"`)) {
			t.Errorf("in a %s: %+v %s", kind, list[0], resources[0])
		}
	}
}
