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
			got, body := w.opens("/letters/"+where+"/0", "en")
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
			want := `<a href="/letters/beside-pdf/0" target="_blank" rel="noopener">` + words[0] + `</a> ` + words[1]
			if !strings.Contains(page, want) {
				_, page, _ = strings.Cut(page, `<a href="/letters/beside-pdf/0`)
				t.Errorf("%s in %s: want %s, got %.200s", address, language, want, page)
			}
			if strings.Contains(page, "/letters/within-plain/") {
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
	if got, page := w.opens("/letters/moved/0", "en"); got.StatusCode != http.StatusServiceUnavailable || !strings.Contains(page, "not on this PC") {
		t.Errorf("a content beside an address of its own: %s %s", got.Status, page)
	}
	for language, words := range map[string][2]string{"en": {"no connection with the server", "Try again when this PC is online"}, "nl": {"geen verbinding met de server", "als deze pc online is"}, "fr": {"pas de connexion avec le serveur", "quand ce PC sera en ligne"}, "de": {"keine Verbindung zum Server", "wenn dieser PC online ist"}} {
		got, page := w.opens("/letters/away/0", language)
		if got.StatusCode != http.StatusServiceUnavailable || !strings.Contains(page, words[0]) || !strings.Contains(page, words[1]) || !strings.Contains(page, `href="/patients/p1"`) {
			t.Errorf("%s: %s %s", language, got.Status, page)
		}
	}
	for _, address := range []string{"/letters/other/0", "/letters/none/0", "/letters/elsewhere/0", "/letters/away/1", "/letters/away/-1", "/letters/away/x", "/letters/nobody/0", "/letters/a%20b/0"} {
		got, page := w.opens(address, "en")
		if got.StatusCode != http.StatusNotFound || !strings.Contains(page, "There is nothing in this place") || strings.Contains(page, "of another") {
			t.Errorf("%s: %s %s", address, got.Status, page)
		}
	}
	w.set(func() { w.status.Incomplete = true })
	if got, page := w.opens("/letters/none/0", "en"); got.StatusCode != http.StatusServiceUnavailable || !strings.Contains(page, "not on this PC") {
		t.Errorf("a dossier that is not whole: %s %s", got.Status, page)
	}
	if len(w.looks) > 0 {
		t.Errorf("the trail has %v, and nothing was shown", w.looks)
	}
	if _, page := w.ask("GET", "/patients/p1", "", "Accept-Language: en"); strings.Contains(page, "/letters/elsewhere/") {
		t.Error("what another server has seems to be here")
	}
}
