package agent_test

import (
	"testing"
	"time"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/events"
)

// What is registered of a patient after the erasure is sealed by another key, also after a start:
// a desk that comes later, which is never given the erased one, can read it.
func TestNothingIsSealedByAnErasedKey(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		one := w.desk("one")
		w.settled()
		if _, err := one.Write(t.Context(), stranger); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		w.settled()
		w.server.EraseKeys(stranger.Patient)
		time.Sleep(time.Minute) // it hears of it
		w.settled()
		write := func(id string) (body string) {
			t.Helper()
			body = `{"resourceType":"Condition","id":"` + id + `","subject":{"reference":"Patient/` + stranger.Patient + `"}}`
			if _, err := one.Write(t.Context(), agent.Draft{
				Record: events.Record{Type: "Condition", ID: id}, Patient: stranger.Patient, Author: "practitioner-1", Body: []byte(body),
			}); err != nil {
				t.Fatal(err)
			}
			return body
		}
		want := map[string]string{"after": write("after")}
		one.stop()
		one.start()
		w.settled()
		want["started"] = write("started")
		time.Sleep(time.Minute)
		w.settled()
		two := w.machine("two")
		two.start()
		time.Sleep(time.Minute)
		for id, body := range want {
			state, err := two.Store().Record(t.Context(), events.Record{Type: "Condition", ID: id})
			if err != nil || string(state.Shown.Body) != body {
				t.Errorf("a new desk reads %q of %s, %v; want %q", state.Shown.Body, id, err, body)
			}
		}
	})
}
