package projections

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/carelog/carelog/events"
)

// Record is a record as it stands, a deleted one included. ErrNotFound where no
// version of it is here.
func (s *Store) Record(ctx context.Context, r events.Record) (State, error) {
	state, heads, err := s.glimpse(ctx, r)
	switch {
	case err != nil || heads == 1:
		return state, err
	case heads == 0:
		return state, ErrNotFound
	}
	err = s.glance(ctx, "read "+r.String(), func(v *view) error {
		states, err := v.states("WHERE "+named, nameArgs(r)...)
		if err == nil && len(states) == 0 {
			err = ErrNotFound
		}
		if err != nil {
			return err
		}
		state = states[0]
		return nil
	})
	return state, err
}

// glimpse reads a record with one statement, and how many heads it has; of several only
// the one that is shown.
func (s *Store) glimpse(ctx context.Context, r events.Record) (state State, heads int, err error) {
	err = s.peek(ctx, "read "+r.String(), func(v *view) error {
		return v.eachState("WHERE "+named, nameArgs(r), func(_ int64, n int, got State) { state, heads = got, n })
	})
	return state, heads, err
}

// eachState reads records with the head that is shown, and how many they have. where is of
// the table r.
func (v *view) eachState(where string, args []any, f func(key int64, heads int, got State)) error {
	return v.each("SELECT "+eventColumns+", r.conflict, r.heads"+shownTables+where, args, func(scan func(...any) error) error {
		var r row
		var got State
		var heads int
		if err := r.scan(v.practice, func(into ...any) error { return scan(append(into, &got.Conflict, &heads)...) }); err != nil {
			return err
		}
		got.Shown = v.version(&r)
		got.Shown.Head = true
		got.Record, got.Patient, got.Heads = got.Shown.Event.Record, got.Shown.Event.Patient, []Version{got.Shown}
		f(r.record, heads, got)
		return nil
	})
}

// Version is one version of a record. ErrNotFound where it is not here.
func (s *Store) Version(ctx context.Context, r events.Record, id events.ID) (Version, error) {
	var version Version
	err := s.glance(ctx, fmt.Sprintf("read version %s of %s", id, r), func(v *view) error {
		found, err := v.versions(eventTables+"WHERE e.id = ? AND +r.type = ? AND +r.id = ? AND "+versionOf, []any{id[:], r.Type, r.ID},
			func(got Version) error { version = got; return nil })
		if err == nil && found == 0 {
			err = ErrNotFound
		}
		if err != nil {
			return err
		}
		heads, err := v.headIDs(r)
		version.Head = heads[id]
		return err
	})
	return version, err
}

// History is every version of a record, the newest arrival first. ErrNotFound where
// there is none.
func (s *Store) History(ctx context.Context, r events.Record) ([]Version, error) {
	var history []Version
	err := s.view(ctx, "read the history of "+r.String(), func(v *view) error {
		heads, err := v.headIDs(r)
		if err != nil {
			return err
		}
		n, err := v.versions(eventTables+"WHERE e.record = (SELECT r.key FROM record r WHERE "+named+") AND "+versionOf+
			" ORDER BY e.arrival DESC", nameArgs(r), func(got Version) error {
			got.Head = heads[got.Event.ID]
			history = append(history, got)
			return nil
		})
		if err == nil && n == 0 {
			err = ErrNotFound
		}
		return err
	})
	return history, err
}

// Dossier is every record of a patient that is not deleted, of the types given or of
// all, by type and id. A record is in the dossier of each of its heads.
func (s *Store) Dossier(ctx context.Context, patient string, types ...string) ([]State, error) {
	if len(types) == 0 {
		return s.ofDossier(ctx, patient, "")
	}
	args := make([]any, len(types))
	for i, t := range types {
		args[i] = t
	}
	return s.ofDossier(ctx, patient, " AND r.type IN (?"+strings.Repeat(", ?", len(types)-1)+")", args...)
}

// DossierNamed is what Dossier gives of one type and with ids that begin so. No body of another is opened.
func (s *Store) DossierNamed(ctx context.Context, patient, resourceType, prefix string) ([]State, error) {
	return s.ofDossier(ctx, patient, " AND +r.type = ? AND substr(r.id, 1, ?) = ?", resourceType, len(prefix), prefix)
}

func (s *Store) ofDossier(ctx context.Context, patient, also string, args ...any) (states []State, err error) {
	err = s.view(ctx, "read the dossier of "+patient, func(v *view) error {
		states, err = v.states("WHERE r.heads > 0 AND r.deleted = 0 AND "+inDossier+also+" ORDER BY r.type, r.id", append([]any{patient, patient}, args...)...)
		return err
	})
	return states, err
}

// Conflicts is every record in conflict, the one that came up first before the others.
func (s *Store) Conflicts(ctx context.Context) ([]State, error) {
	var states []State
	err := s.view(ctx, "list the conflicts", func(v *view) error {
		var err error
		states, err = v.states("WHERE r.conflict = 1")
		return err
	})
	slices.SortFunc(states, func(a, b State) int {
		return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.Record.Type, b.Record.Type), cmp.Compare(a.Record.ID, b.Record.ID))
	})
	return states, err
}

