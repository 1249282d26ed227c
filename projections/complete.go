package projections

import (
	"context"
	"math"
	"time"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections/fhirsearch"
)

// Indexed says how far the index of values is.
type Indexed struct {
	Done  int64 `json:"done"`  // records
	Total int64 `json:"total"` // about; the numbers of records that are gone count too
}

// Complete reports whether every record can be found by its values.
func (i Indexed) Complete() bool { return i.Done >= i.Total }

// Few is how many records may wait to be indexed and nobody need know: a Search indexes
// them itself, which takes some 70 µs for each.
const Few = 200

// unknownWaiting is said of a file that nobody has looked into yet.
const unknownWaiting = math.MaxInt32

// Waiting is how many records wait to be indexed, at most; it costs nothing. After Open it
// is more than Few until Index was told that there is nothing to do.
func (s *Store) Waiting() int64 { return s.waiting.Load() }

// waits counts what waits after a change.
func (s *Store) waits(b *batch) {
	if !b.waiting && b.upTo >= b.lastRecord {
		s.waiting.Store(0)
		return
	}
	s.waiting.Store(min(max(s.waiting.Load()+b.left, 1), unknownWaiting))
}

// indexPatience is how long a search waits until it can index what the last changes left.
// A change takes a millisecond or two, and as long as a server needs that does not answer.
const indexPatience = 250 * time.Millisecond

// indexFew indexes what the last changes left, before somebody searches for it. Where that
// fails, or another change is under way for long, the search does without: it then looks at
// those records one by one, or says of a long list that it may miss something.
func (s *Store) indexFew(ctx context.Context) {
	if s.awaitPromised(ctx) != nil {
		return
	}
	if n := s.Waiting(); 0 < n && n <= s.bounds.late {
		ctx, cancel := context.WithTimeout(ctx, indexPatience)
		defer cancel()
		_, _ = s.Index(ctx, int(n))
	}
}

// Indexed is how far the index of values is. Until it is complete, Search looks elsewhere
// where it can, and says where it could not.
func (s *Store) Indexed(ctx context.Context) (i Indexed, err error) {
	err = s.view(ctx, "see how far the index is", func(v *view) error {
		_, err := v.one(`SELECT indexed - (SELECT count(*) FROM unindexed), ifnull((SELECT max(key) FROM record), 0) FROM store`, nil, &i.Done, &i.Total)
		if i.Done >= i.Total {
			i.Done = i.Total // the last records may be gone
		}
		return err
	})
	return i, err
}

// prepared is what a record that waits to be indexed was found to be indexed by.
type prepared struct {
	key, shown int64
	doubt      Doubt
	single     bool
	name       events.Record
	valued
}

var (
	selectStillSo = &statement{`SELECT 1 FROM record r JOIN event e ON e.arrival = r.shown
		WHERE r.key = ? AND r.heads = 1 AND r.deleted = 0 AND r.shown = ? AND e.doubt = ? AND +r.type = ?`}
	selectName = &statement{"SELECT type, id FROM record WHERE key = ?"}
)

// Index indexes at most limit of the records that wait for it, and returns how far the
// index is then. Bodies are read before anybody has to wait for it; what changed meanwhile
// is read again. It may be called at any time, and be killed: what was committed stays.
func (s *Store) Index(ctx context.Context, limit int) (Indexed, error) {
	list, upTo, err := s.toIndex(ctx, limit)
	if err != nil {
		return Indexed{}, err
	}
	if len(list) > 0 {
		err = s.change(ctx, "complete the index", func(b *batch) error { return b.indexAll(list, upTo) })
	} else {
		err = s.change(ctx, "note that the index is complete", (*batch).skipGone)
	}
	if err != nil {
		return Indexed{}, err
	}
	return s.Indexed(ctx)
}

