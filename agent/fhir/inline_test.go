package fhir_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/carelog/carelog/agent/fhir"
	"github.com/carelog/carelog/events"
)

// A letter within its document is kept and comes back as it was written, and the client is told
// where letters belong; one that no event can have is refused, with what to do.
func TestALetterWithinItsDocument(t *testing.T) {
	o := newClinic(t).open("one")
	document := func(size int) string {
		return `{"resourceType":"DocumentReference","id":"d","status":"current","content":[{"attachment":{"contentType":"application/pdf", "data" : "` +
			base64.StdEncoding.EncodeToString(scan(size, 1)) + `"}}]}`
	}
	put := func(status int, body string) (string, string) {
		t.Helper()
		got, text := o.want(status, "PUT", "DocumentReference/d", strings.NewReader(body), fhirJSON)
		return got.Header.Get(fhir.WarningHeader), string(text)
	}
	if said, _ := put(201, document(64<<10)); said != "" {
		t.Errorf("a small one is warned of: %s", said)
	}
	said, _ := put(200, document(64<<10+1))
	if !strings.HasPrefix(said, "DocumentReference.content[0].attachment.data: ") || !strings.Contains(said, "POST it as a Binary") {
		t.Errorf("a large one: %q", said)
	}
	_, text := o.want(200, "GET", "DocumentReference/d", nil)
	if back := withoutMeta(t, text, "d"); back != document(64<<10+1) {
		t.Errorf("it comes back as %.300s", back)
	}
	for _, size := range []int{events.MaxSealed, events.MaxPlain} {
		refused := o.realDesk.ask("PUT", "/fhir/DocumentReference/d", document(size)).want(413)
		if text := refused.Body.String(); !strings.Contains(text, `"too-long"`) || !strings.Contains(text, "POST /fhir/Binary") || !strings.Contains(text, "attachment.url") {
			t.Errorf("%d bytes: %.500s", size, text)
		}
	}
}
