package behind_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/carelog/carelog/agent/behind"
	"github.com/carelog/carelog/agent/synthetic"
	"github.com/carelog/carelog/projections"
	"github.com/carelog/carelog/projections/sumehr"
	"github.com/carelog/carelog/projections/sumehr/standing"
)

// wishedPatients is how many the target of ten seconds speaks of.
const wishedPatients = 10_000

// fill writes a synthetic practice in which every patient is wished a Sumehr, and returns the
// ids of the patients.
func (p *practice) fill(patients int) (ids []string) {
	p.t.Helper()
	var batch []projections.Entry
	add := func(record, patient, body string) {
		if batch = append(batch, p.entry(record, patient, body)); len(batch) == 1000 {
			p.apply(batch...)
			batch = nil
		}
	}
	for r := range synthetic.Generate(p.t.Context(), synthetic.Options{Patients: patients, Seed: 1}) {
		patient := r.ID
		if r.Type != "Patient" {
			var of struct{ Subject, Patient struct{ Reference string } }
			if err := json.Unmarshal(r.Body, &of); err != nil {
				p.t.Fatal(err)
			}
			patient = strings.TrimPrefix(of.Subject.Reference+of.Patient.Reference, "Patient/")
		}
		add(r.Type+"/"+r.ID, patient, string(r.Body))
		if r.Type == "Patient" {
			ids = append(ids, r.ID)
			record, body := consent(r.ID, "wish", sumehr.MarkSystem, standing.WishCode)
			add(record, r.ID, body)
		}
	}
	p.apply(batch...)
	return ids
}

// BenchmarkFirstJudgement is the judgement of all after a first sync: of 10,000 patients the
// target is less than ten seconds.
func BenchmarkFirstJudgement(b *testing.B) {
	for _, patients := range []int{1000, wishedPatients} {
		b.Run(fmt.Sprint(patients), func(b *testing.B) {
			p := newPractice(b)
			p.fill(patients)
			for b.Loop() {
				table := behind.New(behind.Config{Desk: p, Records: p.store, Now: p.clock})
				if _, wished, err := table.List(b.Context()); err != nil || wished != patients {
					b.Fatalf("%d are wished: %v", wished, err)
				}
			}
			b.ReportMetric(float64(patients)*float64(b.N)/b.Elapsed().Seconds(), "patients/s")
		})
	}
}

// BenchmarkOneChange is what a change of one record costs where so many are wished: it is one
// dossier that is read.
func BenchmarkOneChange(b *testing.B) {
	for _, patients := range []int{1000, wishedPatients} {
		b.Run(fmt.Sprint(patients), func(b *testing.B) {
			p := newPractice(b)
			ids := p.fill(patients)
			if err := p.table.CatchUp(b.Context()); err != nil {
				b.Fatal(err)
			}
			reads, changes := p.table.Reads(), 0
			for b.Loop() {
				b.StopTimer()
				id := fmt.Sprint("f", changes)
				p.write("Flag/"+id, ids[changes%len(ids)], fmt.Sprintf(`{"resourceType":"Flag","id":%q,"status":"active","code":{"text":"x"}}`, id))
				changes++
				b.StartTimer()
				if err := p.table.CatchUp(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
			if got := p.table.Reads() - reads; got != changes {
				b.Errorf("%d changes made the table read %d dossiers", changes, got)
			}
		})
	}
}
