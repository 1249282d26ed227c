package fhir_test

import (
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/fhir"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/internal/largetest"
	"github.com/carelog/carelog/projections/fhirjson/structure"
)

func inBase64(content []byte) string { return base64.StdEncoding.EncodeToString(content) }

// document is a DocumentReference of patient p1 whose attachment has a content in itself, as a public client sends
// it; more stands behind data.
func document(id string, content []byte, more string) string {
	return fmt.Sprintf(`{"resourceType":"DocumentReference", "id":%q,"status":"current","subject":{"reference":"Patient/p1"},`+"\n"+
		`  "content" : [{"attachment":{"contentType":"application/pdf", "data" : %q%s,"title":"é"}}] }`, id, inBase64(content), more)
}

// apartOf is what becomes of a resource whose one content leaves it for a Binary: it alone changes.
func apartOf(sent, binary string, content []byte) string {
	sum := sha1.Sum(content)
	return regexp.MustCompile(`"data" ?: ?"[^"]*"`).ReplaceAllString(sent,
		fmt.Sprintf(`"url":"Binary/%s","size":%d,"hash":%q`, binary, len(content), inBase64(sum[:])))
}

var binaryURL = regexp.MustCompile(`"url":"Binary/([^"]*)"`)

// apart wants a record to name its content, to have every other byte that was sent, and the content to be read at the
// address; it returns the id of the Binary.
func (o *clinicDesk) apart(record, sent string, content []byte) string {
	o.t.Helper()
	_, text := o.want(http.StatusOK, "GET", record, nil)
	found := binaryURL.FindSubmatch(text)
	if found == nil {
		o.t.Fatalf("desk %s: %s names no Binary: %.500s", o.Name, record, text)
	}
	id := string(found[1])
	_, name, _ := strings.Cut(record, "/")
	if back, want := withoutMeta(o.t, text, name), apartOf(sent, id, content); back != want {
		o.t.Errorf("desk %s: %s is\n%.700s\nwant\n%.700s", o.Name, record, back, want)
	}
	if got, text := o.want(http.StatusOK, "GET", "Binary/"+id, nil); !bytes.Equal(text, content) {
		o.t.Errorf("desk %s has %d bytes of %s as the content of %s, want %d", o.Name, len(text), got.Header.Get("Content-Type"), record, len(content))
	}
	return id
}

// contents is how many contents a desk holds, and how many files are on their way in.
func (o *clinicDesk) contents() (held, coming int) {
	o.t.Helper()
	dir := filepath.Join(o.Config.Data, agent.AttachmentsFolder)
	list, err := filepath.Glob(filepath.Join(dir, strings.Repeat("[0-9a-f]", 64)))
	if err != nil {
		o.t.Fatal(err)
	}
	spool, err := filepath.Glob(filepath.Join(dir, "spool", "content-*"))
	if err != nil {
		o.t.Fatal(err)
	}
	return len(list), len(spool)
}

// small is what an event of the log has at most where no content is in it.
func (c clinic) small(limit int) {
	c.t.Helper()
	for _, m := range c.broker.Stored() {
		if len(m.Data) > limit {
			c.t.Errorf("event %d has %d bytes: a content is in it", m.Sequence, len(m.Data))
		}
	}
}

// withLetters are resources with a content in them, each in another element.
var withLetters = []struct{ typ, rest, path string }{
	{"DocumentReference", `"status":"current","subject":{"reference":"Patient/p1"},"content":[{"attachment":{"title":"first"}},{"attachment":{"data":%q}}]`, "content[1].attachment"},
	{"DiagnosticReport", `"status":"final","code":{"text":"x"},"subject":{"reference":"Patient/p1"},"presentedForm":[{"contentType":"image/png","data":%q}]`, "presentedForm[0]"},
	{"Patient", `"photo":[{"contentType":"image/png","data":%q}]`, "photo[0]"},
	{"Communication", `"status":"completed","subject":{"reference":"Patient/p1"},"payload":[{"contentAttachment":{"data":%q}}]`, "payload[0].content"},
	{"Media", `"status":"completed","subject":{"reference":"Patient/p1"},"content":{"data":%q}`, "content"},
	{"Practitioner", `"photo":[{"data":%q}]`, "photo[0]"},
	{"Basic", `"code":{"text":"x"},"extension":[{"url":"http://x","valueAttachment":{"data":%q}}]`, "extension[0].value"},
}

