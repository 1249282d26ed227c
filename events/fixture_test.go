package events_test

import (
	"bytes"
	"crypto/ed25519"
	"maps"
	"testing"
	"time"

	"github.com/carelog/carelog/events"
)

// The fixed keys of all tests. Nothing real is sealed or signed by them.
var (
	deviceKey   = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))
	devicePub   = deviceKey.Public().(ed25519.PublicKey)
	rootKey     = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{9}, ed25519.SeedSize))
	rootPub     = rootKey.Public().(ed25519.PublicKey)
	practiceKey = must(events.KeyFrom(bytes.Repeat([]byte{42}, 32)))
)

// typical is a resource as a practice writes hundreds of a day.
const typical = `{"resourceType":"Condition","id":"8e6ab48c-53b5-4c53-9a5f-f2d9b4d6a001","clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"active"}]},"verificationStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-ver-status","code":"confirmed"}]},"category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-category","code":"problem-list-item"}]}],"code":{"coding":[{"system":"http://hl7.org/fhir/sid/icpc-2","code":"T90"},{"system":"http://hl7.org/fhir/sid/icd-10","code":"E11"}],"text":"Diabetes mellitus type 2"},"subject":{"reference":"Patient/2ae70774-844e-4e65-9d8a-70c6660ff8be"},"encounter":{"reference":"Encounter/f888b6fc-4be6-4f2e-a628-4d04770ed2ed"},"onsetDateTime":"2019-07-15","recordedDate":"2019-07-15T09:25:00+02:00","recorder":{"reference":"Practitioner/0189961f-caa9-48d8-a08b-05c0e6dc181a"},"note":[{"text":"HbA1c 7,8 % bij de vaststelling; vader had ook diabetes. Patiënt wil eerst met voeding proberen."}]}`

// written returns a signed event of the fixed device, as Encode accepts it, with a
// body that nothing opens: enough where the body does not matter.
func written() *events.Event {
	e := &events.Event{
		ID: must(events.ParseID("01KB0000000000000000000003")), Type: events.Written,
		Practice: "p1", Device: "d1", Record: events.Record{Type: "Condition", ID: "c.1"}, Patient: "pat.1",
		Time: time.Date(2026, 11, 2, 9, 30, 0, 250e6, time.UTC), Author: "dr-1",
		Parents:     []events.ID{must(events.ParseID("01KB0000000000000000000001")), must(events.ParseID("01KB0000000000000000000002"))},
		Chain:       events.Chain{Counter: 2, Previous: events.Digest{1, 2, 3}},
		ContentType: events.ContentFHIR, Sealed: []byte("not opened here"),
	}
	e.Sign(deviceKey)
	return e
}

// ringFor returns a keyring that holds one key of the patient.
func ringFor(t testing.TB, patient string) *events.Keyring {
	t.Helper()
	ring := events.NewKeyring(practiceKey)
	if _, err := ring.Make(patient); err != nil {
		t.Fatal(err)
	}
	return ring
}

func clone(m events.Message) events.Message {
	m.Header = maps.Clone(m.Header)
	m.Data = bytes.Clone(m.Data)
	return m
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
