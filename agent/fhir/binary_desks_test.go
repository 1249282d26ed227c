package fhir_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/attachments"
	"github.com/carelog/carelog/agent/fhir"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/internal/largetest"
	"github.com/carelog/carelog/projections/fhirjson"
)

// clinic is an office whose desks are asked over HTTP: what streams, and breaks off.
type clinic struct{ *office }

// clinicDesk is one desk of it.
type clinicDesk struct {
	*realDesk
	door *httptest.Server
}

func newClinic(t *testing.T) clinic { return clinic{emptyOffice(t)} }

// open starts a desk and waits until its light is green.
func (c clinic) open(name string) *clinicDesk {
	c.t.Helper()
	o := &clinicDesk{realDesk: c.desk(name, 0)}
	o.door = httptest.NewServer(o.realDesk.door)
	c.t.Cleanup(o.stop)
	o.AwaitGreen()
	return o
}

func (o *clinicDesk) start() {
	o.Start()
	o.realDesk.open()
	o.door = httptest.NewServer(o.realDesk.door)
}

func (o *clinicDesk) stop() {
	if o.door != nil {
		o.door.Close()
		o.door = nil
	}
	o.Stop()
}

// ask sends a request to the door. Headers are "Name: value".
func (o *clinicDesk) ask(method, path string, body io.Reader, headers ...string) (*http.Response, []byte) {
	o.t.Helper()
	got, text, err := o.send(method, path, body, headers...)
	if err != nil {
		o.t.Fatal(err)
	}
	return got, text
}

func (o *clinicDesk) send(method, path string, body io.Reader, headers ...string) (*http.Response, []byte, error) {
	o.t.Helper()
	r, err := http.NewRequestWithContext(o.t.Context(), method, o.door.URL+"/fhir/"+path, body)
	if err != nil {
		o.t.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	got, err := o.door.Client().Do(r)
	if err != nil {
		return nil, nil, err
	}
	defer got.Body.Close()
	text, err := io.ReadAll(got.Body)
	if err != nil {
		o.t.Logf("%s %s: the answer was cut: %v", method, path, err)
	}
	return got, text, nil
}

// want asks and wants a status.
func (o *clinicDesk) want(status int, method, path string, body io.Reader, headers ...string) (*http.Response, []byte) {
	o.t.Helper()
	got, text := o.ask(method, path, body, headers...)
	if got.StatusCode != status {
		o.t.Fatalf("desk %s, %s %s: got %d, want %d: %.500s", o.Name, method, path, got.StatusCode, status, text)
	}
	return got, text
}

const pdf = "Content-Type: application/pdf"

// put writes a content under an id, in the dossier of patient p1.
func (o *clinicDesk) put(id string, content []byte) {
	o.t.Helper()
	o.want(http.StatusCreated, "PUT", "Binary/"+id, bytes.NewReader(content), pdf, "X-Security-Context: Patient/p1")
}

// holds wants the content of a record to be read byte for byte.
func (o *clinicDesk) holds(id string, content []byte) {
	o.t.Helper()
	got, text := o.want(http.StatusOK, "GET", "Binary/"+id, nil)
	if !bytes.Equal(text, content) || got.Header.Get("Content-Type") != "application/pdf" {
		o.t.Errorf("desk %s has another content of %s: %d bytes of %s, want %d", o.Name, id, len(text), got.Header.Get("Content-Type"), len(content))
	}
}

// knows waits until a desk has read a record.
func (o *clinicDesk) knows(id string) {
	o.t.Helper()
	o.Await("Binary/"+id, func(agent.Status) bool {
		_, err := o.Store().Record(context.Background(), events.Record{Type: "Binary", ID: id})
		return err == nil
	})
}

// kept is the file of the only content that a desk holds; "" for none.
func (o *clinicDesk) kept() string {
	o.t.Helper()
	list, err := filepath.Glob(filepath.Join(o.Config.Data, agent.AttachmentsFolder, strings.Repeat("[0-9a-f]", 64)))
	if err != nil {
		o.t.Fatal(err)
	}
	switch len(list) {
	case 0:
		return ""
	case 1:
		return list[0]
	}
	o.t.Fatalf("desk %s holds %d contents, want one", o.Name, len(list))
	return ""
}

// scan is a content of so many bytes, another for each seed.
func scan(size int, seed uint64) []byte {
	data := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)}).Read(data)
	return data
}