// Every way to write takes a letter within its document, whichever element it stands in, and gives it out by itself
// at every desk.
func TestALetterWithinItsDocument(t *testing.T) {
	c := newClinic(t)
	one, two := c.open("one"), c.open("two")
	one.want(201, "PUT", "Patient/p1", strings.NewReader(`{"resourceType":"Patient","id":"p1"}`), fhirJSON)
	content := func(n int) []byte { return scan(200_000+n, uint64(n)) }
	type kept struct {
		record, sent string
		content      []byte
	}
	var all []kept
	told := func(got *http.Response, path string) {
		t.Helper()
		if warned := got.Header.Get(fhir.WarningHeader); !strings.HasPrefix(warned, path+".data: its data, ") || !strings.Contains(warned, "is kept as Binary/") {
			t.Errorf("the answer says %q, want what became of %s.data", warned, path)
		}
	}
	for i, row := range withLetters {
		id := fmt.Sprint("t", i)
		sent := `{"resourceType":"` + row.typ + `","id":"` + id + `",` + fmt.Sprintf(row.rest, inBase64(content(i))) + `}`
		got, _ := one.want(201, "PUT", row.typ+"/"+id, strings.NewReader(sent), fhirJSON)
		told(got, row.typ+"."+row.path)
		all = append(all, kept{row.typ + "/" + id, sent, content(i)})
	}

	const path = "DocumentReference.content[0].attachment"
	sent := document("mine", content(100), "") // a create passes over the id
	got, _ := one.want(201, "POST", "DocumentReference", strings.NewReader(sent), fhirJSON)
	told(got, path)
	id := strings.Split(got.Header.Get("Location"), "/")[5]
	all = append(all, kept{"DocumentReference/" + id, strings.Replace(sent, `"mine"`, `"`+id+`"`, 1), content(100)})

	sent = strings.Replace(document("mine", content(101), ""), `"status"`, `"identifier":[{"value":"n1"}],"status"`, 1)
	got, _ = one.want(201, "POST", "DocumentReference", strings.NewReader(sent), fhirJSON, "If-None-Exist: identifier=n1")
	told(got, path)
	id = strings.Split(got.Header.Get("Location"), "/")[5]
	all = append(all, kept{"DocumentReference/" + id, strings.Replace(sent, `"mine"`, `"`+id+`"`, 1), content(101)})
	one.want(200, "POST", "DocumentReference", strings.NewReader(sent), fhirJSON, "If-None-Exist: identifier=n1")

	got, _ = one.want(201, "PUT", "DocumentReference/u", strings.NewReader(document("u", []byte("x"), "")), fhirJSON)
	sent = document("u", content(102), "")
	got, text := one.want(200, "PUT", "DocumentReference/u", strings.NewReader(sent), fhirJSON, "If-Match: "+got.Header.Get("ETag"), "Prefer: return=OperationOutcome")
	told(got, path)
	if !bytes.Contains(text, []byte(`"severity":"information"`)) || !bytes.Contains(text, []byte(`"expression":["`+path+`.data"]`)) {
		t.Errorf("as an OperationOutcome: %s", text)
	}
	all = append(all, kept{"DocumentReference/u", sent, content(102)})

	one.want(201, "PUT", "DocumentReference/patched", strings.NewReader(document("patched", []byte("x"), "")), fhirJSON)
	got, _ = one.want(200, "PATCH", "DocumentReference/patched",
		strings.NewReader(fmt.Sprintf(`[{"op":"replace","path":"/content/0/attachment/data","value":%q}]`, inBase64(content(103)))), "Content-Type: application/json-patch+json")
	told(got, path)
	all = append(all, kept{"DocumentReference/patched", document("patched", content(103), ""), content(103)})

	for i, kind := range []string{"transaction", "batch"} {
		first, second := document(kind+"-1", content(110+2*i), ""), document(kind+"-2", content(111+2*i), "")
		for _, a := range fst(one.entries(kind,
			entryOf("", first, "PUT", "DocumentReference/"+kind+"-1", ""),
			entryOf("", `{"resourceType":"Basic","id":"`+kind+`","code":{"text":"x"}}`, "PUT", "Basic/"+kind, ""),
			entryOf("", second, "PUT", "DocumentReference/"+kind+"-2", ""),
			entryOf("", "", "GET", "DocumentReference/"+kind+"-2", ""))) {
			if a.Status[0] != '2' {
				t.Fatalf("%s: %s %s", kind, a.Status, a.Outcome)
			}
		}
		all = append(all, kept{"DocumentReference/" + kind + "-1", first, content(110 + 2*i)}, kept{"DocumentReference/" + kind + "-2", second, content(111 + 2*i)})
	}

	for _, k := range all {
		binary := one.apart(k.record, k.sent, k.content)
		two.knows(binary)
		if got, _ := one.want(200, "GET", "Binary/"+binary+"?_format=json", nil); got.Header.Get("ETag") == "" {
			t.Errorf("%s has a Binary without a version", k.record)
		}
	}
	level(one.realDesk, two.realDesk)
	one.AwaitGreen()
	for _, k := range all {
		two.apart(k.record, k.sent, k.content)
	}
	c.small(3000)
	if _, coming := one.contents(); coming != 0 {
		t.Errorf("%d files are on their way in when all is written", coming)
	}
}

