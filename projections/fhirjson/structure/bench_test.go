package structure_test

import (
	"strings"
	"testing"
	"time"

	"github.com/carelog/carelog/projections/fhirjson"
	"github.com/carelog/carelog/projections/fhirjson/structure"
)

// patient2KB is a Patient of about 2 KB, as a GP's system writes it.
var patient2KB = []byte(`{
  "resourceType": "Patient",
  "id": "p1",
  "meta": { "profile": [ "https://www.ehealth.fgov.be/standards/fhir/core/StructureDefinition/be-patient" ] },
  "identifier": [ { "use": "official", "system": "https://www.ehealth.fgov.be/standards/fhir/core/NamingSystem/ssin", "value": "85073003328" } ],
  "active": true,
  "name": [ { "use": "official", "family": "D'Hondt", "given": [ "Anne-Marie", "Zoë" ] } ],
  "telecom": [ { "system": "phone", "value": "+32 2 123 45 67", "use": "home" } ],
  "gender": "female",
  "birthDate": "1985-07-30",
  "_birthDate": { "extension": [ { "url": "http://hl7.org/fhir/StructureDefinition/patient-birthTime", "valueDateTime": "1985-07-30T03:14:00+02:00" } ] },
  "address": [` + strings.TrimSuffix(strings.Repeat(`{ "use": "home", "line": [ "Rue de la Régence 1" ], "_line": [ { "extension": [ { "url": "http://hl7.org/fhir/StructureDefinition/iso21090-ADXP-streetName", "valueString": "Rue de la Régence" } ] } ], "city": "Bruxelles", "postalCode": "1000", "country": "BE" },`, 5), ",") + `]
}`)

func BenchmarkCheck(b *testing.B) {
	bench(b, func() error { return structure.Check(patient2KB) })
}

// BenchmarkCheckBesideJSON prints how many times as long it takes to hold a resource
// against R4 as to read it strictly at all, which is part of it: each at its fastest, so
// that a busy machine does not change the ratio.
func BenchmarkCheckBesideJSON(b *testing.B) {
	ours, reading := time.Hour, time.Hour
	for b.Loop() {
		began := time.Now()
		if err := structure.Check(patient2KB); err != nil {
			b.Fatal(err)
		}
		between := time.Now()
		if _, err := fhirjson.Check(patient2KB); err != nil {
			b.Fatal(err)
		}
		ours, reading = min(ours, between.Sub(began)), min(reading, time.Since(between))
	}
	b.ReportMetric(float64(ours.Nanoseconds()), "ns-check")
	b.ReportMetric(float64(reading.Nanoseconds()), "ns-reading")
	b.ReportMetric(float64(ours)/float64(reading), "times-reading")
}

func BenchmarkWarnings(b *testing.B) {
	bench(b, func() error { structure.Warnings(patient2KB); return nil })
}

// BenchmarkLoad reads the table, as the first resource of a process makes it be read.
func BenchmarkLoad(b *testing.B) {
	fastest := time.Hour
	b.ReportAllocs()
	for b.Loop() {
		began := time.Now()
		structure.Load()
		fastest = min(fastest, time.Since(began))
	}
	b.ReportMetric(float64(fastest.Nanoseconds()), "ns-fastest")
	b.ReportMetric(float64(structure.Size()), "bytes-packed")
}

func bench(b *testing.B, f func() error) {
	b.ReportAllocs()
	b.SetBytes(int64(len(patient2KB)))
	for b.Loop() {
		if err := f(); err != nil {
			b.Fatal(err)
		}
	}
}
