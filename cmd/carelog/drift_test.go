package main_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A broker starts on streams whose settings somebody changed, since only while it runs they can be set right: it names what
// differs, and the desks go on.
func TestABrokerStartsOnChangedSettings(t *testing.T) {
	o := openOffice(t, "one")
	js := asOperator(t, filepath.Join(o.dir, "broker"), o.broker.text("url"))
	stream, err := js.Stream(t.Context(), "RECORDS")
	if err != nil {
		t.Fatal(err)
	}
	changed := stream.CachedInfo().Config
	changed.MaxAge = 1000 * time.Hour
	if _, err := js.UpdateStream(t.Context(), changed); err != nil {
		t.Fatal(err)
	}
	if err := o.broker.stop(); err != nil {
		t.Fatal(err)
	}
	o.startBroker()
	put(t, o.desks[0].current(), "p1")
	o.settle()
	said, err := os.ReadFile(filepath.Join(o.dir, "broker.log"))
	if err != nil || !strings.Contains(string(said), "practice dr-peeters") || !strings.Contains(string(said), "RECORDS: max_age is 1000h0m0s, and should be 0s") ||
		!strings.Contains(string(said), "deletes=true") {
		t.Errorf("the broker says %s (%v), want the practice, what differs, and that it deletes", said, err)
	}
}
