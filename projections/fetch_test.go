package projections_test

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/carelog/carelog/projections"
)

// A batch asks for thousands of records by name: SQLite must neither make a table for each,
// nor look through one.
func TestRecordsAreFoundByIndexesAlone(t *testing.T) {
	db := emptyFile(t)
	const n = 3
	args := make([]any, 0, 3*n)
	for i := range n {
		args = append(args, i, "Condition", fmt.Sprint(i))
	}
	rows, err := db.QueryContext(t.Context(), "EXPLAIN "+projections.RecordsByName(n), args...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	opcodes := make(map[string]int)
	for rows.Next() {
		var opcode string
		var other any
		if err := rows.Scan(&other, &opcode, &other, &other, &other, &other, &other, &other); err != nil {
			t.Fatal(err)
		}
		opcodes[opcode]++
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	if opcodes["OpenEphemeral"] != 0 || opcodes["Rewind"] != 0 || opcodes["SeekGE"] != 2*n {
		t.Errorf("the question is answered by %v: want %d looks into an index, no table made and none looked through", opcodes, 2*n)
	}
}

// emptyFile is a store's file in which nothing is yet, as any SQLite tool opens it.
func emptyFile(t *testing.T) *sql.DB {
	t.Helper()
	path := filepath.Join(t.TempDir(), "record.db")
	s, err := projections.Open(t.Context(), path, projections.Options{Practice: "practice-1"})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}
