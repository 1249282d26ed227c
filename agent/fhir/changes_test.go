package fhir_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/carelog/carelog/agent/fhir"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/events/eventstest"
	"github.com/carelog/carelog/projections"
	"github.com/carelog/carelog/projections/fhirjson"
)

// The address and content of a patient by identifier.
const (
	ssin    = "identifier=https://www.ehealth.fgov.be/standards/fhir/core/NamingSystem/ssin%7C85073003328"
	patient = `{"resourceType":"Patient","identifier":[{"system":"https://www.ehealth.fgov.be/standards/fhir/core/NamingSystem/ssin","value":"85073003328"}], "multipleBirthInteger" : 2 }`
)

// What is decided by the record as it stands; see requests for what each row begins with.
var decisions = map[string]request{
	"patch":                       {"PATCH", "/fhir/AllergyIntolerance/a1", `[{"op":"replace","path":"/code/text","value":"eggs"}]`, nil, 200, ""},
	"patch, nothing":              {"PATCH", "/fhir/AllergyIntolerance/a1", `[]`, nil, 200, ""},
	"patch, If-Match":             {"PATCH", "/fhir/AllergyIntolerance/a1", `[]`, []string{`If-Match: W/"W"`}, 200, ""},
	"patch, any":                  {"PATCH", "/fhir/AllergyIntolerance/a1", `[]`, []string{`If-Match: *`}, 200, ""},
	"patch, stale":                {"PATCH", "/fhir/AllergyIntolerance/a1", `[]`, []string{`If-Match: W/"V"`}, 412, "conflict"},
	"patch, foreign version":      {"PATCH", "/fhir/AllergyIntolerance/a1", `[]`, []string{`If-Match: W/"3"`}, 412, "conflict"},
	"patch, odd ETag":             {"PATCH", "/fhir/AllergyIntolerance/a1", `[]`, []string{`If-Match: 3`}, 400, "value"},
	"patch, of nothing":           {"PATCH", "/fhir/AllergyIntolerance/a2", `[]`, nil, 404, "not-found"},
	"patch, a version of nothing": {"PATCH", "/fhir/AllergyIntolerance/a2", `[]`, []string{`If-Match: W/"V"`}, 412, "conflict"},
	"patch, deleted":              {"PATCH", "/fhir/AllergyIntolerance/gone", `[]`, nil, 410, "deleted"},
	"patch, a test fails":         {"PATCH", "/fhir/AllergyIntolerance/a1", `[{"op":"test","path":"/code/text","value":"eggs"}]`, nil, 422, "processing"},
	"patch, nowhere":              {"PATCH", "/fhir/AllergyIntolerance/a1", `[{"op":"remove","path":"/note/0"}]`, nil, 422, "processing"},
	"patch, no patch":             {"PATCH", "/fhir/AllergyIntolerance/a1", `{"op":"remove","path":"/x"}`, nil, 400, "structure"},
	"patch, no JSON":              {"PATCH", "/fhir/AllergyIntolerance/a1", `["`, nil, 400, "structure"},
	"patch, no operation":         {"PATCH", "/fhir/AllergyIntolerance/a1", `[{"op":"frob","path":"/x"}]`, nil, 400, "structure"},
	"patch, another id":           {"PATCH", "/fhir/AllergyIntolerance/a1", `[{"op":"replace","path":"/id","value":"a2"}]`, nil, 422, "value"},
	"patch, no id":                {"PATCH", "/fhir/AllergyIntolerance/a1", `[{"op":"remove","path":"/id"}]`, nil, 422, "value"},
	"patch, another type":         {"PATCH", "/fhir/AllergyIntolerance/a1", `[{"op":"replace","path":"/resourceType","value":"Basic"}]`, nil, 422, "value"},
	"patch, no resource":          {"PATCH", "/fhir/AllergyIntolerance/a1", `[{"op":"replace","path":"","value":[]}]`, nil, 422, "structure"},
	"patch, another patient":      {"PATCH", "/fhir/AllergyIntolerance/a1", `[{"op":"replace","path":"/patient/reference","value":"Patient/p2"}]`, nil, 422, "business-rule"},
	"patch, as FHIR":              {"PATCH", "/fhir/AllergyIntolerance/a1", `[]`, []string{"Content-Type: application/fhir+json"}, 415, "not-supported"},
	"patch, conditional":          {"PATCH", "/fhir/AllergyIntolerance?_id=a1", `[]`, nil, 200, ""},
	"patch, what matches nothing": {"PATCH", "/fhir/AllergyIntolerance?_id=a7", `[]`, nil, 404, "not-found"},
	"patch, all":                  {"PATCH", "/fhir/AllergyIntolerance", `[]`, nil, 400, "required"},

	"create, unless it exists":      {"POST", "/fhir/AllergyIntolerance", allergy, []string{"If-None-Exist: _id=a1"}, 200, ""},
	"create, what does not":         {"POST", "/fhir/Patient", patient, []string{"If-None-Exist: " + ssin}, 201, ""},
	"create, by odd criteria":       {"POST", "/fhir/Patient", patient, []string{"If-None-Exist: %zz"}, 400, "value"},
	"create, by unknown criteria":   {"POST", "/fhir/Patient", patient, []string{"If-None-Exist: shoe=42"}, 400, "not-supported"},
	"create, by no criteria":        {"POST", "/fhir/Patient", patient, []string{"If-None-Exist: _count=1"}, 400, "not-supported"},
	"create, by empty criteria":     {"POST", "/fhir/Patient", patient, []string{"If-None-Exist: &"}, 400, "required"},
	"update, of what matches":       {"PUT", "/fhir/AllergyIntolerance?_id=a1", strings.Replace(allergy, `"id":"a1",`, "", 1), nil, 200, ""},
	"update, with its id":           {"PUT", "/fhir/AllergyIntolerance?_id=a1", allergy, nil, 200, ""},
	"update, with another id":       {"PUT", "/fhir/AllergyIntolerance?_id=a1", strings.Replace(allergy, `a1`, "a2", 1), nil, 400, "value"},
	"update, stale, by criteria":    {"PUT", "/fhir/AllergyIntolerance?_id=a1", allergy, []string{`If-Match: W/"V"`}, 412, "conflict"},
	"update, of what is not there":  {"PUT", "/fhir/Patient?" + ssin, patient, nil, 201, ""},
	"update, with an id of its own": {"PUT", "/fhir/Patient?" + ssin, strings.Replace(patient, "{", `{"id":"own",`, 1), nil, 201, ""},
	"update, an id that is taken":   {"PUT", "/fhir/AllergyIntolerance?identifier=1", allergy, nil, 409, "duplicate"},
	"update, an id that was":        {"PUT", "/fhir/AllergyIntolerance?identifier=1", strings.Replace(allergy, `a1`, "gone", 1), nil, 201, ""},
	"update, an id that is none":    {"PUT", "/fhir/AllergyIntolerance?identifier=1", strings.Replace(allergy, `a1`, "a_1", 1), nil, 400, "structure"},
	"update, a version of nothing":  {"PUT", "/fhir/AllergyIntolerance?identifier=1", strings.Replace(allergy, `a1`, "a2", 1), []string{`If-Match: W/"V"`}, 412, "conflict"},
	"update, all":                   {"PUT", "/fhir/AllergyIntolerance", allergy, nil, 400, "required"},
	"delete, what matches":          {"DELETE", "/fhir/AllergyIntolerance?_id=a1", "", nil, 204, ""},
	"delete, what does not":         {"DELETE", "/fhir/AllergyIntolerance?_id=a7", "", nil, 204, ""},
	"delete, what is stale":         {"DELETE", "/fhir/AllergyIntolerance?_id=a1", "", []string{`If-Match: W/"V"`}, 412, "conflict"},
	"delete, all":                   {"DELETE", "/fhir/AllergyIntolerance", "", nil, 400, "required"},

	"no Bundle":                {"POST", "/fhir", allergy, nil, 400, "structure"},
	"a Bundle of another type": {"POST", "/fhir", `{"resourceType":"Bundle","type":"collection"}`, nil, 400, "value"},
	"an empty transaction":     {"POST", "/fhir", `{"resourceType":"Bundle","type":"transaction"}`, nil, 200, ""},
	"an empty batch":           {"POST", "/fhir/", `{"resourceType":"Bundle","type":"batch","entry":[]}`, nil, 200, ""},
	"a patch too large":        {"PATCH", "/fhir/Basic/n1", "[" + strings.Repeat(" ", events.MaxPlain) + "]", []string{jsonPatch}, 413, "too-long"},
	"too many entries":         {"POST", "/fhir", `{"resourceType":"Bundle","type":"batch","entry":[{}` + strings.Repeat(",{}", events.MaxBatch) + `]}`, nil, 413, "too-costly"},
	"get the root":             {"GET", "/fhir", "", nil, 405, "not-supported"},
	"packed, and it is not":    {"POST", "/fhir/Basic", allergy, []string{"Content-Encoding: gzip"}, 400, "structure"},
	"packed otherwise":         {"POST", "/fhir/Basic", allergy, []string{"Content-Encoding: br"}, 415, "not-supported"},
	"since an odd time":        {"GET", "/fhir/AllergyIntolerance/a1", "", []string{"If-Modified-Since: yesterday"}, 400, "value"},
	"since long ago":           {"GET", "/fhir/AllergyIntolerance/a1", "", []string{"If-Modified-Since: Mon, 01 Jan 2024 00:00:00 GMT"}, 200, ""},
	"since a time to come":     {"GET", "/fhir/AllergyIntolerance/a1", "", []string{"If-Modified-Since: Mon, 01 Jan 2085 00:00:00 GMT"}, 304, ""},
	"since, and another ETag":  {"GET", "/fhir/AllergyIntolerance/a1", "", []string{"If-Modified-Since: Mon, 01 Jan 2085 00:00:00 GMT", `If-None-Match: W/"V"`}, 200, ""},
}