func fst[A, B any](a A, _ B) A { return a }

// A small content stays in the bytes in which it was written, and so does one that is no Attachment's.
func TestAContentThatStays(t *testing.T) {
	o := newClinic(t).open("one")
	for id, sent := range map[string]string{
		"d": document("d", scan(structure.MaxInline/4*3, 1), ""),
		"s": document("s", []byte("%PDF"), `,"hash":"AA==","size":7`),
		"o": `{"resourceType":"Observation","id":"o","status":"final","code":{"text":"x"},"valueSampledData":{"origin":{"value":0},"period":1,"dimensions":1,"data":"` +
			strings.TrimSpace(strings.Repeat("12 ", structure.MaxInline/2)) + `"}}`,
	} {
		typ := map[bool]string{true: "Observation", false: "DocumentReference"}[id == "o"]
		got, _ := o.want(201, "PUT", typ+"/"+id, strings.NewReader(sent), fhirJSON)
		if said := got.Header.Get(fhir.WarningHeader); said != "" {
			t.Errorf("%s is warned of: %s", id, said)
		}
		_, text := o.want(200, "GET", typ+"/"+id, nil)
		if back := withoutMeta(t, text, id); back != sent {
			t.Errorf("%s comes back as %.300s", id, back)
		}
	}
	if held, _ := o.contents(); held != 0 {
		t.Errorf("%d contents are kept apart", held)
	}
}

