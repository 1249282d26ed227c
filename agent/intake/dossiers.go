package intake

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/behind"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
	"github.com/carelog/carelog/projections/fhirjson"
	"github.com/carelog/carelog/projections/sumehr"
	"github.com/carelog/carelog/projections/sumehr/kmehr"
	"github.com/carelog/carelog/projections/sumehr/resources"
)

// Records is what a dossier that takes something in is read from; agent.Records is one. Errors
// wrap projections.ErrNotFound where there is no such record, and agent.ErrIncomplete where there
// may be one that is not here yet.
type Records interface {
	behind.Dossiers
	// History is every version of a record, deletions included.
	History(ctx context.Context, r events.Record) ([]projections.Version, error)
}

// Dossiers takes the Sumehr of another doctor into the dossier of its patient.
type Dossiers struct {
	desk    Writer
	records Records
}

// NewDossiers returns those of a desk. It reads nothing.
func NewDossiers(desk Writer, records Records) *Dossiers {
	return &Dossiers{desk: desk, records: records}
}

// Taking is what a Sumehr brings to a dossier.
type Taking struct {
	New     []string `json:"new"`     // records that are made
	Changed []string `json:"changed"` // records of an older version of it, which become those of this
	Here    int      `json:"here"`    // items and records that stand in the dossier as they are
	// Kept were taken in before just as they are in it, and were changed or deleted here since:
	// they stay so.
	Kept    []string  `json:"kept"`
	Unread  []string  `json:"unread"` // what it says and no record can
	Refused []Refusal `json:"refused"`

	drafts []agent.Draft
}

// ErrOtherPatient says that a Sumehr is of somebody else than the dossier.
var ErrOtherPatient = errors.New("this Sumehr has another national number than the patient of this dossier: nothing was taken in")

// Plan says what Take would do. answers is the Practitioner who answers for the Sumehr that the dossier makes
// itself, against which it is held; empty: the patient's own.
//
// Errors: ErrOtherPatient, resources.ErrOwn and ErrNotSumehr, those of sumehr.Build, and agent.ErrIncomplete where it
// cannot be told yet what is here.
func (d *Dossiers) Plan(ctx context.Context, patient, answers string, message *kmehr.Element) (Taking, error) {
	known, err := d.known(ctx, patient, answers, message)
	if err != nil {
		return Taking{}, err
	}
	reading, err := resources.Of(message, known)
	if err != nil {
		return Taking{}, err
	}
	t := Taking{New: []string{}, Changed: []string{}, Here: reading.Here, Kept: []string{}, Unread: append([]string{}, reading.Unread...), Refused: []Refusal{}}
	for _, one := range reading.Resources {
		draft, err := draftOf(Line{Type: one.Type, ID: one.ID, Body: string(one.Body)}, "")
		if err != nil {
			t.Refused = append(t.Refused, Refusal{one.Type + "/" + one.ID, err.Error()})
			continue
		}
		if err := d.place(ctx, &t, draft); err != nil {
			return Taking{}, err
		}
	}
	return t, nil
}

// Take takes it in, in the name of author, and says what became of it: it is safe on the desk then, and goes to the
// server from there. What another desk changes at the same moment is not written over but refused.
func (d *Dossiers) Take(ctx context.Context, patient, answers, author string, message *kmehr.Element) (Taking, error) {
	t, err := d.Plan(ctx, patient, answers, message)
	if err != nil {
		return Taking{}, err
	}
	for i := range t.drafts {
		t.drafts[i].Author = author
	}
	outcomes, err := d.desk.WriteMany(ctx, t.drafts)
	if err != nil {
		return Taking{}, err
	}
	for i, o := range outcomes {
		if o.Err != nil {
			name := t.drafts[i].Record.String()
			t.New, t.Changed = without(t.New, name), without(t.Changed, name)
			t.Refused = append(t.Refused, Refusal{name, o.Err.Error()})
		}
	}
	return t, nil
}

// place finds out what a resource is to the dossier.
func (d *Dossiers) place(ctx context.Context, t *Taking, draft agent.Draft) error {
	name := draft.Record.String()
	history, err := d.records.History(ctx, draft.Record)
	switch {
	case errors.Is(err, agent.ErrIncomplete):
		return fmt.Errorf("see whether %s is here: %w", name, err)
	case errors.Is(err, projections.ErrNotFound):
		draft.Create = true
		t.New, t.drafts = append(t.New, name), append(t.drafts, draft)
		return nil
	case err != nil:
		return err
	}
	shown, err := d.records.Record(ctx, draft.Record)
	switch {
	case err == nil && fhirjson.Equal(shown.Shown.Body, draft.Body):
		t.Here++
	case wasHere(history, draft.Body):
		t.Kept = append(t.Kept, name)
	case err != nil:
		return err
	default:
		draft.Parents = []events.ID{shown.Shown.Event.ID}
		t.Changed, t.drafts = append(t.Changed, name), append(t.drafts, draft)
	}
	return nil
}

func wasHere(history []projections.Version, body []byte) bool {
	return slices.ContainsFunc(history, func(v projections.Version) bool { return fhirjson.Equal(v.Body, body) })
}

// known is who and what of a message stands here already.
func (d *Dossiers) known(ctx context.Context, patient, answers string, message *kmehr.Element) (known resources.Known, err error) {
	in := sumehr.Input{Patient: patient, Author: answers, At: time.Now()}
	if in.Records, _, err = behind.Gather(ctx, d.records, patient, answers); err != nil {
		return known, err
	}
	ours, err := sumehr.Build(in)
	if err != nil {
		return known, err
	}
	who := resources.PeopleOf(message)
	if who.Patient == "" || who.Patient != resources.PeopleOf(ours.Message).Patient {
		return known, ErrOtherPatient
	}
	known = resources.Known{Patient: patient, Records: map[string]bool{}, Sumehr: ours.Message}
	if known.Practitioners, err = d.practitioners(ctx); err != nil {
		return known, err
	}
	for _, name := range who.Records {
		r, err := events.ParseRecord(name)
		if err != nil {
			continue // no record has such a name
		}
		_, err = d.records.History(ctx, r)
		if errors.Is(err, agent.ErrIncomplete) || err != nil && !errors.Is(err, projections.ErrNotFound) {
			return known, fmt.Errorf("see whether %s is here: %w", name, err)
		}
		known.Records[name] = err == nil
	}
	return known, nil
}

// practitioners are those of the practice, by their numbers.
func (d *Dossiers) practitioners(ctx context.Context) (map[string]string, error) {
	states, err := d.records.Dossier(ctx, "", "Practitioner")
	if err != nil {
		return nil, err
	}
	ids := map[string]string{}
	for _, s := range states {
		var p struct {
			Identifier []struct{ System, Value string }
		}
		if json.Unmarshal(s.Shown.Body, &p) != nil {
			continue // who cannot be read is not known by a number
		}
		for _, i := range p.Identifier {
			if i.System == sumehr.SystemNIHII && ids[i.Value] == "" {
				ids[i.Value] = s.Record.ID
			}
		}
	}
	return ids, nil
}

func without(list []string, name string) []string {
	return slices.DeleteFunc(list, func(one string) bool { return one == name })
}
