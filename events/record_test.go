package events_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/carelog/carelog/events"
)

var (
	anyName = rapid.StringMatching(`[A-Za-z0-9-]{1,64}`)
	anyID   = rapid.OneOf(rapid.StringMatching(`[A-Za-z0-9.-]{1,64}`), rapid.SampledFrom([]string{"-", ".", "--", "2D", "2E", ".2E", "-.-"}))
)

func TestSubjectRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		practice, patient := anyName.Draw(t, "practice"), anyID.Draw(t, "patient")
		if rapid.Bool().Draw(t, "practice's own") {
			patient = ""
		}
		subject := events.Subject(practice, patient)
		if strings.Count(subject, ".") != 2 || strings.ContainsAny(subject, "*> ") {
			t.Fatalf("subject %q is not three plain tokens", subject)
		}
		gotPractice, gotPatient, err := events.ParseSubject(subject)
		if err != nil || gotPractice != practice || gotPatient != patient {
			t.Fatalf("ParseSubject(%q) = %q, %q, %v, want %q, %q", subject, gotPractice, gotPatient, err, practice, patient)
		}
	})
}

func TestSubjectsOfTwoPatientsDiffer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := anyID.Draw(t, "a"), anyID.Draw(t, "b")
		if a != b && events.SubjectToken(a) == events.SubjectToken(b) {
			t.Fatalf("%q and %q share the token %q", a, b, events.SubjectToken(a))
		}
	})
}

func TestParseRecord(t *testing.T) {
	for s, ok := range map[string]bool{
		"Patient/1": true, "Patient/-": true, "Patient/a.b-C": true, strings.Repeat("X", 64) + "/" + strings.Repeat("1", 64): true,
		"": false, "Patient": false, "/1": false, "Patient/": false, "Patient/1/2": false, "Patient/a b": false, "Patient/é": false,
		"Pat1ent/1": false, "patient/1": false, strings.Repeat("X", 65) + "/1": false, "X/" + strings.Repeat("1", 65): false,
	} {
		r, err := events.ParseRecord(s)
		if (err == nil) != ok {
			t.Errorf("ParseRecord(%q) gives the error %v, want none: %v", s, err, ok)
		}
		if ok && r.String() != s {
			t.Errorf("got %q, want %q", r, s)
		}
	}
}
