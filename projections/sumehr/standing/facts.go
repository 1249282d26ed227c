package standing

import (
	"slices"
	"time"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections/sumehr"
	"github.com/carelog/carelog/projections/sumehr/check"
	"github.com/carelog/carelog/projections/sumehr/kmehr"
)

// Facts are what the records of a dossier say about its Sumehr and the hub, on one day.
type Facts struct {
	Patient string // id
	Name    string // of the patient
	Wished  bool   // that it is kept up to date on the hub
	Refused bool   // by the patient
	Digest  events.Digest
	Author  string // who answers for it: number at the national health insurance
	Made    []sumehr.Made
	// Conflicts are the records in it that are not settled, and those that say whether it
	// may be published.
	Conflicts []string
	Errors    []check.Finding // but for those of the patient's number
	Broken    error           // no Sumehr can be made: sumehr.ErrNoPatient, sumehr.ErrConfidential
	// Published is the last that went to the hub, or was taken from there; nil: none.
	Published *Publication

	// The wish, and the two duties without which nothing is published: the patient's informed
	// consent, and the therapeutic relation.
	Wish, Consent, Relation Stand
	Ours                    bool // the practice keeps the global medical file

	number []check.Finding
	since  time.Time
}

// Stand is what the Consents of one kind say together.
type Stand struct {
	Holds   bool
	Since   time.Time // the oldest version that holds; zero: none does
	Records []string  // Type/id of all of the kind

	conflict []string // of Records
}

// Newest reports whether the hub holds what the dossier makes now.
func (f Facts) Newest() bool {
	return f.Published != nil && !f.Published.Revoked && f.Broken == nil && len(f.Conflicts) == 0 && f.Published.Digest == f.Digest
}

// Asked reports whether any of the records, of which only Consents need be there, is about the
// wish, be it in force, over or to come: then it is worth while to Read the dossier.
func Asked(records []sumehr.Record) (asked bool) {
	each(records, consent.wishes, func(sumehr.Record, sumehr.Head, consent) { asked = true })
	return asked
}

// Types are those of which Read reads every record in the dossier.
func Types() []string { return append(sumehr.Types(), "DocumentReference") }

// Read takes from a dossier what a judgement needs. Where nobody wishes a Sumehr, none is made.
func Read(in sumehr.Input) Facts {
	day := in.At.Format(time.DateOnly)
	f := Facts{Patient: in.Patient}
	f.Wish, f.Refused = wishes(in.Records, day)
	f.Wished = f.Wish.Holds
	f.Published = lastPublished(in.Records)
	f.Consent = read(in.Records, day, func(c consent) bool { return c.of(consentTable, "") })
	f.Relation = read(in.Records, day, func(c consent) bool { return c.of(relationTable, "") })
	f.Ours = read(in.Records, day, func(c consent) bool { return c.of(relationTable, "gmd") }).Holds
	if !f.Wished {
		return f
	}
	s, err := sumehr.Build(in)
	if err != nil {
		f.Broken = err
	} else {
		f.take(s)
	}
	f.Conflicts = slices.Concat(f.Conflicts, f.Wish.conflict, f.Consent.conflict, f.Relation.conflict)
	slices.Sort(f.Conflicts)
	f.Conflicts = slices.Compact(f.Conflicts)
	f.since = f.behindSince()
	return f
}

// take notes what the Sumehr says of itself.
func (f *Facts) take(s *sumehr.Summary) {
	f.Digest, f.Made = sumehr.Digest(s.Message), s.Made
	patient := s.Message.At("folder", "patient")
	f.Name = nameOf(patient)
	if authors := s.Message.At("folder", "transaction", "author").All("hcparty"); len(authors) > 0 {
		f.Author = authors[len(authors)-1].ID("ID-HCPARTY")
	}
	for _, r := range s.Conflicts {
		f.Conflicts = append(f.Conflicts, r.String())
	}
	for _, e := range check.Errors(s.Findings) {
		if e.Rule == check.PatientINSS || e.Rule == check.INSSNumber && e.Record == "Patient/"+f.Patient {
			f.number = append(f.number, e)
		} else {
			f.Errors = append(f.Errors, e)
		}
	}
}

func nameOf(person *kmehr.Element) string {
	name := ""
	for _, part := range append(person.All("firstname"), person.All("familyname")...) {
		if name != "" {
			name += " "
		}
		name += part.Value()
	}
	return name
}

// behindSince is when the first version was written that goes in and that the hub does not
// have; the wish, where nothing was ever published. Of a record that fell away it is not known.
func (f *Facts) behindSince() (since time.Time) {
	if f.Published == nil || f.Published.Revoked {
		return f.Wish.Since
	}
	has := func(m sumehr.Made) bool { return slices.Contains(f.Published.Made, m) }
	if len(f.Published.Made) == 0 { // it was found on the hub when the dossier had moved on: its moment has to do
		has = func(m sumehr.Made) bool { return m.Version.Time().Before(f.Published.At.Add(time.Second)) }
	}
	for _, made := range f.Made {
		if at := made.Version.Time(); !has(made) && (since.IsZero() || at.Before(since)) {
			since = at
		}
	}
	return since
}
