package fhir_test

import "testing"

func BenchmarkRead(b *testing.B) {
	d := newDesk(b)
	d.do("PUT", "/fhir/AllergyIntolerance/a1", allergy).want(201)
	b.ReportAllocs()
	for b.Loop() {
		d.do("GET", "/fhir/AllergyIntolerance/a1", "").want(200)
	}
}
