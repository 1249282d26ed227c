package projections

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections/fhirsearch"
)

// valued is what a record is found by: the values of its heads that are no deletions, by
// the ids of these, and the name by which lists are ordered. Packed is nil where there is
// no such head.
type valued struct {
	label  string
	packed []byte
}

func (x valued) equal(y valued) bool { return x.label == y.label && bytes.Equal(x.packed, y.packed) }

// keys are the rows that the index has of it.
func (x valued) keys(name events.Record) [][]byte {
	if x.packed == nil {
		return nil
	}
	keys := append(fhirsearch.Keys(x.packed), fhirsearch.IDKey(name.Type, name.ID))
	if key := fhirsearch.LabelKey(name.Type, x.label); key != nil {
		keys = append(keys, key)
	}
	return keys
}

// manyHeads is from how many heads on a record is indexed later.
const manyHeads = 8

// indexing is what a batch does to the index.
type indexing struct {
	*batch
	fresh int64 // the first key that this batch gave; 0: none
	adds  []keyRow
}

type keyRow struct {
	key    []byte
	record int64
}

var (
	insertUnindexed = &statement{"INSERT OR IGNORE INTO unindexed (record) VALUES (?)"}
	deleteUnindexed = &statement{"DELETE FROM unindexed WHERE record = ?"}
	selectValue     = &statement{"SELECT label, packed FROM value WHERE record = ?"}
	insertValue     = &statement{"INSERT INTO value (record, label, packed) VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET label = ?2, packed = ?3"}
	deleteValue     = &statement{"DELETE FROM value WHERE record = ?"}
	insertFound     = insertPairs("found_by (key, record)")
	deleteFound     = &statement{"DELETE FROM found_by WHERE key = ? AND record = ?"}
	selectStanding  = &statement{"SELECT heads, shown, deleted, label FROM record WHERE key = ?"}
	selectLiveHeads = &statement{"SELECT event FROM head WHERE record = ? AND class < 2 ORDER BY id"}
)

// standing is what a record's row says of its heads.
type standing struct {
	heads   int
	shown   int64
	deleted bool
	label   string
}

// settled takes in a record that the batch has settled; head is its single head where the
// batch has it at hand. A record may be left for later, and one of many heads always is:
// each of them would have the values of all others made anew.
func (x *indexing) settled(r *record, head *version, fresh bool) error {
	if fresh && (x.fresh == 0 || r.key < x.fresh) {
		x.fresh = r.key
	}
	switch {
	case !r.touched:
		return nil
	case r.gone: // its key may be given again
		return x.save(r.key, r.name, valued{}, false)
	case !x.later && r.heads <= manyHeads:
		now, err := x.valuesOf(r.key, standing{r.heads, r.shown, r.deleted, r.index.label}, head)
		if err != nil {
			return err
		}
		return x.save(r.key, r.name, now, fresh)
	}
	x.left++
	if r.key <= x.upTo || !x.later {
		x.waiting = true
		_, err := x.exec(insertUnindexed, r.key)
		return err
	}
	return nil
}

// end writes what was gathered. Where nothing was left for later, the records that the
// batch brought are indexed too.
func (x *indexing) end() error {
	if err := x.write(); err != nil {
		return err
	}
	if x.later || x.fresh == 0 || x.upTo < x.fresh-1 || x.upTo >= x.lastRecord {
		return nil
	}
	x.upTo = x.lastRecord
	return nil
}

// index makes the values of a record anew.
func (x *indexing) index(key int64, name events.Record) error {
	var stands standing
	if _, err := x.one(selectStanding, []any{key}, &stands.heads, &stands.shown, &stands.deleted, &stands.label); err != nil {
		return err
	}
	now, err := x.valuesOf(key, stands, nil)
	if err != nil {
		return err
	}
	return x.save(key, name, now, false)
}

