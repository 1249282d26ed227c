package events_test

import (
	"bytes"
	"errors"
	"maps"
	"net/textproto"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/carelog/carelog/events"
)

// FuzzDecode: no panic, every error a *BrokenError, and an event that was read is
// written again as the same message.
func FuzzDecode(f *testing.F) {
	for _, m := range goldenFileMessages(f) {
		f.Add(m.Subject, headerText(m.Header), m.Data)
	}
	f.Fuzz(func(t *testing.T, subject, header string, data []byte) {
		m := events.Message{Subject: subject, Header: parseHeader(header), Data: data}
		fingerprint := m.Fingerprint()
		e, digest, err := events.DecodeAndDigest(m)
		if err != nil {
			var broken *events.BrokenError
			if !errors.As(err, &broken) || len(err.Error()) > 2000 {
				t.Fatalf("got %q, want a short BrokenError", err)
			}
			return
		}
		if e.Fingerprint() != fingerprint {
			t.Fatal("the event's fingerprint is not its message's")
		}
		if e.Digest() != digest {
			t.Fatal("the event's digest is not that of its message's words")
		}
		again, err := events.Encode(e)
		if err != nil {
			t.Fatal(err)
		}
		maps.DeleteFunc(m.Header, func(name string, _ []string) bool { return !strings.HasPrefix(name, "ce-") })
		delete(again.Header, events.HeaderMsgID)
		if diff := cmp.Diff(m, again); diff != "" {
			t.Fatalf("written again, it is another message (-read +written):\n%s", diff)
		}
	})
}

func FuzzOpen(f *testing.F) {
	f.Add(must(practiceKey.Seal(sealedID, sealedRecord, []byte(typical))), true)
	f.Add([]byte{}, false)
	f.Add([]byte("\x28\xb5\x2f\xfd\x00\x00"), false)
	f.Fuzz(func(t *testing.T, body []byte, whole bool) {
		if !whole { // a frame that somebody with the key has sealed
			body = sealByHand(body)
		}
		plain, err := practiceKey.Open(sealedID, sealedRecord, body)
		var broken *events.BrokenError
		if err != nil && !errors.As(err, &broken) || len(plain) > events.MaxPlain {
			t.Fatalf("got %d bytes, %v, want at most MaxPlain or a BrokenError", len(plain), err)
		}
	})
}

func FuzzParseSubject(f *testing.F) {
	for _, s := range []string{"carelog.p1.-", "carelog.p1.=2D", "carelog.p1.a=2Eb", "carelog..x", "carelog.p.*"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, subject string) {
		practice, patient, err := events.ParseSubject(subject)
		if err == nil && events.Subject(practice, patient) != subject {
			t.Fatalf("%q reads as %q, %q, which is written %q", subject, practice, patient, events.Subject(practice, patient))
		}
	})
}

func goldenFileMessages(f *testing.F) (all []events.Message) {
	files, err := filepath.Glob(filepath.Join(goldenDir, "message-*.json"))
	if err != nil || len(files) == 0 {
		f.Fatalf("no golden messages: %v", err)
	}
	for _, file := range files {
		var g golden
		readGolden(f, file, &g)
		all = append(all, g.Message)
	}
	return all
}

// headerText and parseHeader put a header into one string, as NATS does.
func headerText(header map[string][]string) string {
	var b bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(header)) {
		for _, value := range header[name] {
			b.WriteString(name + ":" + value + "\n")
		}
	}
	return b.String()
}

func parseHeader(s string) map[string][]string {
	header := map[string][]string{}
	for line := range strings.SplitSeq(s, "\n") {
		if name, value, ok := strings.Cut(line, ":"); ok {
			header[name] = append(header[name], textproto.TrimString(value))
		}
	}
	return header
}