func TestDecisions(t *testing.T) { answers(t, decisions) }

// A patch changes what it names, and no other byte.
func TestPatchKeepsWhatItDoesNotTouch(t *testing.T) {
	d := newDesk(t)
	d.do("PUT", "/fhir/AllergyIntolerance/a1", allergy).want(201)
	const media = "Content-Type: application/json-patch+json"
	got := d.do("PATCH", "/fhir/AllergyIntolerance/a1", `[{"op":"test","path":"/extension/0/valueDecimal","value":1.00},{"op":"add","path":"/note","value":[ {"text":"é"} ]},{"op":"add","path":"/meta/profile","value":["http://x"]}]`, media).want(200)
	want := `{ "resourceType" : "AllergyIntolerance", "id":"a1","meta":{"profile":["http://x"]}, "patient":{"reference":"Patient/p1"}, "code":{"text":"nuts"}, "extension":[{"url":"x","valueDecimal":1.00}],"note":[ {"text":"é"} ] }`
	kept, err := fhirjson.Prepare(got.Body.Bytes(), "a1")
	if diff := cmp.Diff(want, string(kept)); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	d.do("PATCH", "/fhir/AllergyIntolerance/a1", `[{"op":"test","path":"/meta/versionId","value":"`+got.version().String()+`"},{"op":"remove","path":"/meta"},{"op":"remove","path":"/note"}]`, media).want(200)
	back, err := fhirjson.Prepare(d.do("GET", "/fhir/AllergyIntolerance/a1", "").Body.Bytes(), "a1")
	if diff := cmp.Diff(allergy, string(back)); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

// A patch of a record in conflict extends the branch that If-Match names, and what it
// says of the conflict's tag changes nothing.
func TestPatchInConflict(t *testing.T) {
	d := newDesk(t)
	first := d.do("PUT", "/fhir/Basic/n1", fmt.Sprintf(note, "first")).want(201).version()
	mine := d.do("PUT", "/fhir/Basic/n1", fmt.Sprintf(note, "mine")).want(200).version()
	theirs := d.elsewhere("Basic/n1", "", fmt.Sprintf(note, "theirs"), first)
	const media = "Content-Type: application/json-patch+json"
	tag := fmt.Sprintf(`{"op":"test","path":"/meta/tag/0/system","value":%q},{"op":"remove","path":"/meta/tag/0"},`, fhirjson.ConflictTag.System)
	d.do("PATCH", "/fhir/Basic/n1", `[{"op":"replace","path":"/code/text","value":"both"}]`, media, fmt.Sprintf(`If-Match: W/"%s", W/"%s"`, mine, theirs)).want(400)
	d.do("PATCH", "/fhir/Basic/n1", `[`+tag+`{"op":"replace","path":"/code/text","value":"theirs, patched"}]`, media, fmt.Sprintf(`If-Match: W/"%s"`, theirs)).want(200)
	state, err := d.store.Record(t.Context(), events.Record{Type: "Basic", ID: "n1"})
	if err != nil || !state.Conflict || len(state.Heads) != 2 {
		t.Fatalf("%d heads, conflict %v, %v", len(state.Heads), state.Conflict, err)
	}
	for _, h := range state.Heads {
		if !bytes.Contains(h.Body, []byte(`"mine"`)) && !bytes.Contains(h.Body, []byte(`"theirs, patched"`)) {
			t.Errorf("a head says %s", h.Body)
		}
	}
}

func TestConditionalCreate(t *testing.T) {
	d := newDesk(t)
	made := d.do("POST", "/fhir/Patient", patient, "If-None-Exist: "+ssin).want(201)
	again := d.do("POST", "/fhir/Patient", patient, "If-None-Exist: "+ssin).want(200)
	if again.Header().Get("Location") != made.Header().Get("Location") || again.version() != made.version() || !bytes.Equal(again.Body.Bytes(), made.Body.Bytes()) {
		t.Errorf("the second answers %v %s", again.Header(), again.Body)
	}
	if d.writes != 1 {
		t.Errorf("%d writes, want 1", d.writes)
	}
	// Once it is deleted, what is made has an id of its own: it is another record.
	place := strings.Split(strings.TrimPrefix(made.Header().Get("Location"), "http://127.0.0.1:7878"), "/_history")[0]
	d.do("DELETE", place, "").want(204)
	other := d.do("POST", "/fhir/Patient", patient, "If-None-Exist: "+ssin).want(201)
	if strings.HasPrefix(other.Header().Get("Location"), "http://127.0.0.1:7878"+place+"/") {
		t.Error("the deleted record came back")
	}
	d.do("POST", "/fhir/Patient", patient).want(201)
	for _, r := range []reply{
		d.do("POST", "/fhir/Patient", patient, "If-None-Exist: "+ssin),
		d.do("PUT", "/fhir/Patient?"+ssin, patient),
		d.do("DELETE", "/fhir/Patient?"+ssin, ""),
		d.do("PATCH", "/fhir/Patient?"+ssin, "[]", "Content-Type: application/json-patch+json"),
	} {
		if r.want(412).issueCode() != "multiple-matches" {
			t.Errorf("got %s", r.Body)
		}
	}
	d.partial = true
	if got := d.do("POST", "/fhir/Patient", patient, "If-None-Exist: identifier=7").want(503); got.issueCode() != "incomplete" || got.Header().Get("Retry-After") == "" {
		t.Errorf("before everything is here: %s", got.Body)
	}
}

// While the index is being completed a record is found by its identifier all the same, and
// made where there is none; only what cannot be known is not answered.
func TestConditionalCreateWhileIndexing(t *testing.T) {
	d := newDesk(t)
	var entries []projections.Entry
	for i := range 300 { // enough to be indexed later
		body := fmt.Sprintf(`{"resourceType":"Patient","id":"p%d","identifier":[{"system":"http://x","value":"n%d"}]}`, i, i/2*2)
		e := d.other.Make(changeOf(fmt.Sprint("Patient/p", i), fmt.Sprint("p", i), body))
		entries = append(entries, projections.Entry{Sequence: d.next(), Event: e, Body: []byte(body)})
	}
	entries = entries[:299] // the last has a number of its own
	if _, err := d.store.Apply(t.Context(), projections.Batch{Entries: entries}); err != nil {
		t.Fatal(err)
	}
	if at, err := d.store.Indexed(t.Context()); err != nil || at.Complete() {
		t.Fatalf("%+v, %v: want an index that is not complete", at, err)
	}
	ask := func(criteria string) reply {
		return d.do("POST", "/fhir/Patient", `{"resourceType":"Patient","identifier":[{"system":"http://x","value":"new"}]}`, "If-None-Exist: "+criteria)
	}
	if got := ask("identifier=http://x%7Cn298").want(200); !strings.Contains(got.Header().Get("Location"), "/Patient/p298/") {
		t.Errorf("found is %s", got.Header().Get("Location"))
	}
	if got := ask("identifier=http://x%7Cn4").want(412); got.issueCode() != "multiple-matches" {
		t.Errorf("of two: %s", got.Body)
	}
	made := ask("identifier=http://x%7Cnew").want(201)
	if again := ask("identifier=http://x%7Cnew").want(200); again.version() != made.version() {
		t.Errorf("made twice: %s", again.Body)
	}
	d.indexing = true // as where there are so many that the index alone can tell
	if got := ask("identifier=http://x%7Cn298").want(503); got.issueCode() != "incomplete" || got.Header().Get("Retry-After") == "" {
		t.Errorf("of one at least: %s", got.Body)
	}
	ask("identifier=http://x%7Cnone").want(503)
	ask("identifier=http://x%7Cn4").want(412) // there are two, whatever else there is
}

// Prefer is honoured by every write.
func TestPrefer(t *testing.T) {
	d := newDesk(t)
	d.do("PUT", "/fhir/Basic/n1", fmt.Sprintf(note, "x")).want(201)
	for _, row := range [][]string{
		{"POST", "/fhir/Basic", fmt.Sprintf(note, "x")},
		{"PUT", "/fhir/Basic/n1", fmt.Sprintf(note, "x")},
		{"PUT", "/fhir/Basic?_id=n1", fmt.Sprintf(note, "x")},
		{"PATCH", "/fhir/Basic/n1", "[]", "Content-Type: application/json-patch+json"},
		{"POST", "/fhir/Basic", fmt.Sprintf(note, "x"), "If-None-Exist: _id=n1"},
	} {
		for prefer, want := range map[string]string{"": "Basic", "representation": "Basic", "minimal": "", "OperationOutcome": "OperationOutcome"} {
			got := d.do(row[0], row[1], row[2], append(row[3:], "Prefer: return="+prefer)...)
			var head struct{ ResourceType string }
			_ = json.Unmarshal(got.Body.Bytes(), &head)
			if got.Code >= 300 || head.ResourceType != want || got.Header().Get("Location") == "" || got.Header().Get("ETag") == "" || got.Header().Get("Last-Modified") == "" {
				t.Errorf("%v, return=%s: got %d %v %s, want a %q", row, prefer, got.Code, got.Header(), got.Body, want)
			}
		}
	}
}

// A version that came in the same second as the one before is not taken for that one.
func TestModifiedSince(t *testing.T) {
	d := newDesk(t)
	d.do("PUT", "/fhir/Basic/n1", fmt.Sprintf(note, "x")).want(201)
	got := d.do("GET", "/fhir/Basic/n1", "").want(200)
	d.do("GET", "/fhir/Basic/n1", "", "If-Modified-Since: "+got.Header().Get("Last-Modified")).want(304)
	d.do("PUT", "/fhir/Basic/n1", fmt.Sprintf(note, "y")).want(200)
	d.do("GET", "/fhir/Basic/n1", "", "If-Modified-Since: "+got.Header().Get("Last-Modified")).want(200)
}

func TestPackedAnswersAndBodies(t *testing.T) {
	d := newDesk(t)
	long := fmt.Sprintf(note, strings.Repeat("long ", 1000))
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := io.WriteString(z, long); err != nil || z.Close() != nil {
		t.Fatal(err)
	}
	d.do("PUT", "/fhir/Basic/n1", packed.String(), "Content-Encoding: gzip").want(201)
	plain := d.do("GET", "/fhir/Basic/n1", "").want(200)
	if plain.Header().Get("Content-Encoding") != "" {
		t.Error("packed without being asked")
	}
	for accept, want := range map[string]string{"gzip": "gzip", "br;q=1, gzip;q=0.5": "gzip", "gzip;q=0": "", "identity": ""} {
		r := httptest.NewRequestWithContext(t.Context(), "GET", "http://127.0.0.1:7878/fhir/Basic/n1", nil)
		r.Header.Set("Accept-Encoding", accept)
		w := httptest.NewRecorder()
		d.door.ServeHTTP(w, r)
		body := io.Reader(w.Body)
		if w.Header().Get("Content-Encoding") != want {
			t.Errorf("%s: packed as %q, want %q", accept, w.Header().Get("Content-Encoding"), want)
		}
		if w.Header().Get("Content-Encoding") == "gzip" {
			var err error
			if body, err = gzip.NewReader(body); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := io.ReadAll(body); err != nil || !bytes.Equal(got, plain.Body.Bytes()) {
			t.Errorf("%s: got %s, %v", accept, got, err)
		}
	}
	small := d.do("GET", "/fhir/Basic/n2", "", "Accept-Encoding: gzip").want(404)
	if small.Header().Get("Content-Encoding") != "" {
		t.Error("a small answer is packed")
	}

	packed.Reset()
	z.Reset(&packed)
	zeros := make([]byte, 1<<20)
	for range 64 {
		if _, err := z.Write(zeros); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	d.do("PUT", "/fhir/Basic/n1", packed.String(), "Content-Encoding: gzip").want(413)
}

func TestRequestID(t *testing.T) {
	d := newDesk(t)
	if got := d.do("GET", "/fhir/nothing", "", "X-Request-Id: abc-1").Header().Get("X-Request-Id"); got != "abc-1" {
		t.Errorf("got %q, want the caller's own", got)
	}
	for _, bad := range []string{"", "a b", strings.Repeat("x", 200), "é"} {
		got := d.do("GET", "/fhir/metadata", "", "X-Request-Id: "+bad).Header().Get("X-Request-Id")
		if got == bad || got == "" {
			t.Errorf("%q: got %q, want one that was made", bad, got)
		}
	}
}

// Who comes while too many requests are answered is told to come again.
func TestThrottled(t *testing.T) {
	d := newDesk(t)
	door := fhir.New(fhir.Config{Desk: d, Records: unread{d.store, d}, Started: eventstest.Epoch, Concurrent: 1})
	entered, leave := make(chan struct{}), make(chan struct{})
	body := &waiting{entered, leave, strings.NewReader(`{"resourceType":"Basic","code":{"text":"x"}}`)}
	done := make(chan int)
	go func() {
		r := httptest.NewRequestWithContext(t.Context(), "POST", "http://127.0.0.1:7878/fhir/Basic", body)
		r.Header.Set("Content-Type", "application/fhir+json")
		w := httptest.NewRecorder()
		door.ServeHTTP(w, r)
		done <- w.Code
	}()
	<-entered
	w := httptest.NewRecorder()
	door.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "http://127.0.0.1:7878/fhir/metadata", nil))
	if got := d.check(reply{w, t}).want(429); got.issueCode() != "throttled" || got.Header().Get("Retry-After") == "" {
		t.Errorf("got %v %s", got.Header(), got.Body)
	}
	close(leave)
	if code := <-done; code != 201 {
		t.Errorf("the first got %d", code)
	}
	w = httptest.NewRecorder()
	door.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "http://127.0.0.1:7878/fhir/metadata", nil))
	d.check(reply{w, t}).want(200)
}

// waiting is a body whose first byte comes when it may.
type waiting struct {
	entered, leave chan struct{}
	io.Reader
}

func (b *waiting) Read(p []byte) (int, error) {
	if b.entered != nil {
		close(b.entered)
		b.entered = nil
		<-b.leave
	}
	return b.Reader.Read(p)
}

// patchEntry is a JSON Patch as a Bundle carries it.
func patchEntry(url, patch string, more string) string {
	return fmt.Sprintf(`{"resource":{"resourceType":"Binary","contentType":"application/json-patch+json","data":%q},"request":{"method":"PATCH","url":%q%s}}`,
		base64.StdEncoding.EncodeToString([]byte(patch)), url, more)
}
