package fhir_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/carelog/carelog/agent/fhir"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections/fhirjson"
)

const fhirJSON = "Content-Type: application/fhir+json"

// inJSON is a Binary of patient p1 as a client sends it.
func inJSON(id string, content []byte) string {
	return fmt.Sprintf(`{"resourceType":"Binary","id":%q, "contentType" : "application/pdf","data" :  %q,`+"\n"+`  "securityContext":{"reference":"Patient/p1"}}`,
		id, base64.StdEncoding.EncodeToString(content))
}

// withoutMeta is a resource without what the server adds when it is read.
func withoutMeta(t testing.TB, resource []byte, id string) string {
	t.Helper()
	kept, err := fhirjson.Prepare(resource, id)
	if err != nil {
		t.Fatalf("%v: %.200s", err, resource)
	}
	return string(kept)
}

// What is to name the patient of a content names one, or is refused.
func TestTheSecurityContextOfAContent(t *testing.T) {
	o := newClinic(t).open("one")
	for _, of := range []string{"/Patient/p1", "patient/p1", "p1", "not a reference", "Patient?identifier=1", "http://127.0.0.1:1/Patient/p1"} {
		_, text := o.want(http.StatusUnprocessableEntity, "POST", "Binary", strings.NewReader("x"), pdf, "X-Security-Context: "+of)
		if !bytes.Contains(text, []byte(`"Binary.securityContext"`)) {
			t.Errorf("%q: %s", of, text)
		}
	}
	for _, of := range []string{"Patient/p1", "Practitioner/a"} {
		if got, _ := o.want(http.StatusCreated, "POST", "Binary", strings.NewReader("x"), pdf, "X-Security-Context: "+of); got.Header.Get(fhir.WarningHeader) != "" {
			t.Errorf("%s: warned of %s", of, got.Header.Get(fhir.WarningHeader))
		}
	}
	if got, _ := o.want(http.StatusCreated, "POST", "Binary", strings.NewReader("x"), pdf, "X-Security-Context: https://other.example/fhir/Patient/p1"); !strings.HasPrefix(got.Header.Get(fhir.WarningHeader), "Binary.securityContext: ") {
		t.Errorf("warned of %q", got.Header.Get(fhir.WarningHeader))
	}
}

// However a Binary was written, it is read as a resource byte for byte, and as its content.
func TestABinaryInItsTwoForms(t *testing.T) {
	o := newClinic(t).open("one")
	for i, size := range []int{1, 2, 3, 1000, events.PieceSize + 1} {
		id, content := fmt.Sprint("b", i), scan(size, uint64(i))
		sent := inJSON(id, content)
		o.want(http.StatusCreated, "PUT", "Binary/"+id, strings.NewReader(sent), fhirJSON)
		o.holds(id, content)
		got, text := o.want(http.StatusOK, "GET", "Binary/"+id, nil, "Accept: application/fhir+json")
		if back := withoutMeta(t, text, id); back != sent || got.Header.Get("Content-Type") != "application/fhir+json; charset=utf-8" {
			t.Errorf("a Binary of %d bytes came back as %.300s\nwant %.300s", size, back, sent)
		}
		raw := "raw-" + id
		o.put(raw, content)
		var resource struct {
			ResourceType, ID, ContentType string
			SecurityContext               struct{ Reference string }
			Data                          []byte
			Meta                          struct{ VersionID string }
		}
		_, text = o.want(http.StatusOK, "GET", "Binary/"+raw+"?_format=json", nil)
		if err := json.Unmarshal(text, &resource); err != nil || !bytes.Equal(resource.Data, content) || resource.ContentType != "application/pdf" ||
			resource.SecurityContext.Reference != "Patient/p1" || resource.ID != raw || resource.Meta.VersionID == "" {
			t.Errorf("what was sent as it is came back as %.300s (%v)", text, err)
		}
	}
}

