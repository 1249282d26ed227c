package audit_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/events/eventstest"
	"github.com/carelog/carelog/projections/audit"
	"github.com/carelog/carelog/projections/fhirjson"
)

// binary is a Binary whose content has so many bytes and a name of its own.
func binary(id string, size int64) (body string, of events.Attachment) {
	of = events.Attachment{Name: strings.Repeat(id, 64)[:64], Size: size}
	with, err := fhirjson.Attach(fmt.Appendf(nil, `{"resourceType":"Binary","id":%q,"contentType":"application/pdf","_data":{}}`, id), of)
	if err != nil {
		panic(err) // the form of it is ours
	}
	return string(with), of
}

// What the broker does not have of a content is named, once, by the first record that
// refers to it.
func TestVerifyLooksForAttachments(t *testing.T) {
	p, a, _ := twoDesks(t)
	there := make(map[string]map[int]bool)
	for _, id := range []string{"a", "b", "c"} {
		body, of := binary(id, 3*events.PieceSize-1)
		for _, record := range []string{id, id + "-copy"} {
			e := a.Make(eventstest.Change{Record: "Binary/" + record, Patient: "pat-1", Body: body})
			p.Push(e)
		}
		there[of.Name] = map[int]bool{0: true, 1: true, 2: true}
	}
	c := audit.Check{Keys: keysOf(p), Pieces: func(_ context.Context, name string) (map[int]bool, error) { return there[name], nil }}
	if list, s := verify(t, p.Messages(1), c); len(list) > 0 || s.Attachments != 3 || !s.Clean() {
		t.Fatalf("all is there: %d attachments, %s", s.Attachments, text(list))
	}
	delete(there[strings.Repeat("b", 64)], 1)
	delete(there, strings.Repeat("c", 64))
	list, s := verify(t, p.Messages(1), c)
	if len(list) != 2 || list[0].Code != audit.AttachmentMissing || list[0].Record != "Binary/b" || !strings.Contains(list[0].Text, "1 of the 3 pieces") ||
		list[1].Record != "Binary/c" || !strings.Contains(list[1].Text, "3 of the 3 pieces") || s.Clean() || s.Warnings != 2 {
		t.Errorf("clean %v: %s", s.Clean(), text(list))
	}
	if list, s := verify(t, p.Messages(1), audit.Check{Keys: keysOf(p)}); len(list) > 0 || s.Attachments != 3 {
		t.Errorf("where nobody is asked: %d attachments, %s", s.Attachments, text(list))
	}
	away := errors.New("the line is down")
	c.Pieces = func(context.Context, string) (map[int]bool, error) { return nil, away }
	if _, err := audit.Verify(t.Context(), p.Messages(1), c, func(audit.Finding) error { return nil }); !errors.Is(err, away) {
		t.Errorf("a broker that does not answer: %v", err)
	}
}
