package projections

import (
	"slices"
	"strings"
)

// rowsAtOnce is how many rows one statement adds at most. They share what a statement costs
// besides its rows: a row of record takes 2.2 µs of processor, one that comes alone 3.5.
const rowsAtOnce = 16

// rowStatements add one row of a table, two, and so on.
type rowStatements struct {
	values int // bound for each row
	of     [rowsAtOnce]*statement
}

// insertRows makes the statements for rows of so many bound values each.
func insertRows(into, row string, values int) (list rowStatements) {
	list.values = values
	for i := range list.of {
		list.of[i] = &statement{into + row + strings.Repeat(", "+row, i)}
	}
	return list
}

// addRows adds rows, whose values stand one after the other, and returns how many were not there.
func (w *writer) addRows(into *rowStatements, values []any) (added int64, err error) {
	for part := range slices.Chunk(values, into.values*rowsAtOnce) {
		n, err := w.exec(into.of[len(part)/into.values-1], part...)
		if err != nil {
			return added, err
		}
		added += n
	}
	return added, nil
}
