package projections_test

import (
	"database/sql"
	"regexp"
	"testing"

	"github.com/carelog/carelog/projections"
)

// goesThroughAll matches a step that looks at every event, at every one of a device or all before a number of it, or at every key.
var goesThroughAll = regexp.MustCompile(`^SCAN (e|event|wrapped_key)\b|\bevent_chain \(device=\?( AND counter<\?)?\)`)

// A desk that starts must not be the slower the larger its practice is.
func TestAStartGoesThroughNoTable(t *testing.T) {
	db := emptyFile(t)
	for question, values := range projections.AtEachStart {
		for _, step := range plan(t, db, question, values) {
			if goesThroughAll.MatchString(step) {
				t.Errorf("%s\nis answered by: %s", question, step)
			}
		}
	}
}

// plan is how SQLite goes about a question. What is bound to it changes nothing of that.
func plan(t *testing.T, db *sql.DB, question string, values int) (steps []string) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+question, make([]any, values)...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var step string
		var other any
		if err := rows.Scan(&other, &other, &other, &step); err != nil {
			t.Fatal(err)
		}
		steps = append(steps, step)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return steps
}
