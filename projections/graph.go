package projections

import (
	"errors"
	"fmt"

	"github.com/carelog/carelog/events"
)

// record is the row of a record while a batch changes it. As long as it has one head,
// that is all; with more, the heads stand in the table head, so that one more costs
// the same however many there are.
type record struct {
	key  int64
	name events.Record

	heads    int
	waiting  int
	shown    int64
	shownID  events.ID
	dossier  int64
	deleted  bool
	conflict bool
	index    index // of a single head

	many    bool      // the heads stand in the table head
	pending *version  // the single head, while its index is still to be written
	freed   []carrier // indexes of heads that are none any more
	fresh   bool      // it has no row yet
	empty   bool      // no event of it has been here
	touched bool      // something of it changed
	gone    bool      // its last event was taken out
}

// version is an event of the graph on its way into it.
type version struct {
	row
	body   []byte
	opened bool // body is all there is: nobody needs to open the seal
	entry  int  // which of the batch brought it, counted from 1; 0: none
}

// class is the first thing by which heads are ordered: a deletion is never shown over
// a live head, nor what nobody can read over what they can.
func (v *version) class() int {
	switch {
	case v.event.Type == events.Deleted:
		return classDeleted
	case v.doubt != "":
		return classUnreadable
	}
	return classReadable
}

const (
	classReadable = iota
	classUnreadable
	classDeleted
)

var (
	insertRecord = &statement{`INSERT INTO record (heads, waiting, shown, shown_id, dossier, deleted, conflict, label, carrier, terms, key, type, id)
		VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)`}
	// What nearly all new records have in common stands in the statement, as in insertPlain.
	insertPlainRecords = insertRows("INSERT OR ROLLBACK INTO record (heads, waiting, shown, shown_id, dossier, deleted, conflict, label, carrier, terms, type, id) VALUES ",
		"(1,0,?,?,?,0,0,'',0,x'',?,?)", 5)
	selectTop    = &statement{"SELECT ifnull(max(key), 0) FROM record"}
	updateRecord = &statement{`UPDATE record SET heads = ?, waiting = ?, shown = ?, shown_id = ?, dossier = ?, deleted = ?, conflict = ?,
		label = ?, carrier = ?, terms = ? WHERE key = ?`}

	selectVersionOf = &statement{"SELECT 1 FROM event WHERE id = ? AND record = ? AND " + inGraph}
	insertWaiting   = &statement{"INSERT OR IGNORE INTO waiting (record, parent) VALUES (?, ?)"}
	deleteWaiting   = &statement{"DELETE FROM waiting WHERE record = ? AND parent = ?"}

	insertHead = &statement{`INSERT INTO head (record, id, event, class, place, content, dossier, label, carrier, terms)
		VALUES (?,?,?,?,?,?,?,?,?,?)`}
	deleteHead = &statement{"DELETE FROM head WHERE record = ? AND id = ? RETURNING carrier, terms"}
	firstHead  = &statement{`SELECT id, event, class, dossier, label, carrier, terms FROM head WHERE record = ? ORDER BY class, place, id LIMIT 1`}
	// Two aggregates in one SELECT would read every head; apart, each is one step in the index.
	differHead = &statement{"SELECT (SELECT min(content) FROM head WHERE record = ?1) <> (SELECT max(content) FROM head WHERE record = ?1)"}
)

// grow takes a version into the graph of its record. In whatever order versions come,
// the heads are those that no version here names, since a version that was named
// before it came is found in waiting.
func (b *batch) grow(r *record, v *version) error {
	superseded := false
	if r.waiting > 0 {
		n, err := b.exec(deleteWaiting, r.key, v.event.ID[:])
		if err != nil {
			return err
		}
		superseded = n > 0
		r.waiting -= int(n)
	}
	for _, parent := range v.event.Parents {
		if err := b.supersede(r, parent); err != nil {
			return err
		}
	}
	r.empty = false
	if superseded {
		return nil
	}
	return b.addHead(r, v)
}

// supersede notes that a version names parent: it is a head no more or, where it is
// no version of this record here, it will be none when it comes.
func (b *batch) supersede(r *record, parent events.ID) error {
	if r.many {
		var c carrier
		found, err := b.one(deleteHead, []any{r.key, parent[:]}, &c.key, &c.terms)
		if err != nil {
			return err
		}
		if found {
			r.heads--
			r.free(c)
			return nil
		}
	} else if r.heads == 1 && r.shownID == parent {
		r.heads, r.pending = 0, nil
		r.free(r.index.carrier)
		r.index = index{}
		return nil
	}
	if !r.empty {
		var one int
		if found, err := b.one(selectVersionOf, []any{parent[:], r.key}, &one); found || err != nil {
			return err
		}
	}
	n, err := b.exec(insertWaiting, r.key, parent[:])
	r.waiting += int(n)
	return err
}

func (b *batch) addHead(r *record, v *version) error {
	if !r.many && r.heads == 0 {
		d, err := b.dossier(v.event.Patient)
		if err != nil {
			return err
		}
		r.heads, r.shown, r.shownID, r.dossier = 1, v.arrival, v.event.ID, d.key
		r.deleted, r.pending = v.class() == classDeleted, v
		return nil
	}
	if !r.many {
		if err := b.split(r); err != nil {
			return err
		}
	}
	x, err := b.indexHead(r, v)
	if err != nil {
		return err
	}
	r.heads++
	return b.saveHead(r, v, x)
}