// What is not true of a content is refused with its place, and nothing of it stays: no record, no content, nothing to
// send. So is a write that comes too late.
func TestALetterThatIsRefused(t *testing.T) {
	c := newClinic(t)
	o := c.open("one")
	content := scan(300_000, 1)
	sum := sha1.Sum(content)
	first, _ := o.want(201, "PUT", "DocumentReference/d", strings.NewReader(document("d", []byte("x"), "")), fhirJSON)
	o.want(200, "PUT", "DocumentReference/d", strings.NewReader(document("d", []byte("y"), "")), fhirJSON)
	o.want(201, "PUT", "Binary/other", bytes.NewReader([]byte("other")), pdf)
	o.AwaitGreen()
	held, _ := o.contents()
	stored := len(c.broker.Stored())
	for what, row := range map[string]struct {
		status     int
		body, path string
		headers    []string
	}{
		"a size":             {422, document("d", content, `,"size":299999`), "content[0].attachment.size", nil},
		"a hash":             {422, document("d", content, `,"hash":"AAAA"`), "content[0].attachment.hash", nil},
		"no base64":          {422, strings.Replace(document("d", content, ""), `"data" : "`, `"data" : "?`, 1), "content[0].attachment.data", nil},
		"no padding":         {422, strings.Replace(document("d", content, ""), `","title"`, `A","title"`, 1), "content[0].attachment.data", nil},
		"another's url":      {422, document("d", content, `,"url":"Binary/other"`), "content[0].attachment.url", nil},
		"beside _data":       {422, document("d", content, `,"_data":{"extension":[{"url":"http://x","valueCode":"x"}]}`), "content[0].attachment.data", nil},
		"an escaped name":    {422, strings.Replace(document("d", content, ""), `"data"`, `"d\u0061ta"`, 1), "content[0].attachment.data", nil},
		"no status":          {422, strings.Replace(document("d", content, ""), `"status":"current",`, ``, 1), "status", nil},
		"an unknown element": {422, strings.Replace(document("d", content, ""), `"content" :`, `"image":{"data":"`+inBase64(content)+`"},"content" :`, 1), "image", nil},
		"a stale version":    {412, document("d", content, fmt.Sprintf(`,"hash":%q,"size":300000`, inBase64(sum[:]))), "", []string{"If-Match: " + first.Header.Get("ETag")}},
		"what should be new": {412, document("d", content, ""), "", []string{"If-None-Match: *"}},
		"no JSON":            {400, document("d", content, "") + "}", "", nil},
		"the name twice":     {400, strings.Replace(document("d", content, ""), `"title"`, `"data":"`+inBase64(content)+`","title"`, 1), "", nil},
		"nested without end": {400, `{"content":` + strings.Repeat("[", 200_000), "", nil},
	} {
		_, text := o.want(row.status, "PUT", "DocumentReference/d", strings.NewReader(row.body), append(row.headers, fhirJSON)...)
		var said outcome
		if err := json.Unmarshal(text, &said); err != nil {
			t.Fatalf("%s: %v: %s", what, err, text)
		}
		if place := strings.Join(said.lines(), " "); row.path != "" && !strings.HasSuffix(place, " DocumentReference."+row.path) {
			t.Errorf("%s: the place is %q, want DocumentReference.%s", what, place, row.path)
		}
	}
	large := strings.Replace(document("d", content, ""), `é`, strings.Repeat("x", events.MaxPlain), 1) // over HTTP the answer may be cut off
	if text := o.realDesk.ask("PUT", "/fhir/DocumentReference/d", large).want(413).Body.String(); !strings.Contains(text, `"too-long"`) || !strings.Contains(text, "POST /fhir/Binary") {
		t.Errorf("what is too large beside its content: %.500s", text)
	}
	patch := fmt.Sprintf(`[{"op":"test","path":"/status","value":"superseded"},{"op":"add","path":"/content/0/attachment/data","value":%q}]`, inBase64(content))
	o.want(422, "PATCH", "DocumentReference/d", strings.NewReader(patch), "Content-Type: application/json-patch+json")
	_, text := o.want(412, "POST", "", strings.NewReader(posted("transaction",
		entryOf("", document("new", content, ""), "PUT", "DocumentReference/new", ""),
		entryOf("", document("d", content, ""), "PUT", "DocumentReference/d", `,"ifMatch":`+string(mustJSON(first.Header.Get("ETag")))))), fhirJSON)
	if !bytes.Contains(text, []byte("Bundle.entry[1]")) {
		t.Errorf("the entry to blame is not named: %s", text)
	}
	_, text = o.want(422, "POST", "", strings.NewReader(posted("transaction",
		entryOf("", document("new", content, `,"size":1`), "PUT", "DocumentReference/new", ""))), fhirJSON)
	if !bytes.Contains(text, []byte(`"Bundle.entry[0].resource.content[0].attachment.size"`)) {
		t.Errorf("the place in the Bundle is not named: %s", text)
	}
	o.AwaitGreen()
	if now, coming := o.contents(); now != held || coming != 0 || o.Now().Attachments != 0 || len(c.broker.Stored()) != stored {
		t.Errorf("%d contents, %d coming in, %d owed, %d events; want %d, none, none and %d", now, coming, o.Now().Attachments, len(c.broker.Stored()), held, stored)
	}
	o.want(404, "GET", "DocumentReference/new", nil)
}

