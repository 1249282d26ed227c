package projections

import (
	"context"

	"github.com/carelog/carelog/events"
)

// Doubts lists what somebody may want to look at: events with a verdict, messages that
// are no event, events that stand in the log again or claim an id that is taken, and
// the events of forked chains.
func (s *Store) Doubts(ctx context.Context) ([]Doubtful, error) {
	var list []Doubtful
	err := s.view(ctx, "list what is doubtful", func(v *view) error {
		for _, part := range []func(func(Doubtful)) error{v.doubtful, v.strays, v.repeats, v.forks} {
			if err := part(func(d Doubtful) { list = append(list, d) }); err != nil {
				return err
			}
		}
		return nil
	})
	return list, err
}

// Unopened lists the patients of whom an event waits for its key.
func (s *Store) Unopened(ctx context.Context) (patients []string, err error) {
	err = s.peek(ctx, "find what waits for its key", func(v *view) error {
		return v.each(`SELECT DISTINCT d.patient FROM event e JOIN dossier d ON d.key = e.dossier
			WHERE e.doubt = ? AND e.doubt <> '' ORDER BY d.patient`, []any{string(DoubtUnopened)}, func(scan func(...any) error) error {
			var patient string
			err := scan(&patient)
			patients = append(patients, patient)
			return err
		})
	})
	return patients, err
}

const (
	doubtColumns = `SELECT e.id, r.type, r.id, d.patient, v.id, e.counter, e.sequence, e.doubt, e.reason FROM `
	doubtJoins   = `event e JOIN record r ON r.key = e.record JOIN dossier d ON d.key = e.dossier JOIN device v ON v.key = e.device `
	forkReason   = "its device has two events under one counter: its disk came back from a backup, or its key is used elsewhere"
)

func (v *view) doubtful(f func(Doubtful)) error {
	// The plus keeps SQLite from going through all events in the order that is asked for.
	return v.doubtRows(doubtColumns+doubtJoins+"WHERE e.doubt <> '' ORDER BY +e.id", f)
}

func (v *view) forks(f func(Doubtful)) error {
	return v.doubtRows(doubtColumns+"fork f CROSS JOIN "+doubtJoins+`
		WHERE f.device = e.device AND f.counter = e.counter AND e.doubt <> 'signature' ORDER BY v.id, e.counter, e.id`, func(d Doubtful) {
		d.Kind, d.Reason = DoubtFork, forkReason
		f(d)
	})
}

func (v *view) doubtRows(sql string, f func(Doubtful)) error {
	return v.each(sql, nil, func(scan func(...any) error) error {
		var d Doubtful
		var id []byte
		var counter, sequence int64
		if err := scan(&id, &d.Record.Type, &d.Record.ID, &d.Patient, &d.Device, &counter, &sequence, &d.Kind, &d.Reason); err != nil {
			return err
		}
		d.Event, d.Counter, d.Sequence = events.ID(id), uint64(counter), confirmed(sequence)
		f(d)
		return nil
	})
}

func (v *view) strays(f func(Doubtful)) error {
	return v.each("SELECT "+strayColumns+" FROM stray ORDER BY fingerprint", nil, func(scan func(...any) error) error {
		var x stray
		if err := x.scan(scan); err != nil {
			return err
		}
		d := Doubtful{Kind: x.kind, Sequence: confirmed(x.sequence), Reason: x.reason}
		if e, err := events.Decode(x.message); err == nil {
			d.Event, d.Record, d.Patient, d.Device, d.Counter = e.ID, e.Record, e.Patient, e.Device, e.Chain.Counter
		}
		if x.kind == DoubtTwin && d.Reason == "" {
			d.Reason = "another event has its id: it is kept, and changes nothing"
		}
		f(d)
		return nil
	})
}

func (v *view) repeats(f func(Doubtful)) error {
	return v.each(`SELECT p.sequence, p.id, r.type, r.id, d.patient, v.id, e.counter FROM repeat p
		LEFT JOIN event e ON e.id = p.id LEFT JOIN record r ON r.key = e.record
		LEFT JOIN dossier d ON d.key = e.dossier LEFT JOIN device v ON v.key = e.device ORDER BY p.sequence`, nil,
		func(scan func(...any) error) error {
			var d Doubtful
			var id []byte
			var sequence int64
			var counter *int64
			var recordType, recordID, patient, device *string
			if err := scan(&sequence, &id, &recordType, &recordID, &patient, &device, &counter); err != nil {
				return err
			}
			copy(d.Event[:], id)
			d.Kind, d.Sequence, d.Reason = DoubtRepeat, uint64(sequence), "it stands in the log already: it was pushed again"
			d.Record = events.Record{Type: text(recordType), ID: text(recordID)}
			d.Patient, d.Device = text(patient), text(device)
			if counter != nil {
				d.Counter = uint64(*counter)
			}
			f(d)
			return nil
		})
}

// Counts says how much there is. It goes through indexes of all events.
func (s *Store) Counts(ctx context.Context) (c Counts, err error) {
	err = s.view(ctx, "count what is here", func(v *view) error {
		if _, err := v.one(`SELECT (SELECT count(*) FROM record WHERE heads > 0),
			(SELECT count(*) FROM record WHERE type = 'Patient' AND heads > 0 AND deleted = 0),
			(SELECT count(*) FROM event), (SELECT count(*) FROM event WHERE sequence = 0)`, nil,
			&c.Records, &c.Patients, &c.Events, &c.Queued); err != nil {
			return err
		}
		var err error
		c.Concerns, err = v.concerns()
		return err
	})
	return c, err
}

// Concerns counts what somebody may want to look at. Its cost does not depend on how
// much else there is.
func (s *Store) Concerns(ctx context.Context) (c Concerns, err error) {
	err = s.view(ctx, "count what is doubtful", func(v *view) (err error) {
		c, err = v.concerns()
		return err
	})
	return c, err
}

func (v *view) concerns() (Concerns, error) {
	c := Concerns{Doubts: make(map[Doubt]int)}
	if _, err := v.one("SELECT count(*) FROM record WHERE conflict = 1", nil, &c.Conflicts); err != nil {
		return c, err
	}
	return c, v.each(`SELECT doubt, count(*) FROM event WHERE doubt <> '' GROUP BY doubt
		UNION ALL SELECT kind, count(*) FROM stray GROUP BY kind
		UNION ALL SELECT 'repeat', count(*) FROM repeat UNION ALL SELECT 'fork', count(*) FROM fork`, nil,
		func(scan func(...any) error) error {
			var kind Doubt
			var n int
			if err := scan(&kind, &n); err != nil {
				return err
			}
			if n > 0 {
				c.Doubts[kind] += n
			}
			return nil
		})
}