func TestAContentIsReadAtTheOtherDesk(t *testing.T) {
	c := newClinic(t)
	one, two := c.open("one"), c.open("two")
	for i, size := range []int{1, 100, events.PieceSize, events.PieceSize + 1, 3*events.PieceSize - 7} {
		id, content := fmt.Sprint("scan-", i), scan(size, uint64(i))
		one.put(id, content)
		one.holds(id, content)
		one.AwaitGreen() // the server has it
		two.knows(id)
		two.holds(id, content)
	}
	for _, m := range c.broker.Stored() {
		if len(m.Data) > 2000 {
			t.Errorf("event %d has %d bytes: a content is in it", m.Sequence, len(m.Data))
		}
	}
}

func TestAContentThatWasWrittenOffline(t *testing.T) {
	c := newClinic(t)
	one, two := c.open("one"), c.open("two")
	one.line.Cut()
	one.AwaitOffline()
	content := scan(5*events.PieceSize+11, 1)
	got, _ := one.want(http.StatusCreated, "PUT", "Binary/letter", bytes.NewReader(content), pdf, "X-Security-Context: Patient/p1")
	if got.Header.Get(fhir.QueuedHeader) != "true" || one.Now().Attachments != 1 {
		t.Errorf("queued %q, %d contents owed; want true and 1", got.Header.Get(fhir.QueuedHeader), one.Now().Attachments)
	}
	one.holds("letter", content)
	one.stop()
	one.start()
	one.holds("letter", content)
	one.line.Mend()
	one.AwaitGreen()
	if n := one.Now().Attachments; n != 0 {
		t.Errorf("green, and %d contents are owed", n)
	}
	two.knows("letter")
	two.line.Cut()
	two.AwaitOffline()
	_, text := two.want(http.StatusServiceUnavailable, "GET", "Binary/letter", nil)
	if !strings.Contains(string(text), `"incomplete"`) {
		t.Errorf("a content that is elsewhere, offline: %s", text)
	}
	two.line.Mend()
	two.AwaitGreen()
	two.holds("letter", content)
	two.line.Cut()
	two.AwaitOffline()
	two.holds("letter", content) // it is here now
}

// TestTheLargestContentIsWrittenOfflineAndReadElsewhere: the largest content there can be goes
// over HTTP into a desk that is offline, from there to the server, and out of another desk.
func TestTheLargestContentIsWrittenOfflineAndReadElsewhere(t *testing.T) {
	largetest.Unwatched(t)
	c := newClinic(t)
	one, two := c.open("one"), c.open("two")
	one.line.Cut()
	one.AwaitOffline()
	content := scan(events.MaxAttachment, 50)
	got, _ := one.want(http.StatusCreated, "PUT", "Binary/film", bytes.NewReader(content), pdf, "X-Security-Context: Patient/p1")
	if s := one.Now(); got.Header.Get(fhir.QueuedHeader) != "true" || s.Attachments != 1 || s.Outbox != 1 {
		t.Errorf("queued %q, %d contents and %d changes owed; want true, 1, and 1", got.Header.Get(fhir.QueuedHeader), s.Attachments, s.Outbox)
	}
	one.line.Mend()
	one.AwaitGreen()
	if n := one.Now().Attachments; n != 0 {
		t.Errorf("green, and %d contents are owed", n)
	}
	two.knows("film")
	two.holds("film", content)
}

func TestTheSizeOfAContentIsBounded(t *testing.T) {
	o := newClinic(t).open("one")
	for what, body := range map[string]func() io.Reader{
		"a body that does not say how large it is": func() io.Reader {
			return struct{ io.Reader }{io.LimitReader(rand.NewChaCha8([32]byte{}), events.MaxAttachment+1)}
		},
		"one that says so": func() io.Reader { return bytes.NewReader(make([]byte, events.MaxAttachment+1)) },
	} {
		got, text, err := o.send("POST", "Binary", body(), pdf)
		for range 100 { // who is slow to take the answer, and sends still, is reset half a second after it
			if !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.EPIPE) {
				break
			}
			got, text, err = o.send("POST", "Binary", body(), pdf)
		}
		if err != nil || got.StatusCode != http.StatusRequestEntityTooLarge || !strings.Contains(string(text), `"too-long"`) {
			t.Errorf("%s: %v, %v, %s", what, got, err, text)
		}
	}
	if o.kept() != "" || o.Now().Attachments != 0 {
		t.Error("something of what was refused stays")
	}
	spool, err := os.ReadDir(filepath.Join(o.Config.Data, agent.AttachmentsFolder, "spool"))
	if err != nil || len(spool) > 1 { // what is known of the server passes through it
		t.Errorf("%d files stay in the spool: %v", len(spool), errors.Join(err))
	}
	_, _ = o.want(http.StatusBadRequest, "POST", "Binary", strings.NewReader(""), pdf)
}

