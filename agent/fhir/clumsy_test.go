package fhir_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/carelog/carelog/agent/agenttest"
	"github.com/carelog/carelog/agent/fhir"
	"github.com/carelog/carelog/internal/pipetest"
)

// What a hostile or clumsy client sends, and what it is told. check holds of every answer
// that it is a resource of R4 and that an error is an OperationOutcome.
func TestWhatClumsyClientsSend(t *testing.T) {
	const (
		patch   = "Content-Type: application/json-patch+json"
		form    = "Content-Type: application/x-www-form-urlencoded"
		strict  = "Prefer: handling=strict"
		patient = `{"resourceType":"Patient","id":"p1"}`
	)
	deep := func(n int) string {
		return `{"resourceType":"Patient","extension":` + strings.Repeat(`[{"url":"y","extension":`, n) + `[{"url":"z","valueString":"q"}]` + strings.Repeat("}]", n) + `}`
	}
	with := func(members string) string { return `{"resourceType":"Patient",` + members + `}` }
	var d *desk // another one as soon as something was written
	var before int
	for _, c := range []struct {
		method, path, body, header string
		want                       int
	}{
		// Searches: what is not meant as it stands is refused, and never widened.
		{"GET", "Patient?name=%00", "", "", 400}, {"GET", "Patient?name=%ff", "", "", 400}, {"GET", "Patient?name=*", "", "", 400},
		{"GET", "Patient?name=%25", "", "", 400}, {"GET", "Patient?name:contains=e", "", "", 400}, {"GET", "Patient?name:=x", "", "", 400},
		{"GET", "Patient?name:missing=true,false", "", "", 400}, {"GET", "Patient?name=a;b", "", "", 400}, {"GET", "Patient?name=%zz", "", "", 400},
		{"GET", `Patient?name=pee\,xx`, "", "", 200}, {"GET", "Patient?identifier=|", "", "", 400}, {"GET", "Patient?identifier=x,", "", "", 400},
		{"GET", "Patient?identifier:not=|", "", "", 400}, {"GET", "Patient?identifier:of-type=a|b|c", "", "", 400},
		{"GET", "Patient?birthdate=1981-02-29", "", "", 400}, {"GET", "Patient?birthdate=xx1980", "", "", 400}, {"GET", "Patient?birthdate=0000", "", "", 400},
		{"GET", "Patient?birthdate=1980-02-29T24:00:00Z", "", "", 400}, {"GET", "Patient?birthdate=1980-02-29T10", "", "", 400},
		{"GET", "Patient?birthdate=1980-02-29T10:00:00%2B99:00", "", "", 400}, {"GET", "Patient?birthdate=ge1979,le1970", "", "", 200},
		{"GET", "Observation?date=2024-02-29T23:59:60Z", "", "", 200}, {"GET", "Observation?value-quantity=NaN", "", "", 400},
		{"GET", "Observation?value-quantity=1e999999999", "", "", 400}, {"GET", "Observation?value-quantity=.5", "", "", 400},
		{"GET", "Observation?patient.name=x", "", "", 400}, {"GET", "Observation?patient:Patient.name=x", "", "", 400},
		{"GET", "Observation?_has:Patient:x:y=1", "", strict, 400}, {"GET", "Patient?_filter=x", "", strict, 400}, {"GET", "Patient?_elements=id", "", strict, 400},
		{"GET", "Patient?_summary=true", "", strict, 400}, {"GET", "Patient?_sort=-birthdate,name", "", strict, 400},
		{"GET", "Observation?_include=*", "", strict, 400}, {"GET", "Observation?_include:iterate=Observation:patient", "", strict, 400},
		{"GET", "Observation?_include=Observation:patient:Bogus", "", strict, 400}, {"GET", "Observation?_include=Observation:patient:Group", "", strict, 400},
		{"GET", "Observation?_include=Observation:patient:Patient", "", strict, 200},
		{"GET", "Patient?_count=-1", "", "", 400}, {"GET", "Patient?_count=99999999999999999999", "", "", 400}, {"GET", "Patient?_cursor=xx", "", "", 400},
		{"GET", "Patient?" + strings.Repeat("name=x&", 60), "", "", 400}, {"GET", "Patient?_id=" + strings.Repeat("x,", 50_000), "", "", 400},
		{"POST", "Patient/_search", "name=%zz", form, 400}, {"POST", "Patient/_search", strings.Repeat("x", 70_000), form, 413}, {"POST", "Patient/_search", "name=x", "Content-Type: text/plain", 415},
		// Places and methods.
		{"GET", "", "", "", 405}, {"GET", "Bogus", "", "", 404}, {"GET", "patient", "", "", 404}, {"GET", "Patient/p1%00", "", "", 404}, {"GET", "Patient/%2e%2e/metadata", "", "", 404},
		{"GET", "Patient/p1/_history/1/x", "", "", 404}, {"GET", "Patient/p1/$bogus", "", "", 404}, {"GET", "_history?_at=2020", "", "", 400}, {"GET", "Patient/p1/$everything?_cursor=x", "", "", 400},
		{"OPTIONS", "Patient/p1", "", "", 405}, {"TRACE", "metadata", "", "", 405}, {"get", "metadata", "", "", 405}, {"POST", "Patient/p1", patient, "", 405},
		// What is asked for.
		{"GET", "Patient/p1", "", "Accept: text/html", 406}, {"GET", "Patient/p1", "", "Accept: text/html, */*;q=0.1", 200}, {"GET", "Patient/p1", "", "Accept: */*;q=0.0", 406},
		{"GET", "Patient/p1", "", "Accept: application/json;q=0.000", 406}, {"GET", "Patient/p1", "", "Accept: ;;;", 406}, {"GET", "Patient/p1", "", "Accept: application/fhir+json;fhirVersion=5.0", 406},
		{"GET", "Patient/p1?_format=application/fhir+json&_pretty=true", "", "", 200}, {"GET", "Patient/p1?_format=xml", "", "", 406}, {"GET", "metadata?_format=xml", "", "", 406},
		{"GET", "Patient/p1", "", "If-None-Match: xx", 400}, {"GET", "Patient/p1", "", `If-None-Match: "x"`, 200}, {"GET", "Patient/p1", "", "If-None-Match: *", 304}, {"GET", "Patient/p1", "", "If-Modified-Since: soon", 400},
		// JSON that is none, or says two things.
		{"POST", "Patient", " ", "", 400}, {"POST", "Patient", "null", "", 400}, {"POST", "Patient", patient + "x", "", 400}, {"POST", "Patient", patient + patient, "", 400}, {"POST", "Patient", "\xef\xbb\xbf" + patient, "", 400},
		{"POST", "Patient", with(`"active":true,"active":true`), "", 400}, {"POST", "Patient", with(`"\u0061ctive":true,"active":true`), "", 400}, {"POST", "Patient", with(`"name":[{"family":"\ud800"}]`), "", 400},
		{"POST", "Patient", with("\"name\":[{\"family\":\"\xff\"}]"), "", 400}, {"POST", "Patient", deep(100_000), "", 400}, {"POST", "Patient", with(`"multipleBirthInteger":01`), "", 400},
		{"POST", "Patient", with(`"multipleBirthInteger":1.0`), "", 422}, {"POST", "Patient", with(`"multipleBirthInteger":1e0`), "", 422}, {"POST", "Patient", with(`"birthDate":"1981-02-29"`), "", 422},
		{"POST", "Patient", with(`"deceasedDateTime":"2024-02-29T23:59:60Z"`), "", 201}, {"POST", "Patient", with(`"deceasedDateTime":"2024-02-29T10:00:00+15:00"`), "", 422}, {"POST", "Patient", with(`"deceasedDateTime":"2024-02-29T10:00:00"`), "", 422},
		{"POST", "Patient", with(`"extension":[{"url":"x","valueDecimal":1e400}]`), "", 201}, {"POST", "Patient", with(`"name":[{"given":["a",null],"_given":[null]}]`), "", 422},
		{"POST", "Patient", patient, "Content-Type: application/json; charset=latin1", 415}, {"POST", "Patient", patient, "Content-Type: application/fhir+xml", 415}, {"POST", "Patient", patient, "Content-Encoding: gzip", 400}, {"POST", "Patient", patient, "Content-Encoding: br", 415},
		// Conditions.
		{"PUT", "Patient/p1", patient, `If-Match: W/"x"`, 412}, {"PUT", "Patient/p1", patient, "If-Match: x", 400}, {"PUT", "Patient/p1", patient, "If-Match: ,", 400}, {"PUT", "Patient/p1", patient, `If-Match: W/""`, 412},
		{"PUT", "Patient/p1", patient, "If-None-Match: *", 412}, {"PUT", "Patient/p1", patient, `If-None-Match: W/"1"`, 400}, {"PUT", "Patient/p2", patient, "", 400}, {"PUT", "Patient", patient, "", 400}, {"DELETE", "Patient?", "", "", 400},
		{"POST", "Patient", patient, "If-None-Exist: _count=1", 400}, {"POST", "Patient", patient, "If-None-Exist: identifier=urn:x|a&foo=2", 400}, {"POST", "Patient", patient, "If-None-Exist: name=", 400}, {"POST", "Patient", patient, "If-None-Exist: Patient?identifier=a|b", 400},
		// Patches, by RFC 6902.
		{"PATCH", "Patient/p1", `[{"op":"move","from":"/name","path":"/name/0"}]`, patch, 422}, {"PATCH", "Patient/p1", `[{"op":"add","path":"/a~2b","value":1}]`, patch, 400}, {"PATCH", "Patient/p1", `[{"op":"add","path":"/a~1b","value":1}]`, patch, 422},
		{"PATCH", "Patient/p1", `[{"op":"test","path":"/nope","value":null}]`, patch, 422}, {"PATCH", "Patient/p1", `[{"op":"add","path":"/name/01","value":{}}]`, patch, 422}, {"PATCH", "Patient/p1", `[{"op":"remove","path":"/name/-"}]`, patch, 422},
		{"PATCH", "Patient/p1", `[{"op":"replace","path":"/resourceType","value":"Person"}]`, patch, 422}, {"PATCH", "Patient/p1", `[{"op":"add","op":"remove","path":"/gender"}]`, patch, 400}, {"PATCH", "Patient/p1", `{"gender":"male"}`, "Content-Type: application/merge-patch+json", 415},
		// Bundles.
		{"POST", "", `{"resourceType":"Bundle","type":"transaction","entry":[null]}`, "", 400}, {"POST", "", `{"resourceType":"Bundle","type":"transaction","entry":[],"entry":[]}`, "", 400}, {"POST", "", `{"resourceType":"Bundle","type":"collection"}`, "", 400},
		{"POST", "", posted("transaction", entryOf("", `{"resourceType":"Bundle","type":"transaction"}`, "POST", "", "")), "", 422}, {"POST", "", posted("transaction", entryOf("", patient, "FOO", "Patient", "")), "", 422},
		{"POST", "", posted("transaction", entryOf("", patient, "POST", "Patient/_search", "")), "", 400}, {"POST", "", posted("transaction", entryOf("urn:uuid:1", patient, "POST", "Patient", ""), entryOf("urn:uuid:1", patient, "POST", "Patient", "")), "", 400},
	} {
		name := fmt.Sprintf("%s %.60s %.60q %s", c.method, c.path, c.body, c.header)
		if d == nil || d.writes != before {
			d = newDesk(t)
			d.do("PUT", "/fhir/Patient/p1", with(`"id":"p1","name":[{"family":"Peeters"}]`)).want(201)
			before = d.writes
		}
		t.Run(name, func(t *testing.T) {
			d.t = t
			headers := []string{c.header}
			if c.header == "" {
				headers = nil
			}
			got := d.do(c.method, "/fhir/"+strings.ReplaceAll(c.path, "|", "%7C"), c.body, headers...).want(c.want)
			if got.Code >= 400 && d.writes != before {
				t.Error("something was written")
			}
			if got.Body.Len() > 20_000 && got.Code >= 400 {
				t.Errorf("an error of %d bytes", got.Body.Len())
			}
		})
	}
}

