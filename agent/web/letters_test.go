package web_test

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/carelog/carelog/agent/letters"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections/fhirjson"
)

// binary writes a Binary of a patient, with its content on this desk or nowhere.
func (d *desk) binary(id, patient, mediaType, text string, here bool) {
	d.t.Helper()
	seal, err := d.practice.Ring.Attach(patient, int64(len(text)), sha256.Sum256([]byte(text)))
	if err != nil {
		d.t.Fatal(err)
	}
	body, err := fhirjson.Attach(fhirjson.NewBinary(mediaType, "Patient/"+patient), seal.Attachment())
	if err == nil {
		body, err = fhirjson.Prepare(body, id)
	}
	if err != nil {
		d.t.Fatal(err)
	}
	d.arrives("Binary/"+id, patient, "dr-1", string(body))
	if !here {
		return
	}
	spool, err := d.letters.NewSpool()
	if err != nil {
		d.t.Fatal(err)
	}
	defer spool.Close()
	if _, err := io.WriteString(spool, text); err != nil {
		d.t.Fatal(err)
	}
	held, err := d.letters.Put(seal, spool)
	if err != nil {
		d.t.Fatal(err)
	}
	held.Keep()
}

// letter writes a DocumentReference of p1 with one content.
func (w ward) letter(id, attachment string, parents ...events.ID) events.ID {
	return w.write("DocumentReference/"+id, `"status":"current","description":"Of `+id+`","date":"2026-11-01","content":[{"attachment":{`+attachment+`}}]`, parents...)
}

// opens asks for a letter as a browser does that is sent to its address, in the name of who is at it.
func (w ward) opens(address, language string) (*http.Response, string) {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, w.url+address, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+w.token)
	r.Header.Set("Accept-Language", language)
	r.Header.Set("Cookie", "carelog-user-"+r.URL.Port()+"=dr-7")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return answer, string(body)
}

// A letter or scan is opened from its row and from the timeline: what a browser shows by itself in it, all else as a file, and
// nothing of either runs. Who looked is in the trail.
func TestALetterIsOpened(t *testing.T) {
	w := newWard(t)
	for _, c := range []struct{ id, kind, disposition, sent string }{
		{"pdf", "application/pdf", `inline; filename="Discharge letter.pdf"`, "application/pdf"},
		{"png", "image/png", `inline; filename="Discharge letter.png"`, "image/png"},
		{"plain", "text/plain", `inline; filename="Discharge letter.txt"`, "text/plain; charset=utf-8"},
		{"latin", "text/plain; charset=iso-8859-1", `inline; filename="Discharge letter.txt"`, "text/plain; charset=iso-8859-1"},
		{"html", "text/html; charset=utf-8", `attachment; filename="Discharge letter"`, "text/html; charset=utf-8"},
		{"svg", "image/svg+xml", `attachment; filename="Discharge letter"`, "image/svg+xml"},
		{"odd", "no type", `attachment; filename="Discharge letter"`, "application/octet-stream"},
	} {
		content := "<script>alert(1)</script> of " + c.id
		w.binary("b-"+c.id, "p1", c.kind, content, true)
		w.letter("beside-"+c.id, `"contentType":"`+c.kind+`","url":"Binary/b-`+c.id+`","title":"Discharge letter","size":12345,"creation":"2026-10-30"`)
		w.letter("within-"+c.id, `"contentType":"`+c.kind+`","title":"Discharge letter","data":"`+base64.StdEncoding.EncodeToString([]byte(content))+`"`)
		for where, record := range map[string]string{"beside-" + c.id: "Binary/b-" + c.id, "within-" + c.id: "DocumentReference/within-" + c.id} {
			w.set(func() { w.looks = nil })
			got, body := w.opens("/letters/DocumentReference/"+where+"/0", "en")
			if got.StatusCode != http.StatusOK || body != content || got.Header.Get("Content-Disposition") != c.disposition || got.Header.Get("Content-Type") != c.sent {
				t.Errorf("%s: %s %v %q", where, got.Status, got.Header, body)
			}
			if policy := got.Header.Get("Content-Security-Policy"); !strings.HasPrefix(policy, "sandbox; default-src 'none'") || got.Header.Get("X-Content-Type-Options") != "nosniff" || got.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("%s: %v", where, got.Header)
			}
			if looks := fmt.Sprint(w.looks); len(w.looks) != 1 || w.looks[0].What != record || w.looks[0].Agent != "dr-7" || w.looks[0].Patients[0] != "p1" {
				t.Errorf("%s: the trail has %s", where, looks)
			}
		}
	}
	for language, words := range map[string][2]string{"en": {"Open: Discharge letter", "(PDF, 12 kB, 30 Oct 2026)"}, "nl": {"Openen: Discharge letter", "(PDF, 12 kB, 30 okt 2026)"}, "fr": {"Ouvrir : Discharge letter", "(PDF, 12 ko, 30 oct. 2026)"}, "de": {"Öffnen: Discharge letter", "(PDF, 12 kB, 30. Okt. 2026)"}} {
		for _, address := range []string{"/patients/p1", "/patients/p1?view=timeline"} {
			_, page := w.ask("GET", address, "", "Accept-Language: "+language)
			page = strings.NewReplacer("\u00a0", " ", "\u202f", " ").Replace(page)
			want := `<a href="/letters/DocumentReference/beside-pdf/0" target="_blank" rel="noopener">` + words[0] + `</a> ` + words[1]
			if !strings.Contains(page, want) {
				_, page, _ = strings.Cut(page, `<a href="/letters/DocumentReference/beside-pdf/0`)
				t.Errorf("%s in %s: want %s, got %.200s", address, language, want, page)
			}
			if strings.Contains(page, "/letters/DocumentReference/within-plain/") {
				t.Errorf("%s: a text that stands in its row has a link as well", address)
			}
		}
	}
}