func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

// A url of the client's own stays, and the Binary is named beside it.
func TestALetterThatHasAnAddressToo(t *testing.T) {
	o := newClinic(t).open("one")
	content := scan(150_000, 1)
	sum := sha1.Sum(content)
	said := fmt.Sprintf(`,"url":"https://hospital.example/letters/1","size":150000,"hash":%q`, inBase64(sum[:]))
	sent := document("d", content, said)
	o.want(201, "PUT", "DocumentReference/d", strings.NewReader(sent), fhirJSON)
	_, text := o.want(200, "GET", "DocumentReference/d", nil)
	found := regexp.MustCompile(`"valueUrl":"Binary/([^"]*)"`).FindSubmatch(text)
	if found == nil {
		t.Fatalf("no Binary is named: %s", text)
	}
	want := strings.Replace(sent, `"data" : "`+inBase64(content)+`"`, `"_data":{"extension":[{"url":"https://carelog.eu/fhir/StructureDefinition/beside","valueUrl":"Binary/`+string(found[1])+`"}]}`, 1)
	if back := withoutMeta(t, text, "d"); back != want {
		t.Errorf("the document is\n%.500s\nwant\n%.500s", back, want)
	}
	o.holds(string(found[1]), content)
	o.want(200, "PUT", "DocumentReference/d", strings.NewReader(withoutMeta(t, text, "d")), fhirJSON) // what was read can be written

	// Both can be ours: what was read, with the content that was read at its address.
	o.want(201, "PUT", "DocumentReference/e", strings.NewReader(document("e", content, "")), fhirJSON)
	id := o.apart("DocumentReference/e", document("e", content, ""), content)
	got, _ := o.want(200, "PUT", "DocumentReference/e", strings.NewReader(document("e", content, `,"url":"Binary/`+id+`"`)), fhirJSON)
	if warned := got.Header.Get(fhir.WarningHeader); !strings.HasSuffix(warned, "is kept as Binary/"+id) {
		t.Errorf("the answer says %q, want that %s has it still", warned, id)
	}
}

// A letter that is written offline is there at once, is still there after a restart, and goes to the server with its
// document, as one.
func TestALetterWithinItsDocumentOffline(t *testing.T) {
	c := newClinic(t)
	one, two := c.open("one"), c.open("two")
	one.line.Cut()
	one.AwaitOffline()
	content := scan(3<<20, 1)
	sent := document("d", content, "")
	got, _ := one.want(201, "PUT", "DocumentReference/d", strings.NewReader(sent), fhirJSON)
	if s := one.Now(); got.Header.Get(fhir.QueuedHeader) != "true" || s.Attachments != 1 || s.Outbox != 2 {
		t.Errorf("queued %q, %d contents and %d changes; want true, 1 and 2", got.Header.Get(fhir.QueuedHeader), s.Attachments, s.Outbox)
	}
	id := one.apart("DocumentReference/d", sent, content)
	one.stop()
	one.start()
	one.apart("DocumentReference/d", sent, content)
	one.line.Mend()
	one.AwaitGreen()
	two.knows(id)
	level(one.realDesk, two.realDesk)
	two.apart("DocumentReference/d", sent, content)
	c.small(3000)
	two.line.Cut()
	two.AwaitOffline()
	two.apart("DocumentReference/d", sent, content) // it was looked at
}

