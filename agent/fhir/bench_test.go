package fhir_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/events/eventstest"
)

// BenchmarkRead is a read at a real desk; beside it stands the copy of the bytes out of
// the projection.
func BenchmarkRead(b *testing.B) {
	one, _ := newOffice(b)
	one.ask("PUT", "/fhir/AllergyIntolerance/a1", allergy).want(201)
	record := events.Record{Type: "AllergyIntolerance", ID: "a1"}
	var door, raw series
	b.ReportAllocs()
	for b.Loop() {
		door.clock(func() { one.ask("GET", "/fhir/AllergyIntolerance/a1", "").want(200) })
		raw.clock(func() {
			if _, err := one.Store().Record(context.Background(), record); err != nil {
				b.Fatal(err)
			}
		})
	}
	report(b, door, raw)
}

// BenchmarkCreateOnline is a create that the broker has on its disk; beside it stands the
// bare durable append of the same bytes to the same log.
func BenchmarkCreateOnline(b *testing.B) {
	one, _ := newOffice(b)
	line := one.line.Connect()
	bare := eventstest.New(b, nil).Stranger(one.Name)
	var door, raw series
	for b.Loop() {
		door.clock(func() { one.ask("POST", "/fhir/AllergyIntolerance", allergy).want(201) })
		e := bare.Make(eventstest.Change{Record: "AllergyIntolerance/" + fmt.Sprint(len(raw)), Patient: "bare", Body: allergy})
		e.Practice = one.Config.Enrolment.Practice
		m, err := events.Encode(e)
		if err != nil {
			b.Fatal(err)
		}
		raw.clock(func() {
			if _, err := line.Append(context.Background(), m); err != nil {
				b.Fatal(err)
			}
		})
	}
	report(b, door, raw)
}

// BenchmarkTransaction is a transaction of 100 entries with references to one another;
// beside it stands the bare atomic batch of 100 messages.
func BenchmarkTransaction(b *testing.B) {
	const size = 100
	one, _ := newOffice(b)
	line := one.line.Connect()
	bare := eventstest.New(b, nil).Stranger(one.Name)
	entries := []string{entryOf("urn:uuid:p", `{"resourceType":"Patient"}`, "POST", "Patient", "")}
	for range size - 1 {
		entries = append(entries, entryOf("", strings.Replace(allergy, "Patient/p1", "urn:uuid:p", 1), "POST", "AllergyIntolerance", ""))
	}
	bundle := posted("transaction", entries...)
	var door, raw series
	for b.Loop() {
		door.clock(func() { one.ask("POST", "/fhir", bundle).want(200) })
		batch := make([]events.Appending, size)
		for i := range batch {
			e := bare.Make(eventstest.Change{Record: fmt.Sprintf("AllergyIntolerance/%d-%d", len(raw), i), Patient: "bare", Body: allergy})
			e.Practice = one.Config.Enrolment.Practice
			m, err := events.Encode(e)
			if err != nil {
				b.Fatal(err)
			}
			batch[i].Message = m
		}
		raw.clock(func() {
			if _, err := line.AppendBatch(context.Background(), batch); err != nil {
				b.Fatal(err)
			}
		})
	}
	report(b, door, raw)
}

// series is how long something took, each time.
type series []time.Duration

func (s *series) clock(do func()) {
	began := time.Now()
	do()
	*s = append(*s, time.Since(began))
}

func (s series) median() float64 {
	sorted := slices.Sorted(slices.Values(s))
	return float64(sorted[len(sorted)/2].Microseconds())
}

// report gives both medians, and the one by the other.
func report(b *testing.B, door, raw series) {
	b.ReportMetric(door.median(), "p50-µs")
	b.ReportMetric(raw.median(), "raw-p50-µs")
	b.ReportMetric(door.median()/max(raw.median(), 1), "ratio")
}