// What cannot be opened says why and what to do, in every language; nothing of another dossier is opened in this one, and what was
// not shown is not in the trail.
func TestALetterThatCannotBeOpenedSaysWhy(t *testing.T) {
	w := newWard(t)
	w.arrives("Patient/p2", "p2", "dr-1", strings.ReplaceAll(patient, "p1", "p2"))
	w.binary("away", "p1", "application/pdf", "far", false)
	w.binary("other", "p2", "application/pdf", "of another", true)
	w.letter("away", `"contentType":"application/pdf","url":"Binary/away"`)
	w.letter("other", `"contentType":"application/pdf","url":"Binary/other"`)
	w.letter("none", `"contentType":"application/pdf","url":"Binary/none"`)
	w.letter("elsewhere", `"contentType":"application/pdf","url":"https://other.example/scan.pdf"`)
	w.letter("moved", `"contentType":"application/pdf","url":"https://other.example/scan.pdf","_data":{"extension":[{"url":"`+letters.BesideURL+`","valueUrl":"Binary/away"}]}`)
	w.set(func() { w.looks = nil })
	if got, page := w.opens("/letters/DocumentReference/moved/0", "en"); got.StatusCode != http.StatusServiceUnavailable || !strings.Contains(page, "not on this PC") {
		t.Errorf("a content beside an address of its own: %s %s", got.Status, page)
	}
	for language, words := range map[string][2]string{"en": {"no connection with the server", "Try again when this PC is online"}, "nl": {"geen verbinding met de server", "als deze pc online is"}, "fr": {"pas de connexion avec le serveur", "quand ce PC sera en ligne"}, "de": {"keine Verbindung zum Server", "wenn dieser PC online ist"}} {
		got, page := w.opens("/letters/DocumentReference/away/0", language)
		if got.StatusCode != http.StatusServiceUnavailable || !strings.Contains(page, words[0]) || !strings.Contains(page, words[1]) || !strings.Contains(page, `href="/patients/p1"`) {
			t.Errorf("%s: %s %s", language, got.Status, page)
		}
	}
	for _, address := range []string{"/letters/DocumentReference/other/0", "/letters/DocumentReference/none/0", "/letters/DocumentReference/elsewhere/0", "/letters/DocumentReference/away/1", "/letters/DocumentReference/away/-1", "/letters/DocumentReference/away/x", "/letters/DocumentReference/nobody/0", "/letters/DocumentReference/a%20b/0"} {
		got, page := w.opens(address, "en")
		if got.StatusCode != http.StatusNotFound || !strings.Contains(page, "There is nothing in this place") || strings.Contains(page, "of another") {
			t.Errorf("%s: %s %s", address, got.Status, page)
		}
	}
	w.set(func() { w.status.Incomplete = true })
	if got, page := w.opens("/letters/DocumentReference/none/0", "en"); got.StatusCode != http.StatusServiceUnavailable || !strings.Contains(page, "not on this PC") {
		t.Errorf("a dossier that is not whole: %s %s", got.Status, page)
	}
	if len(w.looks) > 0 {
		t.Errorf("the trail has %v, and nothing was shown", w.looks)
	}
	if _, page := w.ask("GET", "/patients/p1", "", "Accept-Language: en"); strings.Contains(page, "/letters/DocumentReference/elsewhere/") {
		t.Error("what another server has seems to be here")
	}
}