// save puts values in the place of those that a record had; one that is fresh had none.
func (x *indexing) save(key int64, name events.Record, now valued, fresh bool) error {
	var was valued
	if !fresh {
		if _, err := x.one(selectValue, []any{key}, &was.label, &was.packed); err != nil {
			return err
		}
	}
	if x.waiting {
		if _, err := x.exec(deleteUnindexed, key); err != nil {
			return err
		}
	}
	if was.equal(now) && (was.packed == nil) == (now.packed == nil) {
		return nil
	}
	old, keys := was.keys(name), now.keys(name)
	for _, k := range old {
		if !contains(keys, k) {
			if _, err := x.exec(deleteFound, k, key); err != nil {
				return err
			}
		}
	}
	for _, k := range keys {
		if !contains(old, k) {
			x.adds = append(x.adds, keyRow{k, key})
		}
	}
	if now.packed == nil {
		_, err := x.exec(deleteValue, key)
		return err
	}
	_, err := x.exec(insertValue, key, now.label, now.packed)
	return err
}

func contains(keys [][]byte, key []byte) bool {
	return slices.ContainsFunc(keys, func(k []byte) bool { return bytes.Equal(k, key) })
}

// write adds the keys that were gathered, in their order: neighbours in the file are
// written one after the other.
func (x *indexing) write() error {
	slices.SortFunc(x.adds, func(a, b keyRow) int { return cmp.Or(bytes.Compare(a.key, b.key), cmp.Compare(a.record, b.record)) })
	pairs := make([]any, 0, 2*len(x.adds))
	for _, row := range x.adds {
		pairs = append(pairs, row.key, row.record)
	}
	x.adds = nil
	_, err := x.addRows(&insertFound, pairs)
	return err
}

// valuesOf works out what a record is found by.
func (b *batch) valuesOf(key int64, stands standing, head *version) (x valued, err error) {
	if stands.heads == 0 || stands.deleted {
		return valued{}, nil
	}
	x.label = stands.label
	arrivals := []int64{stands.shown}
	if stands.heads > 1 {
		arrivals = arrivals[:0]
		if err := b.each(selectLiveHeads, []any{key}, func(scan func(...any) error) error {
			var arrival int64
			err := scan(&arrival)
			arrivals = append(arrivals, arrival)
			return err
		}); err != nil {
			return x, err
		}
	}
	list := make([]fhirsearch.Values, len(arrivals))
	for i, arrival := range arrivals {
		v := head
		if v == nil || v.arrival != arrival {
			if v, err = b.load(arrival); err != nil {
				return x, err
			}
		}
		list[i] = b.store.valuesIn(v)
	}
	x.packed = fhirsearch.Pack(list)
	return x, nil
}

// valuesIn are those of one version.
func (s *Store) valuesIn(v *version) fhirsearch.Values {
	var body []byte
	if v.class() == classReadable {
		body = s.bodyOf(v)
	}
	return fhirsearch.ValuesOf(v.event.Record.Type, v.event.Patient, body)
}

// forgetIndex empties an index that another version of the table of parameters made.
var forgetIndex = []*statement{
	{"DELETE FROM found_by"}, {"DELETE FROM value"}, {"DELETE FROM unindexed"}, {"UPDATE store SET indexed = 0, indexed_by = ?"},
}

var selectIndexedBy = &statement{"SELECT indexed_by FROM store"}

// prepareIndex sees that the index is of the table of parameters that this program has.
func (w *writer) prepareIndex() error {
	var by int64
	if _, err := w.one(selectIndexedBy, nil, &by); err != nil || by == fhirsearch.Version {
		return err
	}
	if _, err := w.exec(begin); err != nil {
		return err
	}
	for i, st := range forgetIndex {
		var args []any
		if i == len(forgetIndex)-1 {
			args = []any{fhirsearch.Version}
		}
		if _, err := w.exec(st, args...); err != nil {
			_, undo := w.exec(rollback)
			return cmp.Or(err, undo)
		}
	}
	_, err := w.exec(commit)
	return err
}
