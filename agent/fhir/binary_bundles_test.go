package fhir_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections/fhirjson"
)

// refers wants the events of a Binary to refer to a content, and never to have it.
func (o *clinicDesk) refers(id string, content []byte) {
	o.t.Helper()
	state, err := o.Store().Record(o.t.Context(), events.Record{Type: "Binary", ID: id})
	if err != nil {
		o.t.Fatal(err)
	}
	_, past := o.want(http.StatusOK, "GET", "Binary/"+id+"/_history", nil)
	for _, text := range [][]byte{state.Shown.Body, past} {
		if !bytes.Contains(text, []byte(fhirjson.AttachmentURL)) || bytes.Contains(text, []byte(`"data"`)) || bytes.Contains(text, []byte(base64.StdEncoding.EncodeToString(content)[:8])) {
			o.t.Errorf("Binary/%s has its content in the event, or does not refer to it: %.500s", id, text)
		}
	}
}

// entries posts a Bundle and returns what is said of each entry.
func (o *clinicDesk) entries(kind string, entries ...string) (list []answered, resources []json.RawMessage) {
	o.t.Helper()
	_, text := o.want(http.StatusOK, "POST", "", strings.NewReader(posted(kind, entries...)), fhirJSON)
	var b struct {
		Entry []struct {
			Resource json.RawMessage
			Response answered
		}
	}
	if err := json.Unmarshal(text, &b); err != nil || len(b.Entry) != len(entries) {
		o.t.Fatalf("%v: %s", err, text)
	}
	for _, e := range b.Entry {
		list, resources = append(list, e.Response), append(resources, e.Resource)
	}
	return list, resources
}

// A letter and the document that points to it come in one Bundle: the content is kept
// beside the log, as that of a Binary that is sent alone, and is read at the other desk.
func TestABinaryInABundle(t *testing.T) {
	c := newClinic(t)
	one, two := c.open("one"), c.open("two")
	for i, kind := range []string{"transaction", "batch"} {
		made, put := scan(100_000, uint64(2*i)), scan(90, uint64(2*i+1))
		letter := inJSON("mine", made)
		if kind == "transaction" {
			letter = strings.Replace(letter, "Patient/p1", "urn:uuid:p", 1)
		}
		list, _ := one.entries(kind,
			entryOf("urn:uuid:b", letter, "POST", "Binary", ""),
			entryOf("", inJSON("put-"+kind, put), "PUT", "Binary/put-"+kind, ""),
			entryOf("urn:uuid:p", `{"resourceType":"Patient","id":"p1"}`, "PUT", "Patient/p1", ""),
			entryOf("", `{"resourceType":"DocumentReference","id":"d-`+kind+`","status":"current","subject":{"reference":"Patient/p1"},"content":[{"attachment":{"url":"urn:uuid:b"}}]}`, "PUT", "DocumentReference/d-"+kind, ""),
		)
		for i, a := range list {
			if a.Status[0] != '2' {
				t.Fatalf("%s, entry %d: %s %s", kind, i, a.Status, a.Outcome)
			}
		}
		id := strings.Split(list[0].Location, "/")[5]
		_, document := one.want(http.StatusOK, "GET", "DocumentReference/d-"+kind, nil)
		if points := bytes.Contains(document, []byte(`"Binary/`+id+`"`)); points != (kind == "transaction") {
			t.Errorf("%s: the document is %s", kind, document)
		}
		two.knows(id)
		two.knows("put-" + kind)
		one.AwaitGreen() // nothing is owed
		for _, o := range []*clinicDesk{one, two} {
			for id, content := range map[string][]byte{id: made, "put-" + kind: put} {
				o.holds(id, content)
				o.refers(id, content)
			}
		}
	}
	// What is read in a Bundle is the resource, and what is asked for as a content is not.
	list, resources := one.entries("batch", entryOf("", "", "GET", "Binary/put-batch", ""), entryOf("", "", "GET", "Binary/put-batch?_format=application/pdf", ""))
	if back := withoutMeta(t, resources[0], "put-batch"); back != inJSON("put-batch", scan(90, 3)) {
		t.Errorf("read in a batch: %s", back)
	}
	if !strings.HasPrefix(list[1].Status, "400 ") || resources[1] != nil {
		t.Errorf("a content in a Bundle: %+v %s", list[1], resources[1])
	}
}

// A transaction that is refused keeps nothing of the contents in it.
func TestABinaryInABundleThatIsRefused(t *testing.T) {
	o := newClinic(t).open("one")
	for what, letter := range map[string]string{
		"sound":        inJSON("b", scan(1000, 1)),
		"not base64":   `{"resourceType":"Binary","id":"b","contentType":"a/b","data":"A*=="}`,
		"without type": `{"resourceType":"Binary","id":"b","data":"AAAA"}`,
	} {
		bundle := posted("transaction", entryOf("", letter, "PUT", "Binary/b", ""), entryOf("", `{"resourceType":"Basic"}`, "POST", "Basic", ""))
		if got, text := o.ask("POST", "", strings.NewReader(bundle), fhirJSON); got.StatusCode != 422 && got.StatusCode != 400 {
			t.Errorf("%s: %d, want that it is refused: %s", what, got.StatusCode, text)
		}
	}
	o.want(http.StatusNotFound, "GET", "Binary/b", nil)
	if o.kept() != "" || o.Now().Attachments != 0 {
		t.Error("something of what was refused stays")
	}
}

// A patch of a Binary keeps its content, and one that brings a content has it kept beside
// the log too.
func TestAPatchedBinary(t *testing.T) {
	o := newClinic(t).open("one")
	const media = "Content-Type: application/json-patch+json"
	content := scan(5000, 1)
	o.put("b", content)
	rename := `[{"op":"replace","path":"/contentType","value":"application/x-pdf"}]`
	_, text := o.want(http.StatusOK, "PATCH", "Binary/b", strings.NewReader(rename), media)
	if !bytes.Contains(text, []byte(fhirjson.AttachmentURL)) {
		t.Errorf("what was patched does not refer to its content: %s", text)
	}
	got, text := o.want(http.StatusOK, "GET", "Binary/b", nil)
	if !bytes.Equal(text, content) || got.Header.Get("Content-Type") != "application/x-pdf" {
		t.Errorf("patched it has %d bytes of %s", len(text), got.Header.Get("Content-Type"))
	}
	if list, _ := o.entries("transaction", patchEntry("Binary/b", strings.Replace(rename, "x-pdf", "pdf", 1), "")); list[0].Status != "200 OK" {
		t.Fatalf("in a transaction: %+v", list)
	}
	o.holds("b", content)
	o.refers("b", content)

	add := fmt.Sprintf(`{"op":"add","path":"/data","value":%q}`, base64.StdEncoding.EncodeToString(scan(9, 2)))
	if got, text := o.ask("PATCH", "Binary/b", strings.NewReader("["+add+"]"), media); got.StatusCode != 422 && got.StatusCode != 400 {
		t.Errorf("two contents: %d %s", got.StatusCode, text)
	}
	o.holds("b", content)
	o.want(http.StatusOK, "PATCH", "Binary/b", strings.NewReader(`[{"op":"remove","path":"/_data"},`+add+`]`), media)
	o.holds("b", scan(9, 2))
	o.refers("b", scan(9, 2))
}