// Every version of a conflict has links to its own letters, and so has their ancestor: whoever chooses between two scans can see both.
func TestEveryVersionOfAConflictHasItsLetters(t *testing.T) {
	w := newWard(t)
	contents := []string{"before", "first", "second"}
	for _, content := range contents {
		w.binary("b-"+content, "p1", "application/pdf", "the scan "+content, true)
	}
	attached := func(content string) string {
		return `"contentType":"application/pdf","title":"Scan","url":"Binary/b-` + content + `"`
	}
	versions := []events.ID{w.letter("torn", attached("before"))}
	for _, content := range contents[1:] {
		versions = append(versions, w.letter("torn", attached(content), versions[0]))
	}
	_, page := w.ask("GET", "/fragments/conflicts/DocumentReference/torn", "", "Accept-Language: en")
	for i, version := range versions {
		address := "/letters/DocumentReference/torn/0?version=" + version.String()
		if !strings.Contains(page, `<a href="`+address+`" target="_blank" rel="noopener">Open: Scan</a> (PDF)`) {
			t.Errorf("the version %s has no link: %s", contents[i], page)
		}
		if got, body := w.opens(address, "en"); got.StatusCode != http.StatusOK || body != "the scan "+contents[i] {
			t.Errorf("%s: got %s %q, want the scan %s", address, got.Status, body, contents[i])
		}
	}
	for _, version := range []string{"x", w.write("Condition/c1", `"code":{"text":"Asthma"}`).String()} {
		if got, body := w.opens("/letters/DocumentReference/torn/0?version="+version, "en"); got.StatusCode != http.StatusNotFound {
			t.Errorf("version %s: got %s %q, want 404", version, got.Status, body)
		}
	}
}

// What a report or a Binary holds is opened from its row as well; nothing of another dossier is.
func TestAReportAndABinaryAreOpened(t *testing.T) {
	w := newWard(t)
	w.arrives("Patient/p2", "p2", "dr-1", strings.ReplaceAll(patient, "p1", "p2"))
	w.binary("b1", "p1", "application/pdf", "of the laboratory", true)
	w.binary("b2", "p2", "application/pdf", "of another", true)
	w.write("DiagnosticReport/r1", `"status":"final","code":{"text":"Blood"},"presentedForm":[{"contentType":"application/pdf","url":"Binary/b2"},{"contentType":"application/pdf","url":"Binary/b1"},{"contentType":"text/plain","title":"In words","data":"`+
		base64.StdEncoding.EncodeToString([]byte("in words"))+`"},{"url":"https://other.example/scan.pdf"}]`)
	for address, want := range map[string]struct{ words, content, record string }{
		"/letters/DiagnosticReport/r1/1": {"Open: Blood</a> (PDF)", "of the laboratory", "Binary/b1"},
		"/letters/DiagnosticReport/r1/2": {"Open: In words</a> (text, 1 kB)", "in words", "DiagnosticReport/r1"},
		"/letters/Binary/b1/0":           {"</a> (PDF)", "of the laboratory", "Binary/b1"},
	} {
		w.set(func() { w.looks = nil })
		if got, body := w.opens(address, "en"); got.StatusCode != http.StatusOK || body != want.content || len(w.looks) != 1 || w.looks[0].What != want.record {
			t.Errorf("%s: got %s %q, and the trail has %v", address, got.Status, body, w.looks)
		}
		for _, place := range []string{"/patients/p1", "/patients/p1?view=timeline"} {
			_, page := w.ask("GET", place, "", "Accept-Language: en")
			_, link, _ := strings.Cut(strings.ReplaceAll(page, "\u00a0", " "), `<a href="`+address+`"`)
			if link, _, _ = strings.Cut(link, "</p>"); !strings.Contains(link, want.words) {
				t.Errorf("%s in %s: got %q, want %q", address, place, link, want.words)
			}
		}
	}
	for _, address := range []string{"/letters/DiagnosticReport/r1/0", "/letters/DiagnosticReport/r1/3", "/letters/DiagnosticReport/r1/4", "/letters/Condition/r1/0", "/letters/Binary/none/0"} {
		if got, page := w.opens(address, "en"); got.StatusCode != http.StatusNotFound || strings.Contains(page, "of another") {
			t.Errorf("%s: got %s %s", address, got.Status, page)
		}
	}
}