func TestWhichFormIsMeant(t *testing.T) {
	o := newClinic(t).open("one")
	o.put("pdf", []byte("%PDF"))
	o.want(http.StatusCreated, "PUT", "Binary/csv", strings.NewReader("a;b"), "Content-Type: text/csv; charset=utf-8")
	wrapped := strings.Replace(inJSON("json", []byte(`{"a":1}`)), "application/pdf", "application/json", 1)
	o.want(http.StatusCreated, "PUT", "Binary/json", strings.NewReader(wrapped), fhirJSON)
	for _, c := range []struct{ id, accept, want string }{
		{"pdf", "", "application/pdf"},
		{"pdf", "*/*", "application/pdf"},
		{"pdf", "application/pdf", "application/pdf"},
		{"pdf", "image/png", "application/pdf"},
		{"pdf", "application/fhir+json", "application/fhir+json; charset=utf-8"},
		{"pdf", "application/json", "application/fhir+json; charset=utf-8"},
		{"pdf", "application/fhir+json, */*; q=0.1", "application/fhir+json; charset=utf-8"},
		{"pdf", "application/fhir+json; q=0.1, application/pdf", "application/pdf"},
		{"csv", "", "text/csv; charset=utf-8"},
		{"json", "application/json", "application/json"},
		{"json", "application/fhir+json", "application/fhir+json; charset=utf-8"},
	} {
		got, text := o.want(http.StatusOK, "GET", "Binary/"+c.id, nil, "Accept: "+c.accept)
		if is := got.Header.Get("Content-Type"); is != c.want {
			t.Errorf("Binary/%s for %q is %s, want %s: %s", c.id, c.accept, is, c.want, text)
		}
	}
}

// A page that somebody sent to the practice does nothing in a browser.
func TestAContentIsHarmlessInABrowser(t *testing.T) {
	o := newClinic(t).open("one")
	o.want(http.StatusCreated, "PUT", "Binary/page", strings.NewReader("<script>alert(1)</script>"), "Content-Type: text/html")
	got, _ := o.want(http.StatusOK, "GET", "Binary/page", nil)
	for name, want := range map[string]string{"Content-Type": "text/html", "X-Content-Type-Options": "nosniff", "Content-Disposition": "attachment"} {
		if got.Header.Get(name) != want {
			t.Errorf("%s is %q, want %q", name, got.Header.Get(name), want)
		}
	}
	if policy := got.Header.Get("Content-Security-Policy"); !strings.HasPrefix(policy, "sandbox; default-src 'none'") {
		t.Errorf("its policy is %q", policy)
	}
}

func TestPartsOfAContent(t *testing.T) {
	o := newClinic(t).open("one")
	content := scan(2*events.PieceSize+100, 1)
	o.put("b", content)
	_, text := o.want(http.StatusPartialContent, "GET", "Binary/b", nil, fmt.Sprintf("Range: bytes=%d-%d", events.PieceSize-5, events.PieceSize+4))
	if !bytes.Equal(text, content[events.PieceSize-5:events.PieceSize+5]) {
		t.Errorf("ten bytes over the end of a piece: %x", text)
	}
	got, text := o.want(http.StatusRequestedRangeNotSatisfiable, "GET", "Binary/b", nil, "Range: bytes=9999999-")
	if got.Header.Get("Content-Range") != fmt.Sprintf("bytes */%d", len(content)) || !bytes.HasPrefix(text, []byte(`{"resourceType":"OperationOutcome"`)) {
		t.Errorf("no such range: %v, %s", got.Header, text)
	}
	got, _ = o.want(http.StatusOK, "HEAD", "Binary/b", nil)
	tag := got.Header.Get("ETag")
	if got, text := o.want(http.StatusNotModified, "GET", "Binary/b", nil, "If-None-Match: "+tag); len(text) > 0 || got.Header.Get("ETag") != tag {
		t.Errorf("what is known already: %d bytes, ETag %s", len(text), got.Header.Get("ETag"))
	}
	got, _ = o.want(http.StatusOK, "HEAD", "Binary/b", nil)
	if got.ContentLength != int64(len(content)) {
		t.Errorf("its length is %d, want %d", got.ContentLength, len(content))
	}
	got, _ = o.want(http.StatusOK, "HEAD", "Binary/b", nil, "Accept: application/fhir+json")
	_, text = o.want(http.StatusOK, "GET", "Binary/b", nil, "Accept: application/fhir+json")
	if got.ContentLength != int64(len(text)) {
		t.Errorf("as a resource its length is %d, and it has %d", got.ContentLength, len(text))
	}
}

