package projections

import (
	"cmp"
	"slices"
)

// nameRow says under which number a record is found by its name.
type nameRow struct{ name, record int64 }

// naming says where the numbers of new records are written.
type naming struct {
	many int // from so many on in a batch they go where few are
	// So many stand there before they are moved to all others: a batch of a first read
	// writes all pages that they are on, and the moving all pages of all others.
	full int
}

var usualNaming = naming{many: 256, full: 100_000}

var (
	insertNamed   = insertPairs("named (name, record)")
	insertLately  = insertPairs("named_lately (name, record)")
	countLately   = &statement{"SELECT count(*) FROM named_lately"}
	moveLately    = &statement{"INSERT OR IGNORE INTO named (name, record) SELECT name, record FROM named_lately ORDER BY name, record"}
	clearLately   = &statement{"DELETE FROM named_lately"}
	deleteNamed   = &statement{"DELETE FROM named WHERE name = ? AND record = ?"}
	deleteLately  = &statement{"DELETE FROM named_lately WHERE name = ? AND record = ?"}
	deleteOfNames = []*statement{deleteNamed, deleteLately}
)

// call gives a new record its number, when the batch ends.
func (b *batch) call(r *record) {
	row := nameRow{record: r.key}
	if v := r.pending; v != nil && v.entry != 0 && b.ahead != nil {
		row.name = b.ahead()[v.entry-1].short
	} else {
		row.name = shortName(r.name)
	}
	b.called = append(b.called, row)
}

// forget takes a record's number away.
func (b *batch) forget(r *record) error {
	for _, st := range deleteOfNames {
		if _, err := b.exec(st, shortName(r.name), r.key); err != nil {
			return err
		}
	}
	return nil
}

// writeNames writes the numbers of the new records, in their order.
func (b *batch) writeNames() error {
	slices.SortFunc(b.called, func(x, y nameRow) int { return cmp.Or(cmp.Compare(x.name, y.name), cmp.Compare(x.record, y.record)) })
	into, many := &insertNamed, len(b.called) >= b.store.naming.many
	if many {
		into = &insertLately
	}
	pairs := make([]any, 0, 2*len(b.called))
	for _, row := range b.called {
		pairs = append(pairs, row.name, row.record)
	}
	if _, err := b.addRows(into, pairs); err != nil || !many {
		return err
	}
	if b.lately != unknownLately {
		b.lately += len(b.called)
	} else if _, err := b.one(countLately, nil, &b.lately); err != nil {
		return err
	}
	if b.lately < b.store.naming.full {
		return nil
	}
	if _, err := b.exec(moveLately); err != nil {
		return err
	}
	b.lately = 0
	_, err := b.exec(clearLately)
	return err
}

// unknownLately says that the numbers in named_lately were not counted yet.
const unknownLately = -1

// insertPairs makes the statements that add rows to a table with two columns.
func insertPairs(table string) rowStatements {
	return insertRows("INSERT OR IGNORE INTO "+table+" VALUES ", "(?, ?)", 2)
}
