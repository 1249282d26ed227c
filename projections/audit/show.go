package audit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/carelog/carelog/events"
)

// Question is what Show shows, and as of when.
type Question struct {
	Record  events.Record // one record; zero: the whole dossier
	Patient string        // the dossier; with a zero Record, empty means the practice's own records
	// At is the last message that counts; 0: no bound.
	At uint64
	// Time bounds by the broker's clock: the log counts up to the first message that
	// was stored later. The zero time is no bound.
	Time time.Time
}

// View is what the log said at some moment.
type View struct {
	Sequence uint64    // of the last message that counted; 0: none did
	Stored   time.Time // of that message
	Records  []RecordView
	// Erasures are what made the keys of this dossier go, and who asked for it.
	Erasures []Version
	// Discounted are events of these records that do not count, in the order of the
	// log, each with the reason as Standing.
	Discounted []Version
	// Unreadable are messages of this dossier or record that are no event.
	Unreadable []Row
}

// RecordView is one record as it stood.
type RecordView struct {
	Record   events.Record
	Patient  string    // dossier of the head shown
	Heads    []Version // the one shown as current first
	Conflict bool
	Versions int // events of the record so far
}

// Shown is the head that stood as current.
func (r RecordView) Shown() Version { return r.Heads[0] }

// ErrNotThere says that the log knew nothing of the record or patient at that moment.
var ErrNotThere = errors.New("the log knew nothing of it at that moment")

// Show reads the log up to a moment and says what it said then, from the events up to
// there alone: heads, what stood as current, conflicts, contents, who and when. The
// records are sorted by type and id.
//
// It reads every message, but decodes only those of the dossier or record asked for
// and the Device records, and keeps only the heads: memory grows with the dossier.
// The log must end or reach the moment; see Until.
func Show(ctx context.Context, log Log, q Question, k Keys) (View, error) {
	var v View
	records := make(map[events.Record]*graph)
	r := reading{keys: k, keep: true, wants: func(m events.Message) bool { return q.wants(m) || mayIntroduce(k, m) }}
	err := r.run(ctx, v.upTo(log, q), func(it *item) error {
		v.add(it, q, records)
		return nil
	})
	if err != nil {
		return View{}, fmt.Errorf("show %s: %w", q, err)
	}
	for record, g := range records {
		heads := g.sorted()
		v.Records = append(v.Records, RecordView{
			Record: record, Patient: heads[0].Event.Patient, Heads: heads, Conflict: conflicting(heads), Versions: g.count,
		})
	}
	slices.SortFunc(v.Records, func(a, b RecordView) int {
		return cmp.Or(cmp.Compare(a.Record.Type, b.Record.Type), cmp.Compare(a.Record.ID, b.Record.ID))
	})
	if len(v.Records) == 0 && len(v.Erasures) == 0 && len(v.Discounted) == 0 && len(v.Unreadable) == 0 {
		return v, fmt.Errorf("show %s: %w", q, ErrNotThere)
	}
	return v, nil
}

// String names what is asked for.
func (q Question) String() string {
	what := "the practice's own records"
	switch {
	case q.Record != (events.Record{}):
		what = q.Record.String()
	case q.Patient != "":
		what = "the dossier of patient " + q.Patient
	}
	if q.At > 0 {
		what += fmt.Sprintf(" at %d", q.At)
	}
	if !q.Time.IsZero() {
		what += " at " + q.Time.Format(time.RFC3339)
	}
	return what
}

// wants reports whether a message is of what is asked for, as far as it can be seen
// without decoding it.
func (q Question) wants(m events.Message) bool {
	if q.Record != (events.Record{}) {
		_, record := m.Peek()
		return record == q.Record.String()
	}
	_, patient, err := events.ParseSubject(m.Subject)
	return err == nil && patient == q.Patient
}

// mayIntroduce reports whether a message may be a Device record that says who may sign.
func mayIntroduce(k Keys, m events.Message) bool {
	_, record := m.Peek()
	return m.Subject == events.Subject(k.Practice, "") && len(record) > len(deviceType) && record[:len(deviceType)+1] == deviceType+"/"
}

// upTo ends the log at the moment asked for, and keeps the place of the last message before it.
func (v *View) upTo(log Log, q Question) Log {
	return func(yield func(events.Stored, error) bool) {
		for m, err := range log {
			if err == nil && (q.At > 0 && m.Sequence > q.At || !q.Time.IsZero() && m.Time.After(q.Time)) {
				return
			}
			if err == nil {
				v.Sequence, v.Stored = m.Sequence, m.Time
			}
			if !yield(m, err) || q.At > 0 && m.Sequence == q.At {
				return
			}
		}
	}
}

// add takes in one message that is asked for; Device records may come along that are not.
func (v *View) add(it *item, q Question, records map[events.Record]*graph) {
	if !q.wants(it.stored.Message) {
		return
	}
	if it.event == nil {
		v.Unreadable = append(v.Unreadable, rowOf(it.stored, nil))
		return
	}
	e := it.event
	if !e.Type.InGraph() && e.Type != events.Erased {
		return
	}
	version := Version{Stored: it.stored, Event: e, Body: it.body, Standing: it.standing}
	switch {
	case it.openErr != nil:
		version.Closed = it.openErr.Error()
	case it.body == nil && len(e.Sealed) > 0:
		version.Closed = "the practice's keys are not here"
	}
	if !it.standing.Counts() {
		v.Discounted = append(v.Discounted, version)
		return
	}
	if e.Type == events.Erased {
		v.Erasures = append(v.Erasures, version)
		return
	}
	g := records[e.Record]
	if g == nil {
		g = newGraph()
		records[e.Record] = g
	}
	g.add(version)
}