// A caller who stops in the middle of a body is told so, and its place is free again;
// nothing is written.
func TestABodyThatStops(t *testing.T) {
	agenttest.WarmUp()
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		config := doorConfig(d, d.store)
		config.Concurrent = 1
		server := pipetest.Serve(t, fhir.New(config))
		for typ, want := range map[string]string{"application/fhir+json": "408 ", "text/plain": "415 "} { // one is read, the other is not
			conn := server.Dial()
			fmt.Fprintf(conn, "POST /fhir/Basic HTTP/1.1\r\nHost: x\r\nContent-Type: %s\r\nContent-Length: 100\r\n\r\n{", typ)
			said, err := io.ReadAll(conn) // to its end: the server closes the connection
			if err != nil || !strings.HasPrefix(string(said), "HTTP/1.1 "+want) || !strings.Contains(string(said), `"OperationOutcome"`) {
				t.Errorf("%s: got %q, %v", typ, said, err)
			}
		}
		if d.writes != 0 {
			t.Error("something was written")
		}
		answer := server.Get("/fhir/metadata")
		defer answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			t.Errorf("then a read is %s", answer.Status)
		}
	})
}

// A caller who stops taking an answer loses it, and its place is free again; one that takes it
// slowly gets all of it, though that lasts longer than an answer may stop.
func TestAnAnswerThatIsNotTaken(t *testing.T) {
	agenttest.WarmUp()
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		config := doorConfig(d, d.store)
		config.Stall, config.Concurrent = time.Minute, 1
		server := pipetest.Serve(t, fhir.New(config))
		large := `{"resourceType":"Basic","id":"b1","code":{"text":"` + strings.Repeat("x", 800<<10) + `"}}`
		d.do("PUT", "/fhir/Basic/b1", large).want(201)
		ask := func() net.Conn {
			conn := server.Dial()
			fmt.Fprintf(conn, "GET /fhir/Basic/b1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
			return conn
		}
		if _, err := io.ReadFull(ask(), make([]byte, 12)); err != nil {
			t.Fatal(err)
		}
		for _, want := range []int{http.StatusTooManyRequests, http.StatusOK} { // its place is the only one
			answer := server.Get("/fhir/metadata")
			if answer.StatusCode != want {
				t.Errorf("beside an answer that nobody takes: %s, want %d", answer.Status, want)
			}
			if _, err := io.Copy(io.Discard, answer.Body); err != nil {
				t.Error(err)
			}
			answer.Body.Close()
			time.Sleep(2 * config.Stall) // longer than it may stop
		}
		slow := ask()
		var got bytes.Buffer
		began := time.Now()
		for {
			_, err := io.CopyN(&got, slow, 8<<10)
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatalf("after %d bytes and %v: %v", got.Len(), time.Since(began), err)
			}
			time.Sleep(config.Stall / 20) // the line is slow
		}
		took := time.Since(began)
		answer, err := http.ReadResponse(bufio.NewReader(&got), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		if body, err := io.ReadAll(answer.Body); err != nil || answer.StatusCode != http.StatusOK || len(body) < len(large) {
			t.Errorf("slowly came %s and %d bytes, %v", answer.Status, len(body), err)
		}
		if took < config.Stall {
			t.Errorf("it took %v: no longer than an answer may stop", took)
		}
	})
}

// Whoever misspells the way to the door is told so in FHIR: a page of HTML helps no program.
func TestMisspeltRoot(t *testing.T) {
	d := newDesk(t)
	pages := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	for path, want := range map[string]int{
		"/fhir/metadata": 200, "//fhir/metadata": 404, "/api/../fhir/metadata": 404, "/FHIR/metadata": 404, "/Fhir": 404, "/./fhir/": 404,
		"/fhirx": 418, "/fhi": 418, "/": 418, "/api/fhir": 418,
	} {
		w := httptest.NewRecorder()
		fhir.New(doorConfig(d, d.store)).Before(pages).ServeHTTP(w, &http.Request{Method: "GET", URL: &url.URL{Path: path}, Host: "127.0.0.1:7878"})
		if w.Code != want || want == 404 && !strings.Contains(w.Body.String(), `"OperationOutcome"`) {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
}
