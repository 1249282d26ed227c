package projections

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/carelog/carelog/events"
)

// Want says which records are read out. What is empty does not narrow.
type Want struct {
	Patient  string    // in whose dossier they are
	Dossiers bool      // only what is in somebody's dossier
	Types    []string  // of one of these types
	Since    time.Time // the version that counts, or a head beside it, came here then or later
}

// filter collects the conditions of a question.
type filter struct {
	conditions []string
	args       []any
}

func (f *filter) add(condition string, args ...any) {
	f.conditions = append(f.conditions, condition)
	f.args = append(f.args, args...)
}

func (f *filter) where() string { return strings.Join(f.conditions, " AND ") }

// filter is the condition on the tables r (record) and e (the event shown).
func (w Want) filter(v *view) *filter {
	f := &filter{}
	f.add("r.heads > 0")
	if w.Patient != "" {
		f.add(inDossier, w.Patient, w.Patient)
	}
	if w.Dossiers {
		f.add("d.patient <> ''")
	}
	if len(w.Types) > 0 {
		f.conditions = append(f.conditions, "r.type IN (?"+strings.Repeat(", ?", len(w.Types)-1)+")")
		for _, t := range w.Types {
			f.args = append(f.args, t)
		}
	}
	if at := w.Since.UnixMilli(); !w.Since.IsZero() && at > v.began {
		f.add(newestCame+" >= ?", at)
	}
	return f
}

const (
	shownTables = " FROM record r JOIN event e ON e.arrival = r.shown JOIN dossier d ON d.key = e.dossier JOIN device v ON v.key = e.device "
	live        = " AND r.deleted = 0"
)

// Named is a record with the version of it that is shown.
type Named struct {
	events.Record
	Version events.ID
}

// Names lists the live records wanted, by type and id.
func (s *Store) Names(ctx context.Context, w Want) ([]Named, error) {
	var names []Named
	err := s.view(ctx, "list records", func(v *view) error {
		f := w.filter(v)
		return v.each("SELECT r.type, r.id, r.shown_id"+shownTables+"WHERE "+f.where()+live+" ORDER BY r.type, r.id", f.args, func(scan func(...any) error) error {
			var n Named
			var id []byte
			err := scan(&n.Type, &n.ID, &id)
			copy(n.Version[:], id)
			names = append(names, n)
			return err
		})
	})
	return names, err
}

// Listed reads a few versions, in the order in which they are given. Those that are not
// here any more are left out: a queued write that was refused meanwhile.
func (s *Store) Listed(ctx context.Context, names []Named) ([]Listed, error) {
	if len(names) == 0 {
		return nil, nil
	}
	found := make(map[events.ID]Listed, len(names))
	args := make([]any, len(names))
	for i := range names {
		args[i] = names[i].Version[:]
	}
	ask := s.view
	if len(names) == 1 {
		ask = s.glance
	}
	err := ask(ctx, "read records", func(v *view) error {
		return v.eachListed("WHERE e.id IN (?"+strings.Repeat(", ?", len(names)-1)+") AND "+versionOf, args, func(_ int64, got Listed) error {
			found[got.Event.ID] = got
			return nil
		})
	})
	list := make([]Listed, 0, len(found))
	for _, n := range names {
		if got, ok := found[n.Version]; ok {
			list = append(list, got)
		}
	}
	return list, err
}

// eachShown reads the version that is shown of each record, in the order in which the
// records came here: an order that needs no index and no memory.
func (v *view) eachShown(where string, args []any, f func(Listed) error) error {
	return v.each("SELECT "+eventColumns+", r.conflict, "+newestCame+shownTables+"WHERE "+where+" ORDER BY r.key", args, func(scan func(...any) error) error {
		var r row
		var conflict bool
		var newest int64
		if err := r.scan(v.practice, func(into ...any) error { return scan(append(into, &conflict, &newest)...) }); err != nil {
			return err
		}
		got := Listed{Version: v.version(&r), Conflict: conflict, Newest: v.moment(newest)}
		got.Head = true
		return f(got)
	})
}

// ReadOut takes what is read out. Each function may be nil.
type ReadOut struct {
	// Begin is called first: what comes here after this moment comes at this time or later.
	Begin func(at time.Time, records int) error
	// Shown gets every live record as it is shown.
	Shown func(Listed) error
	// Conflict gets every record in conflict with all its heads, after all of Shown. With
	// Want.Since, one of the heads came since.
	Conflict func(State) error
	// Deleted gets the deletion of every record that is not live, after all of Conflict.
	Deleted func(Version) error
}

// ReadOut reads the records wanted as they are at one moment, while questions and changes
// go on; a replacement of the file waits. Memory is bounded by one record.
func (s *Store) ReadOut(ctx context.Context, w Want, out ReadOut) error {
	return s.longView(ctx, "read out the records", func(v *view) error {
		f := w.filter(v)
		if out.Begin != nil {
			_, at, err := v.end()
			if err != nil {
				return err
			}
			var n int
			if _, err := v.one("SELECT count(*)"+shownTables+"WHERE "+f.where()+live, f.args, &n); err != nil {
				return err
			}
			if err := out.Begin(v.moment(at), n); err != nil {
				return err
			}
		}
		if out.Shown != nil {
			if err := v.eachShown(f.where()+live, f.args, out.Shown); err != nil {
				return err
			}
		}
		if out.Conflict != nil {
			if err := v.readConflicts(w, out.Conflict); err != nil {
				return err
			}
		}
		if out.Deleted == nil {
			return nil
		}
		return v.eachShown(f.where()+" AND r.deleted = 1", f.args, func(got Listed) error { return out.Deleted(got.Version) })
	})
}

// readConflicts reads records in conflict, one at a time.
func (v *view) readConflicts(w Want, take func(State) error) error {
	since := w.Since
	w.Since = time.Time{}
	f := w.filter(v)
	var keys []int64
	if err := v.each("SELECT r.key"+shownTables+"WHERE "+f.where()+" AND r.conflict = 1 ORDER BY r.key", f.args, func(scan func(...any) error) error {
		var key int64
		err := scan(&key)
		keys = append(keys, key)
		return err
	}); err != nil {
		return err
	}
	for _, key := range keys {
		states, err := v.states("WHERE r.key = ?", key)
		if err != nil {
			return err
		}
		for _, state := range states {
			fresh := false
			for _, h := range state.Heads {
				fresh = fresh || !h.Arrived.Before(since)
			}
			if !fresh {
				continue
			}
			if err := take(state); err != nil {
				return err
			}
		}
	}
	return nil
}

// longView is view for a question that takes long: it has a connection of its own, and
// what waits for it holds up no other question.
func (s *Store) longView(ctx context.Context, what string, f func(*view) error) (err error) {
	if err := s.awaitPromised(ctx); err != nil {
		return s.explain(what, err)
	}
	s.copying.RLock()
	defer s.copying.RUnlock()
	if err := s.lockChanging(ctx); err != nil {
		return s.explain(what, err)
	}
	s.unlockChanging() // it was open, and it cannot be closed before this ends
	own, err := openReaders(ctx, s.readSource())
	if err != nil {
		return s.explain(what, err)
	}
	defer func() { err = errors.Join(err, own.close()) }()
	return s.explain(what, own.ask(ctx, func(r *reader) error { return f(s.viewOf(ctx, r)) }))
}
