package fhir_test

import (
	"context"
	"encoding/json"
	"testing"
)

// TestWhatACreateAnswersIsWhatIsRead: the answer to a create is made without reading it
// back, and is what a read gives, with the same time, online and queued alike.
func TestWhatACreateAnswersIsWhatIsRead(t *testing.T) {
	d := emptyOffice(t).desk("one", 0)
	d.AwaitGreen()
	for _, online := range []bool{true, false} {
		if !online {
			if err := d.WorkOffline(context.WithoutCancel(t.Context())); err != nil {
				t.Fatal(err)
			}
		}
		made := d.ask("POST", "/fhir/Basic", basicOf("", "p1", "x")).want(201)
		if queued := made.Header().Get("Carelog-Queued") != ""; queued == online {
			t.Errorf("online %v, and queued %v", online, queued)
		}
		var body struct{ ID string }
		if err := json.Unmarshal(made.Body.Bytes(), &body); err != nil {
			t.Fatal(err)
		}
		read := d.ask("GET", "/fhir/Basic/"+body.ID, "").want(200)
		if got, want := made.Body.String(), read.Body.String(); got != want {
			t.Errorf("online %v: the create answered\n%s\nand reads as\n%s", online, got, want)
		}
		for _, name := range []string{"ETag", "Last-Modified"} {
			if got, want := made.Header().Get(name), read.Header().Get(name); got != want || got == "" {
				t.Errorf("online %v: %s was %q and is %q", online, name, got, want)
			}
		}
		past := d.ask("GET", "/fhir/Basic/"+body.ID+"/_history", "").want(200).bundle()
		if len(past.Entry) != 1 || string(past.Entry[0].Resource) != read.Body.String() {
			t.Errorf("online %v: the history has %+v", online, past.Entry)
		}
	}
}
