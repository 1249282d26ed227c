package fhirjson_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/carelog/carelog/projections/fhirjson"
	"github.com/carelog/carelog/projections/fhirjson/structure"
)

// resource2KB is a Patient of about 2 KB, as a GP's system writes it.
var resource2KB = []byte(strings.Replace(patient, `"birthDate"`,
	`"address": [`+strings.TrimSuffix(strings.Repeat(`{ "use": "home", "line": [ "Rue de la Régence 1" ], "_line": [ { "extension": [ { "url": "http://hl7.org/fhir/StructureDefinition/iso21090-ADXP-streetName", "valueString": "Rue de la Régence" } ] } ], "city": "Bruxelles", "postalCode": "1000", "country": "BE" },`, 5), ",")+`],
  "birthDate"`, 1))

func BenchmarkCheck(b *testing.B) {
	bench(b, func() { fhirjson.Check(resource2KB) })
}

func BenchmarkIndexOf(b *testing.B) {
	bench(b, func() { fhirjson.IndexOf(resource2KB) })
}

func BenchmarkCheckAndIndexOf(b *testing.B) {
	bench(b, func() { fhirjson.Check(resource2KB); fhirjson.IndexOf(resource2KB) })
}

func BenchmarkPrepare(b *testing.B) {
	bench(b, func() { fhirjson.Prepare(resource2KB, "p1") })
}

func BenchmarkStamp(b *testing.B) {
	bench(b, func() { fhirjson.Stamp(resource2KB, "01J00000000000000000000000", at) })
}

func BenchmarkPatientOf(b *testing.B) {
	bench(b, func() { fhirjson.PatientOf(resource2KB, structure.IsType) })
}

func BenchmarkDigest(b *testing.B) {
	bench(b, func() { fhirjson.Digest(resource2KB) })
}

// BenchmarkStandardValid is the raw limit: encoding/json looks at the syntax only,
// and passes names that stand twice.
func BenchmarkStandardValid(b *testing.B) {
	bench(b, func() { json.Valid(resource2KB) })
}

func bench(b *testing.B, f func()) {
	b.ReportAllocs()
	b.SetBytes(int64(len(resource2KB)))
	for b.Loop() {
		f()
	}
}