// The same letter in the same document is one Binary, whoever writes it how often; in a conflict each head has its own,
// and $resolve takes a letter like every other write.
func TestALetterThatIsWrittenAgain(t *testing.T) {
	c := newClinic(t)
	one, two := c.open("one"), c.open("two")
	content := scan(150_000, 1)
	sent := document("d", content, "")
	one.want(201, "PUT", "DocumentReference/d", strings.NewReader(sent), fhirJSON)
	id := one.apart("DocumentReference/d", sent, content)
	one.want(200, "PUT", "DocumentReference/d", strings.NewReader(sent), fhirJSON)
	if again := one.apart("DocumentReference/d", sent, content); again != id {
		t.Errorf("written again it is Binary/%s, want %s", again, id)
	}
	one.want(http.StatusNoContent, "DELETE", "Binary/"+id, nil)
	one.want(200, "PUT", "DocumentReference/d", strings.NewReader(sent), fhirJSON)
	id = one.apart("DocumentReference/d", sent, content) // another, since that one was deleted
	level(one.realDesk, two.realDesk)
	if again := two.apart("DocumentReference/d", sent, content); again != id {
		t.Errorf("the other desk has Binary/%s, want %s", again, id)
	}

	var both sync.WaitGroup // online, at once, at both: who comes second may be told so, as with any update
	for _, o := range []*clinicDesk{one, two} {
		both.Go(func() {
			put := func() (*http.Response, []byte, error) {
				return o.send("PUT", "DocumentReference/race", strings.NewReader(document("race", content, "")), fhirJSON)
			}
			got, text, err := put()
			if err == nil && got.StatusCode == http.StatusPreconditionFailed { // the other was faster, and stands here by now
				got, text, err = put()
			}
			if err != nil || got.StatusCode > 201 {
				t.Errorf("desk %s: %v %s", o.Name, err, text)
			}
		})
	}
	both.Wait()
	level(one.realDesk, two.realDesk)
	if a, b := one.apart("DocumentReference/race", document("race", content, ""), content), two.apart("DocumentReference/race", document("race", content, ""), content); a != b {
		t.Errorf("the desks have Binary/%s and Binary/%s", a, b)
	}

	for _, o := range []*clinicDesk{one, two} {
		o.line.Cut()
		o.AwaitOffline()
	}
	same, mine, theirs := document("same", content, ""), scan(150_000, 2), scan(150_000, 3)
	for _, o := range []*clinicDesk{one, two} {
		o.want(201, "PUT", "DocumentReference/same", strings.NewReader(same), fhirJSON)
	}
	one.want(200, "PUT", "DocumentReference/d", strings.NewReader(document("d", mine, "")), fhirJSON)
	two.want(200, "PUT", "DocumentReference/d", strings.NewReader(document("d", theirs, "")), fhirJSON)
	for _, o := range []*clinicDesk{one, two} {
		o.line.Mend()
		o.AwaitGreen()
	}
	level(one.realDesk, two.realDesk)
	if n := one.Now().Conflicts; n != 1 {
		t.Errorf("%d conflicts, want that of the two letters alone", n)
	}
	var heads conflictBundle
	_, text := one.want(200, "GET", "DocumentReference/d/$conflicts", nil)
	if err := json.Unmarshal(text, &heads); err != nil {
		t.Fatal(err)
	}
	for _, part := range [][]byte{mine, theirs} {
		sum := sha1.Sum(part)
		if !bytes.Contains(text, []byte(inBase64(sum[:]))) {
			t.Errorf("a head is without its letter: %s", text)
		}
	}
	both1, both2 := one.headIDs("DocumentReference/d"), scan(150_000, 4)
	resolution := func(heads ...string) io.Reader {
		parameters := ""
		for _, h := range heads {
			parameters += `{"name":"head","valueId":"` + h + `"},`
		}
		return strings.NewReader(`{"resourceType":"Parameters","parameter":[` + parameters + `{"name":"resource","resource":` + document("d", both2, "") + `}]}`)
	}
	held, _ := one.contents()
	one.want(412, "POST", "DocumentReference/d/$resolve", resolution(both1[0]), fhirJSON)
	if now, _ := one.contents(); now != held {
		t.Errorf("a refused resolution leaves %d contents, want %d", now, held)
	}
	one.want(200, "POST", "DocumentReference/d/$resolve", resolution(both1...), fhirJSON)
	level(one.realDesk, two.realDesk)
	for _, o := range []*clinicDesk{one, two} {
		o.apart("DocumentReference/d", document("d", both2, ""), both2)
		if n := o.Now().Conflicts; n != 0 {
			t.Errorf("desk %s has %d conflicts when it is settled", o.Name, n)
		}
	}
}

