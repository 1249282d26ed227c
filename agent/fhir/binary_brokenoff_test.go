package fhir_test

import (
	"bytes"
	"fmt"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/events"
)

// A caller who goes away in the middle of a content leaves nothing: no half of it on the disk,
// no record, and what stood before stands.
func TestAnUploadThatBreaksOff(t *testing.T) {
	o := newClinic(t).open("one")
	before := scan(events.PieceSize, 1)
	o.put("scan", before)
	for name, request := range map[string]string{
		"a content":         "POST /fhir/Binary HTTP/1.1\r\nContent-Type: application/pdf\r\n",
		"a Binary in JSON":  "POST /fhir/Binary HTTP/1.1\r\nContent-Type: application/fhir+json\r\n",
		"a new version":     "PUT /fhir/Binary/scan HTTP/1.1\r\nContent-Type: application/pdf\r\n",
		"one in JSON of it": "PUT /fhir/Binary/scan HTTP/1.1\r\nContent-Type: application/fhir+json\r\n",
	} {
		half := bytes.Repeat([]byte("QUJD"), 2<<20) // more than the buffers on the way hold
		if strings.Contains(request, "json") {
			half = append([]byte(`{"resourceType":"Binary","id":"scan","contentType":"application/pdf","data":"`), half...)
		}
		conn, err := net.Dial("tcp", o.door.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(conn, "%sHost: x\r\nContent-Length: %d\r\n\r\n", request, 2*len(half))
		if _, err := conn.Write(half); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		conn.Close()
		o.door.Close() // when the door has done with it
		o.door = httptest.NewServer(o.realDesk.door)
		spool, err := os.ReadDir(filepath.Join(o.Config.Data, agent.AttachmentsFolder, "spool"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range spool {
			if info, err := file.Info(); err == nil && info.Size() > events.PieceSize {
				t.Errorf("%s: %s of %d bytes stays in the spool", name, file.Name(), info.Size())
			}
		}
	}
	if _, text := o.ask("GET", "Binary?_summary=count", nil); !bytes.Contains(text, []byte(`"total":1`)) {
		t.Errorf("there are other Binaries than the one of before: %s", text)
	}
	o.holds("scan", before)
}