// toIndex reads records that wait, and up to which key the index reaches with them.
func (s *Store) toIndex(ctx context.Context, limit int) (list []prepared, upTo int64, err error) {
	err = s.view(ctx, "read what is to be indexed", func(v *view) error {
		if _, err := v.one("SELECT indexed FROM store", nil, &upTo); err != nil {
			return err
		}
		for _, from := range []string{
			"FROM unindexed u JOIN record x ON x.key = u.record" + ofRecord + "WHERE u.record <= ? ORDER BY u.record LIMIT ?",
			"FROM record x" + ofRecord + "WHERE x.key > ? ORDER BY x.key LIMIT ?",
		} {
			if err := v.each("SELECT x.key, x.shown, x.heads, x.deleted, x.type, x.id, x.label, "+eventColumns+" "+from, []any{upTo, limit - len(list)}, func(scan func(...any) error) error {
				p, err := v.prepare(scan)
				list = append(list, p)
				return err
			}); err != nil {
				return err
			}
		}
		for i := range list {
			upTo = max(upTo, list[i].key)
		}
		return nil
	})
	return list, upTo, err
}

// ofRecord joins the version that is shown; where there is none, any event, which counts for nothing.
const ofRecord = ` JOIN event e ON e.arrival = iif(x.heads > 0, x.shown, (SELECT min(arrival) FROM event WHERE record = x.key))
	LEFT JOIN record r ON r.key = e.record LEFT JOIN dossier d ON d.key = e.dossier
	LEFT JOIN device v ON v.key = e.device `

// prepare reads one record and works its values out, where it has a single head: of the
// others there are few.
func (v *view) prepare(scan func(...any) error) (p prepared, err error) {
	var heads int
	var deleted bool
	r := &row{}
	if err := r.scan(v.practice, func(into ...any) error {
		return scan(append([]any{&p.key, &p.shown, &heads, &deleted, &p.name.Type, &p.name.ID, &p.label}, into...)...)
	}); err != nil {
		return p, err
	}
	if p.single = heads == 1 && !deleted; p.single {
		p.doubt = r.doubt
		p.packed = fhirsearch.Pack([]fhirsearch.Values{v.valuesIn(r)})
	}
	return p, nil
}

// valuesIn are those of one version.
func (v *view) valuesIn(r *row) fhirsearch.Values {
	var body []byte
	if r.doubt == "" {
		body, _ = v.opener(r.event) // what does not open has the dossier alone
	}
	return fhirsearch.ValuesOf(r.event.Record.Type, r.event.Patient, body)
}

// indexAll writes what was prepared, unless the record is another by now.
func (b *batch) indexAll(list []prepared, upTo int64) error {
	x := &indexing{batch: b}
	for i := range list {
		p := &list[i]
		if err := b.alive(i); err != nil {
			return err
		}
		var err error
		still := false
		if p.single {
			if still, err = b.one(selectStillSo, []any{p.key, p.shown, string(p.doubt), p.name.Type}, new(int)); err != nil {
				return err
			}
		}
		if still {
			err = x.save(p.key, p.name, p.valued, false)
		} else if _, err = x.one(selectName, []any{p.key}, &p.name.Type, &p.name.ID); err == nil { // its key may be another's by now
			err = x.index(p.key, p.name)
		}
		if err != nil {
			return err
		}
	}
	if err := x.write(); err != nil {
		return err
	}
	if len(list) > Few {
		if _, err := b.exec(mergeWords); err != nil {
			return err
		}
	}
	b.upTo = max(b.upTo, upTo)
	return b.lookWaiting()
}

// mergeWords joins the parts that many batches left of the index of words into one, sixteen pages
// at a time. Where there is one it does nothing.
var mergeWords = &statement{"INSERT INTO words (words, rank) VALUES ('merge', -16)"}

var selectWaiting = &statement{"SELECT EXISTS (SELECT 1 FROM unindexed)"}

// lookWaiting sees whether any record still waits.
func (b *batch) lookWaiting() error {
	_, err := b.one(selectWaiting, nil, &b.waiting)
	return err
}

var deleteGone = &statement{"DELETE FROM unindexed WHERE NOT EXISTS (SELECT 1 FROM record r WHERE r.key = unindexed.record)"}

// skipGone forgets records that waited and are gone.
func (b *batch) skipGone() error {
	if _, err := b.exec(deleteGone); err != nil {
		return err
	}
	return b.lookWaiting()
}