// CountConflicts is how many records are in conflict.
func (s *Store) CountConflicts(ctx context.Context) (n int, err error) {
	err = s.view(ctx, "count the conflicts", func(v *view) error {
		_, err := v.one("SELECT count(*) FROM record WHERE conflict = 1", nil, &n)
		return err
	})
	return n, err
}

// Conditions on the tables r (record) and e (event).
const (
	versionOf = `e.doubt IN ('', 'unopened') AND e.type IN ('carelog.record.written.v1', 'carelog.record.deleted.v1')`
	inDossier = `r.key IN (SELECT key FROM record WHERE dossier = (SELECT key FROM dossier WHERE patient = ?)
		UNION SELECT record FROM head WHERE dossier = (SELECT key FROM dossier WHERE patient = ?))`
)

// versions reads events and opens them.
func (v *view) versions(from string, args []any, f func(Version) error) (n int, err error) {
	err = v.each("SELECT "+eventColumns+from, args, func(scan func(...any) error) error {
		var r row
		if err := r.scan(v.practice, scan); err != nil {
			return err
		}
		n++
		return f(v.version(&r))
	})
	return n, err
}

// version shows a row as the outside sees it. What does not open now, whatever it did
// before, is unreadable.
func (v *view) version(r *row) Version {
	out := Version{
		Event: r.event, Sequence: confirmed(r.sequence), Stored: r.broker(),
		Arrived: v.moment(r.arrived), Arrival: r.arrival, Doubt: r.doubt,
	}
	if out.Doubt != "" || len(r.event.Sealed) == 0 {
		return out
	}
	var err error
	if out.Body, err = v.opener(r.event); err != nil {
		out.Body, out.Doubt = nil, DoubtUnopened
	}
	return out
}

// headIDs is the set of a record's heads.
func (v *view) headIDs(r events.Record) (map[events.ID]bool, error) {
	heads := make(map[events.ID]bool)
	err := v.each("SELECT r.shown_id FROM record r WHERE "+named+" AND r.heads > 0 UNION SELECT h.id FROM head h JOIN record r ON r.key = h.record WHERE "+named,
		append(nameArgs(r), nameArgs(r)...), func(scan func(...any) error) error {
			var id []byte
			if err := scan(&id); err != nil {
				return err
			}
			heads[events.ID(id)] = true
			return nil
		})
	return heads, err
}

// states reads records with all their heads. where stands after FROM record r.
func (v *view) states(where string, args ...any) ([]State, error) {
	_, states, err := v.keyedStates(where, args...)
	return states, err
}

// keyedStates is states with the key of each.
func (v *view) keyedStates(where string, args ...any) (keys []int64, states []State, err error) {
	type found struct {
		shown int64
		heads int
	}
	var list []found
	if err := v.each(`SELECT r.key, r.shown, r.heads, r.conflict, r.type, r.id, d.patient FROM record r
		LEFT JOIN dossier d ON d.key = r.dossier `+where, args, func(scan func(...any) error) error {
		var f found
		var s State
		var key int64
		var patient *string
		if err := scan(&key, &f.shown, &f.heads, &s.Conflict, &s.Record.Type, &s.Record.ID, &patient); err != nil {
			return err
		}
		if f.heads == 0 {
			return nil
		}
		s.Patient = text(patient)
		keys, list, states = append(keys, key), append(list, f), append(states, s)
		return nil
	}); err != nil {
		return nil, nil, err
	}
	var single []int
	several := make(map[int64]*State)
	for i := range states {
		if list[i].heads == 1 {
			single = append(single, i)
			continue
		}
		several[keys[i]] = &states[i]
	}
	if err := v.readHeads(several); err != nil {
		return nil, nil, err
	}
	shown := make(map[int64]int, len(single))
	for part := range slices.Chunk(single, shownAtOnce) {
		args := make([]any, len(part))
		for n, i := range part {
			args[n], shown[list[i].shown] = list[i].shown, i
		}
		if _, err := v.versions(eventTables+"WHERE e.arrival IN (?"+strings.Repeat(", ?", len(part)-1)+")", args, func(got Version) error {
			got.Head = true
			states[shown[got.Arrival]].Heads = []Version{got}
			return nil
		}); err != nil {
			return nil, nil, err
		}
	}
	for i := range states {
		if len(states[i].Heads) != list[i].heads {
			return nil, nil, &DifferenceError{What: "heads of " + states[i].Record.String(), Want: fmt.Sprint(list[i].heads), Got: fmt.Sprint(len(states[i].Heads))}
		}
		states[i].Shown = states[i].Heads[0]
	}
	return keys, states, nil
}

// shownAtOnce is how many versions are asked for with one question: preparing it costs more
// than reading a row.
const shownAtOnce = 250