type conflictBundle struct{ Entry []struct{ FullURL string } }

// headIDs are the versions of a record that stand side by side.
func (o *clinicDesk) headIDs(record string) (ids []string) {
	o.t.Helper()
	typ, id, _ := strings.Cut(record, "/")
	state, err := o.Store().Record(o.t.Context(), events.Record{Type: typ, ID: id})
	if err != nil {
		o.t.Fatal(err)
	}
	for _, h := range state.Heads {
		ids = append(ids, h.Event.ID.String())
	}
	return ids
}

// The largest letter there can be comes in its document, in little memory; what is larger is refused with what to do.
func TestTheLargestLetterWithinItsDocument(t *testing.T) {
	largetest.Unwatched(t)
	o := newClinic(t).open("one")
	o.line.Cut() // the broker of the test has its memory here too
	o.AwaitOffline()
	stream := func(size int64) io.Reader {
		r, w := io.Pipe()
		go func() {
			encoder := base64.NewEncoder(base64.StdEncoding, w)
			_, err := io.Copy(encoder, io.LimitReader(rand.NewChaCha8([32]byte{7}), size))
			if err == nil {
				err = encoder.Close()
			}
			w.CloseWithError(err)
		}()
		before, after, _ := strings.Cut(document("d", []byte("x"), ""), inBase64([]byte("x")))
		return io.MultiReader(strings.NewReader(before), r, strings.NewReader(after))
	}
	grown := heapGrowth(func() {
		got, text := o.ask("PUT", "DocumentReference/d", stream(events.MaxAttachment), fhirJSON)
		if got.StatusCode != 201 {
			t.Errorf("%s: %.500s", got.Status, text)
		}
	})
	t.Logf("%.1f MiB of heap at most", float64(grown)/(1<<20))
	if grown > 16<<20 {
		t.Errorf("while 50 MiB are written in their document the heap grows by %d bytes", grown)
	}
	_, text := o.want(200, "GET", "DocumentReference/d", nil)
	id := string(binaryURL.FindSubmatch(text)[1])
	_, content := o.want(200, "GET", "Binary/"+id, nil)
	if want, _ := io.ReadAll(io.LimitReader(rand.NewChaCha8([32]byte{7}), events.MaxAttachment)); !bytes.Equal(content, want) {
		t.Errorf("it comes back in %d bytes", len(content))
	}
	file, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := io.Copy(file, stream(events.MaxAttachment+1)); err != nil {
		t.Fatal(err)
	}
	body, err := os.ReadFile(file.Name())
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []string{"one byte too many", "more than any body"} {
		if size == "more than any body" {
			body = append(body, bytes.Repeat([]byte(" "), events.MaxPlain)...)
		}
		refused := o.realDesk.ask("PUT", "/fhir/DocumentReference/d", string(body)).want(413)
		if text := refused.Body.String(); !strings.Contains(text, `"too-long"`) {
			t.Errorf("%s: %.500s", size, text)
		}
	}
}