// Versions, deletion and conflicts are those of every record.
func TestABinaryIsARecord(t *testing.T) {
	c := newClinic(t)
	one, two := c.open("one"), c.open("two")
	first, second, third := scan(1000, 1), scan(2000, 2), scan(3000, 3)
	created, _ := one.want(http.StatusCreated, "PUT", "Binary/b", bytes.NewReader(first), pdf, "X-Security-Context: Patient/p1")
	tag := created.Header.Get("ETag")
	version := strings.TrimSuffix(strings.TrimPrefix(tag, `W/"`), `"`)
	two.knows("b")

	two.line.Cut()
	two.AwaitOffline()
	one.want(http.StatusOK, "PUT", "Binary/b", bytes.NewReader(second), pdf, "If-Match: "+tag) // it stays in its dossier
	one.want(http.StatusPreconditionFailed, "PUT", "Binary/b", bytes.NewReader(third), pdf, "If-Match: "+tag)
	two.want(http.StatusOK, "PUT", "Binary/b", bytes.NewReader(third), pdf, "If-Match: "+tag)
	two.line.Mend()
	two.AwaitGreen()
	one.AwaitGreen()
	two.AwaitGreen()
	for _, o := range []*clinicDesk{one, two} {
		o.holds("b", second) // came first
		got, text := o.want(http.StatusOK, "GET", "Binary/b/_history/"+version, nil)
		if !bytes.Equal(text, first) {
			t.Errorf("desk %s: the first version has %d bytes of %s", o.Name, len(text), got.Header.Get("Content-Type"))
		}
		_, text = o.want(http.StatusOK, "GET", "Binary/b/$conflicts", nil)
		if n := bytes.Count(text, []byte(`"relation":"head"`)); n < 2 {
			t.Errorf("desk %s shows %d heads, want two: %s", o.Name, n, text)
		}
		if got, _ := o.want(http.StatusOK, "GET", "Binary/b", nil); got.Header.Get("Carelog-Conflict") != "true" {
			t.Errorf("desk %s does not say that the record is in conflict", o.Name)
		}
		_, text = o.want(http.StatusOK, "GET", "Binary/b/_history", nil)
		if bytes.Contains(text, []byte(`"data"`)) || !bytes.Contains(text, []byte(fhirjson.AttachmentURL)) {
			t.Errorf("the history has contents in it, or does not refer to them: %s", text)
		}
	}
	one.want(http.StatusNoContent, "DELETE", "Binary/b", nil)
	one.want(http.StatusOK, "GET", "Binary/b", nil) // the other head lives
}

// A reference can be written again by whoever was given it, and by nobody else.
func TestReferencesToContents(t *testing.T) {
	o := newClinic(t).open("one")
	content := scan(5000, 1)
	o.put("b", content)
	state, err := o.Store().Record(t.Context(), events.Record{Type: "Binary", ID: "b"})
	if err != nil {
		t.Fatal(err)
	}
	body := string(state.Shown.Body)
	o.want(http.StatusOK, "PUT", "Binary/b", strings.NewReader(strings.Replace(body, "application/pdf", "application/x-pdf", 1)), fhirJSON)
	_, text := o.want(http.StatusOK, "GET", "Binary/b", nil)
	if !bytes.Equal(text, content) {
		t.Error("with its reference written again it has another content")
	}
	for what, other := range map[string]string{
		"another dossier":   strings.Replace(strings.Replace(body, "Patient/p1", "Patient/p2", 1), `"id":"b"`, `"id":"c"`, 1),
		"another size":      strings.Replace(body, ":5000}", ":4999}", 1),
		"no size":           strings.Replace(body, ":5000}", ":0}", 1),
		"a huge size":       strings.Replace(body, ":5000}", ":99999999999999}", 1),
		"no number":         strings.Replace(body, ":5000}", `:"x"}`, 1),
		"a name of nothing": strings.Replace(body, `"name"`, `"nome"`, 1),
		"data as well":      strings.Replace(body, `"_data"`, `"data":"AAAA","_data"`, 1),
	} {
		id := "b"
		if strings.Contains(other, `"id":"c"`) {
			id = "c"
		}
		got, text := o.ask("PUT", "Binary/"+id, strings.NewReader(other), fhirJSON)
		for range 20 { // a busy server did not say in time whether it has the key
			if got.StatusCode != http.StatusServiceUnavailable {
				break
			}
			got, text = o.ask("PUT", "Binary/"+id, strings.NewReader(other), fhirJSON)
		}
		if got.StatusCode != 422 && got.StatusCode != 400 {
			t.Errorf("%s: %d, want that it is refused: %s", what, got.StatusCode, text)
		}
	}
}

