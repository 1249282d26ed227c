package fhir_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/carelog/carelog/events"
)

// TestCriteriaChooseNoHead: criteria find a record by whichever head, and do not say on which of
// them a change goes on. In a conflict it is refused with the heads, unless If-Match names some.
func TestCriteriaChooseNoHead(t *testing.T) {
	const patch = "Content-Type: application/json-patch+json"
	coded := func(code, more string) string {
		return `{"resourceType":"Basic","id":"n1","code":{"coding":[{"system":"http://x","code":"` + code + `"}]}` + more + `}`
	}
	const high = `,"extension":[{"url":"http://x","valueCode":"high"}]`
	const change = `[{"op":"add","path":"/language","value":"nl"}]`
	d := newDesk(t)
	ancestor := d.do("PUT", "/fhir/Basic/n1", coded("any", "")).want(201).version()
	shown := d.do("PUT", "/fhir/Basic/n1", coded("peni", "")).want(200).version()
	other := d.elsewhere("Basic/n1", "", coded("latex", ""), ancestor)
	before := d.writes
	for _, criteria := range []string{"code=latex", "code=peni", "_id=n1", "_tag=conflict"} {
		url := "Basic?" + criteria
		for name, ask := range map[string]func(headers ...string) reply{
			"PUT":    func(h ...string) reply { return d.do("PUT", "/fhir/"+url, coded("latex", high), h...) },
			"PATCH":  func(h ...string) reply { return d.do("PATCH", "/fhir/"+url, change, append(h, patch)...) },
			"DELETE": func(h ...string) reply { return d.do("DELETE", "/fhir/"+url, "", h...) },
		} {
			for _, header := range []string{"", "If-Match: *", "If-Unmodified-Since: Mon, 01 Jan 2085 00:00:00 GMT"} {
				var headers []string
				if header != "" {
					headers = append(headers, header)
				}
				got := ask(headers...).want(412)
				text := got.Body.String()
				for _, want := range []string{shown.String(), other.String(), "Basic/n1", "If-Match", "$resolve"} {
					if !strings.Contains(text, want) {
						t.Errorf("%s %s, %s: %s is not said: %s", name, criteria, header, want, text)
					}
				}
				if got.issueCode() != "conflict" || got.version() != shown {
					t.Errorf("%s %s: %s of %s", name, criteria, got.issueCode(), got.version())
				}
			}
		}
		for _, entry := range []string{
			entryOf("", coded("latex", high), "PUT", url, ""), patchEntry(url, change, ""), entryOf("", "", "DELETE", url, ""),
			entryOf("", "", "DELETE", url, `,"ifMatch":"*"`),
		} {
			got := d.do("POST", "/fhir", posted("transaction", entryOf("", `{"resourceType":"Basic","id":"good","code":{"text":"x"}}`, "PUT", "Basic/good", ""), entry)).want(412)
			if text := got.Body.String(); !strings.Contains(text, other.String()) || !strings.Contains(text, `"Bundle.entry[1]"`) {
				t.Errorf("%s in a transaction: %s", entry, text)
			}
			list, _ := d.do("POST", "/fhir", posted("batch", entry)).want(200).answered("batch-response")
			if !strings.HasPrefix(list[0].Status, "412 ") || !strings.Contains(string(list[0].Outcome), other.String()) {
				t.Errorf("%s in a batch: %+v", entry, list[0])
			}
		}
	}
	if d.writes != before {
		t.Fatalf("%d were written", d.writes-before)
	}
	for _, code := range []string{"peni", "latex"} {
		if ids := d.do("GET", "/fhir/Basic?code="+code, "").want(200).bundle().ids(t); len(ids) != 1 {
			t.Errorf("%s finds %v", code, ids)
		}
	}
	// A conditional create makes nothing, and so chooses nothing.
	if got := d.do("POST", "/fhir/Basic", coded("latex", ""), "If-None-Exist: code=latex").want(200); got.version() != shown {
		t.Errorf("a conditional create is of %s", got.version())
	}
	// Who names the head goes on from it, and who names all of them settles.
	parents := func(id events.ID) []events.ID {
		t.Helper()
		v, err := d.store.Version(t.Context(), events.Record{Type: "Basic", ID: "n1"}, id)
		if err != nil {
			t.Fatal(err)
		}
		return v.Event.Parents
	}
	next := d.do("PATCH", "/fhir/Basic?code=latex", change, patch, `If-Match: W/"`+other.String()+`"`).want(200).version()
	if got := parents(next); len(got) != 1 || got[0] != other {
		t.Errorf("the patch is on %v, want %v", got, other)
	}
	d.do("PUT", "/fhir/Basic?code=latex", coded("latex", ""), `If-Match: W/"`+other.String()+`"`).want(412) // it is none any more
	settled := d.do("PUT", "/fhir/Basic?code=latex", coded("latex", high), fmt.Sprintf(`If-Match: W/"%s", W/"%s"`, shown, next)).want(200).version()
	if got := parents(settled); len(got) != 2 {
		t.Errorf("settled on %v", got)
	}
	d.do("DELETE", "/fhir/Basic?code=latex", "").want(204)
}