// split moves a single head into the table head, because a second one comes.
func (b *batch) split(r *record) error {
	v := r.pending
	if v == nil {
		var err error
		if v, err = b.load(r.shown); err != nil {
			return err
		}
	} else {
		var err error
		if r.index, err = b.indexHead(r, v); err != nil {
			return err
		}
	}
	r.many, r.pending = true, nil
	err := b.saveHead(r, v, r.index)
	r.index = index{}
	return err
}

func (b *batch) saveHead(r *record, v *version, x index) error {
	d, err := b.dossier(v.event.Patient)
	if err != nil {
		return err
	}
	content := b.store.contentOf(v)
	_, err = b.exec(insertHead, r.key, v.event.ID[:], v.arrival, v.class(), order(v.sequence), content, d.key, x.label, x.key, nonNil(x.terms))
	return err
}

// load reads a version that stands already.
func (b *batch) load(arrival int64) (*version, error) {
	v := &version{}
	if err := b.loadRow(&v.row, selectByArrival, arrival); err != nil {
		return nil, err
	}
	return v, nil
}

var (
	selectByArrival = &statement{"SELECT " + eventColumns + eventTables + "WHERE e.arrival = ?"}
	selectByID      = &statement{"SELECT " + eventColumns + eventTables + "WHERE e.id = ?"}
)

var errNoRow = errors.New("an event that other tables name is not there")

func (b *batch) loadRow(r *row, st *statement, key any) error {
	found, err := b.first(st, []any{key}, func(scan func(...any) error) error { return r.scan(b.store.options.Practice, scan) })
	if err == nil && !found {
		err = &CorruptError{Path: b.store.path, Reason: errNoRow.Error()}
	}
	if err != nil {
		return err
	}
	if known := b.met(r.record); known != nil {
		r.event.Record = known.name // it may have no row yet
	}
	return nil
}

// settle writes what became of a record, once for all events of the batch.
func (b *batch) settle(r *record) error {
	if !r.touched {
		return nil
	}
	if r.gone {
		if err := b.forget(r); err != nil {
			return err
		}
		_, err := b.exec(deleteRecord, r.key)
		return err
	}
	if r.fresh {
		b.call(r)
	}
	if r.many {
		if err := b.settleMany(r); err != nil {
			return err
		}
	} else {
		r.conflict = false
		if r.pending != nil {
			var err error
			if r.index, err = b.indexHead(r, r.pending); err != nil {
				return err
			}
			r.pending = nil
		}
	}
	if err := b.dropFreed(r); err != nil {
		return err
	}
	if r.fresh {
		b.fresh, r.fresh = append(b.fresh, r), false
		return nil
	}
	_, err := b.exec(updateRecord, r.values()...)
	return err
}

// values are those of updateRecord.
func (r *record) values() []any {
	return []any{r.heads, r.waiting, r.shown, r.shownID[:], r.dossier, r.deleted, r.conflict, r.index.label, r.index.key, nonNil(r.index.terms), r.key}
}

// addFresh writes the rows of the new records, by key. It does so when all their words are
// written: what is held goes before each patient's words, and would come in smaller parts.
func (b *batch) addFresh() error {
	if len(b.fresh) == 0 {
		return nil
	}
	var top int64
	if _, err := b.one(selectTop, nil, &top); err != nil {
		return err
	}
	for _, r := range b.fresh {
		var err error
		if r.plain() && r.key == top+1 {
			err = b.hold(&insertPlainRecords, r.key, r.shown, r.shownID[:], r.dossier, r.name.Type, r.name.ID)
		} else {
			_, err = b.exec(insertRecord, append(r.values(), r.name.Type, r.name.ID)...)
		}
		if err != nil {
			return err
		}
		top = r.key
	}
	return nil
}

// plain reports whether a record has one live head that nobody can search for, and
// waits for nothing.
func (r *record) plain() bool {
	return r.heads == 1 && r.waiting == 0 && !r.deleted && !r.conflict && r.index.key == 0 && r.index.label == "" && len(r.index.terms) == 0
}

// settleMany picks the head that is shown and says whether there is a conflict. A
// record that is left with one head takes it back out of the table.
func (b *batch) settleMany(r *record) error {
	var id []byte
	var class int
	var x index
	found, err := b.one(firstHead, []any{r.key}, &id, &r.shown, &class, &r.dossier, &x.label, &x.key, &x.terms)
	if err == nil && !found {
		err = fmt.Errorf("%s has %d heads and none to show", r.name, r.heads)
	}
	if err != nil {
		return err
	}
	copy(r.shownID[:], id)
	r.deleted = class == classDeleted
	if r.heads > 1 {
		r.index = index{label: x.label}
		_, err = b.one(differHead, []any{r.key}, &r.conflict)
		return err
	}
	r.many, r.conflict, r.index = false, false, x
	var c carrier
	_, err = b.one(deleteHead, []any{r.key, id}, &c.key, &c.terms)
	return err
}

func nonNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
