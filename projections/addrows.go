package projections

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"strings"
)

// rowsAtOnce is how many rows one statement adds at most. They share what a statement costs
// besides its rows; with twice as many it is no less.
const rowsAtOnce = 32

// rowStatements add one row of a table, two, four, and so on: one for each number would be prepared for the rest
// of each batch anew.
type rowStatements struct {
	values int // bound for each row
	of     []*statement
}

// insertRows makes the statements for rows of so many bound values each.
func insertRows(into, row string, values int) rowStatements {
	list := rowStatements{values: values}
	for rows := 1; rows <= rowsAtOnce; rows *= 2 {
		list.of = append(list.of, &statement{into + row + strings.Repeat(", "+row, rows-1)})
	}
	return list
}

// most is the statement that adds the most of so many rows, and how many these are.
func (r *rowStatements) most(of int) (st *statement, rows int) {
	i := min(bits.Len(uint(of)), len(r.of)) - 1
	return r.of[i], 1 << i
}

// addRows adds rows, whose values stand one after the other, and returns how many were not there.
func (w *writer) addRows(into *rowStatements, values []any) (added int64, err error) {
	for len(values) > 0 {
		st, rows := into.most(len(values) / into.values)
		n, err := w.exec(st, values[:rows*into.values]...)
		if err != nil {
			return added, err
		}
		added, values = added+n, values[rows*into.values:]
	}
	return added, nil
}

// heldRows are rows of one table that wait for more of them.
type heldRows struct {
	into *rowStatements
	args []driver.NamedValue
	key  int64 // of the last one
}

// hold adds a row, together with others of its table that come after it: all that is held is
// written before the writer does anything else. So nobody sees that it waited, unless it
// cannot be written: the error is then that of what came after.
//
// Its key is the next of the table, which SQLite gives by itself. For rows whose keys are said
// it keeps a journal of each statement of several rows, in a file as soon as they are on
// more than sixteen pages; so it does where a row that is refused undoes the statement alone,
// and not the transaction (OR ROLLBACK).
func (w *writer) hold(into *rowStatements, key int64, row ...any) error {
	i := slices.IndexFunc(w.held, func(h heldRows) bool { return h.into == into })
	if i < 0 {
		i = len(w.held)
		w.held = append(w.held, heldRows{into: into})
	}
	h := &w.held[i]
	var err error
	if h.args, err = appendBound(h.args, row); err != nil {
		return err
	}
	h.key, w.holds = key, true
	if len(h.args) < into.values*rowsAtOnce {
		return nil
	}
	return w.write(h)
}

// write writes the rows that are held of one table.
func (w *writer) write(h *heldRows) error {
	defer h.drop()
	for left := h.args; len(left) > 0; {
		st, rows := h.into.most(len(left) / h.into.values)
		args := left[:rows*h.into.values]
		for i := range args {
			args[i].Ordinal = i + 1
		}
		result, err := w.run(st, args)
		if err != nil {
			return err
		}
		left = left[len(args):]
		last := h.key - int64(len(left)/h.into.values)
		if key, err := result.LastInsertId(); err != nil || key != last {
			return errors.Join(err, fmt.Errorf("%q: the last row has the key %d: want %d", st.text, key, last))
		}
	}
	return nil
}

// writeHeld writes all rows that are held.
func (w *writer) writeHeld() error {
	if !w.holds {
		return nil
	}
	w.holds = false
	for i := range w.held {
		if err := w.write(&w.held[i]); err != nil {
			return err
		}
	}
	return nil
}

// dropHeld forgets the rows that are held.
func (w *writer) dropHeld() {
	w.holds = false
	for i := range w.held {
		w.held[i].drop()
	}
}

// drop forgets the rows, and what they share with the batch: 32 bodies can be 32 MB.
func (h *heldRows) drop() {
	clear(h.args)
	h.args = h.args[:0]
}