func TestBinariesThatAreRefused(t *testing.T) {
	o := newClinic(t).open("one")
	for what, c := range map[string]struct {
		status int
		body   string
		header string
	}{
		"not base64":           {400, `{"resourceType":"Binary","id":"b","contentType":"a/b","data":"A*=="}`, fhirJSON},
		"base64 without end":   {400, `{"resourceType":"Binary","id":"b","contentType":"a/b","data":"AAA"}`, fhirJSON},
		"bits beyond the end":  {400, `{"resourceType":"Binary","id":"b","contentType":"a/b","data":"AB=="}`, fhirJSON},
		"more after the end":   {400, `{"resourceType":"Binary","id":"b","contentType":"a/b","data":"AA==AAAA"}`, fhirJSON},
		"nothing in data":      {400, `{"resourceType":"Binary","id":"b","contentType":"a/b","data":""}`, fhirJSON},
		"data twice":           {400, `{"resourceType":"Binary","id":"b","contentType":"a/b","data":"AAAA","data":"AAAA"}`, fhirJSON},
		"data that is a list":  {422, `{"resourceType":"Binary","id":"b","contentType":"a/b","data":["AAAA"]}`, fhirJSON},
		"data in disguise":     {400, `{"resourceType":"Binary","id":"b","contentType":"a/b","data":"AAAA","d\u0061ta":"AAAA"}`, fhirJSON},
		"a body that was cut":  {400, `{"resourceType":"Binary","id":"b","contentType":"a/b","data":"AAAA`, fhirJSON},
		"another type":         {400, `{"resourceType":"Patient","id":"b","data":"AAAA"}`, fhirJSON},
		"a type of no meaning": {415, `x`, "Content-Type: nonsense"},
	} {
		got, text := o.ask("PUT", "Binary/b", strings.NewReader(c.body), c.header)
		if got.StatusCode != c.status || !bytes.Contains(text, []byte(`"OperationOutcome"`)) {
			t.Errorf("%s: %d, want %d: %s", what, got.StatusCode, c.status, text)
		}
	}
	o.want(http.StatusNotFound, "GET", "Binary/b", nil)
	if o.kept() != "" || o.Now().Attachments != 0 {
		t.Error("something of what was refused stays")
	}
	// What is unusual and right.
	odd := `{"resourceType":"Binary","contentType":"a/b","id":"b","d\u0061ta":"` + `QUJD\/w==` + `"}`
	o.want(http.StatusBadRequest, "PUT", "Binary/b", strings.NewReader(odd), fhirJSON)
	odd = `{"resourceType":"Binary","contentType":"a/b","id":"b","data":"QU JD\r\n\/w=="}`
	o.want(http.StatusCreated, "PUT", "Binary/b", strings.NewReader(odd), fhirJSON)
	_, text := o.want(http.StatusOK, "GET", "Binary/b", nil)
	if string(text) != "ABC\xff" {
		t.Errorf("base64 as it may be written is read as %q", text)
	}
	o.want(http.StatusCreated, "PUT", "Binary/none", strings.NewReader(`{"resourceType":"Binary","id":"none","contentType":"a/b"}`), fhirJSON)
	o.want(http.StatusNoContent, "GET", "Binary/none", nil)
	o.want(http.StatusOK, "GET", "Binary/none", nil, "Accept: application/fhir+json")
}

// A document points to its content, and both are found at the other desk.
func TestADocumentAndItsContent(t *testing.T) {
	c := newClinic(t)
	one, two := c.open("one"), c.open("two")
	content := scan(300_000, 1)
	got, _ := one.want(http.StatusCreated, "POST", "Binary", bytes.NewReader(content), pdf, "X-Security-Context: Patient/p1")
	_, place, _ := strings.Cut(got.Header.Get("Location"), "/fhir/")
	place, _, _ = strings.Cut(place, "/_history/")
	one.want(http.StatusCreated, "POST", "DocumentReference", strings.NewReader(fmt.Sprintf(
		`{"resourceType":"DocumentReference","status":"current","subject":{"reference":"Patient/p1"},"content":[{"attachment":{"contentType":"application/pdf","url":%q}}]}`, place)), fhirJSON)
	two.knows(strings.TrimPrefix(place, "Binary/"))
	one.AwaitGreen()
	two.AwaitGreen()
	_, text := two.want(http.StatusOK, "GET", "DocumentReference?patient=p1", nil)
	if !bytes.Contains(text, []byte(place)) {
		t.Errorf("the document at the other desk does not point to %s: %s", place, text)
	}
	got, text = two.want(http.StatusOK, "GET", place, nil)
	if !bytes.Equal(text, content) || got.Header.Get("X-Security-Context") != "Patient/p1" {
		t.Errorf("its content has %d bytes, for %q", len(text), got.Header.Get("X-Security-Context"))
	}
}