// A line that is cut in the middle of a fetch is noticed by the reader, and what came
// before is not lost.
func TestAFetchThatIsCut(t *testing.T) {
	c := newClinic(t)
	one, two := c.open("one"), c.open("two")
	content := scan(12*events.PieceSize+99, 1)
	one.put("b", content)
	one.AwaitGreen()
	two.knows("b")
	two.line.Bandwidth(40_000_000)
	r, err := http.NewRequestWithContext(t.Context(), "GET", two.door.URL+"/fhir/Binary/b", nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := two.door.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	begun := make([]byte, 2*events.PieceSize)
	if _, err := io.ReadFull(got.Body, begun); err != nil {
		t.Fatal(err)
	}
	two.line.Cut()
	rest, err := io.ReadAll(got.Body)
	got.Body.Close()
	if err == nil || !bytes.HasPrefix(content, append(begun, rest...)) {
		t.Errorf("%d bytes came over a line that was cut, and the reader was told nothing: %v", len(begun)+len(rest), err)
	}
	two.AwaitOffline()
	if _, text := two.want(http.StatusPartialContent, "GET", "Binary/b", nil, "Range: bytes=0-99"); !bytes.Equal(text, content[:100]) {
		t.Error("what came before the cut is not here any more")
	}
	two.line.Mend()
	two.AwaitGreen()
	two.holds("b", content)
}

// A broker that lost its disk gets back what the desks have written and read.
func TestAWipedBrokerGetsContentsBack(t *testing.T) {
	c := newClinic(t)
	one, two := c.open("one"), c.open("two")
	mine, theirs := scan(3*events.PieceSize, 1), scan(2*events.PieceSize, 2)
	one.put("mine", mine)
	two.put("theirs", theirs)
	one.knows("theirs")
	one.AwaitGreen()
	two.AwaitGreen()
	one.holds("theirs", theirs)
	two.stop() // what it wrote is elsewhere as well
	c.broker.Wipe()
	three := c.open("three")
	three.knows("mine")
	one.AwaitGreen()
	for id, content := range map[string][]byte{"mine": mine, "theirs": theirs} {
		three.knows(id)
		three.holds(id, content)
	}
}

// A store that is full is said, the record goes on, and nothing is lost.
func TestAFullBrokerStore(t *testing.T) {
	c := newClinic(t)
	one, two := c.open("one"), c.open("two")
	c.broker.LimitAttachments(events.PieceSize)
	content := scan(4*events.PieceSize, 1)
	one.put("b", content)
	one.Await("a warning", func(s agent.Status) bool {
		return len(s.Warnings) == 1 && s.Warnings[0].Code == "attachments-unsent" && s.Color != "online" && s.Attachments == 1
	})
	two.knows("b")
	if _, text := two.want(http.StatusServiceUnavailable, "GET", "Binary/b", nil); !bytes.Contains(text, []byte(`"incomplete"`)) {
		t.Errorf("what nobody has sent: %s", text)
	}
	c.broker.LimitAttachments(0)
	one.AwaitGreen()
	one.Await("no warning when there is room", func(s agent.Status) bool { return len(s.Warnings) == 0 }) // it goes behind the light
	two.holds("b", content)
}

// A content under a key that is not here: offline nobody knows whether there is one, and
// the client is told to ask again; the server knows.
func TestAContentUnderAKeyThatIsNotHere(t *testing.T) {
	o := newClinic(t).open("one")
	o.put("letter", scan(100, 1))
	o.AwaitGreen()
	of := events.Attachment{Name: strings.Repeat("a", 64), Size: 100}
	of.Key[0], of.Digest[0] = 1, 1
	body, err := fhirjson.Attach([]byte(`{"resourceType":"Binary","id":"b","contentType":"application/pdf","securityContext":{"reference":"Patient/p1"},"_data":{}}`), of)
	if err != nil {
		t.Fatal(err)
	}
	write := func(status int) (*http.Response, string) {
		t.Helper()
		got, text := o.want(status, "PUT", "Binary/b", bytes.NewReader(body), "Content-Type: application/fhir+json")
		return got, string(text)
	}
	write(http.StatusUnprocessableEntity)
	if _, err := o.OpenAttachment(t.Context(), "p1", of); !errors.Is(err, events.ErrNoKey) || errors.Is(err, attachments.ErrAway) {
		t.Errorf("online: %v, want that there is no such key", err)
	}
	o.line.Cut()
	o.AwaitOffline()
	if got, text := write(http.StatusServiceUnavailable); got.Header.Get("Retry-After") == "" || !strings.Contains(text, `"incomplete"`) {
		t.Errorf("offline: Retry-After %q, %s", got.Header.Get("Retry-After"), text)
	}
	if _, err := o.OpenAttachment(t.Context(), "p1", of); !errors.Is(err, attachments.ErrAway) {
		t.Errorf("offline: %v, want that it may be elsewhere", err)
	}
}
