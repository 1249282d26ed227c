package projections_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/carelog/carelog/projections"
)

// coded fills a store with conditions, the last of which has two heads.
func coded(t *testing.T, path string) *projections.Store {
	t.Helper()
	s := openAt(t, path)
	a, b := newDesk("a"), newDesk("b")
	body := `{"resourceType":"Condition","code":{"coding":[{"system":"urn:x","code":"%d"}]},"onsetPeriod":{"start":"2026-01-0%d"}}`
	for i := range 5 {
		r := note
		r.ID = fmt.Sprint("c", i)
		first := at(uint64(3*i+1), a.write(r, fmt.Sprintf(body, i, i+1)))
		apply(t, s, first)
		if i == 4 {
			apply(t, s, at(100, a.write(r, fmt.Sprintf(body, 10, 1), first.Event.ID)), at(101, b.write(r, fmt.Sprintf(body, 11, 1), first.Event.ID)))
		}
	}
	return s
}

// behindItsBack changes the file of a store that is closed.
func behindItsBack(t *testing.T, path string, statements ...string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	for _, st := range statements {
		if _, err := db.Exec(st); err != nil {
			t.Fatalf("%s: %v", st, err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// A file of the schema before, and one whose index another table of parameters made, come
// to the same index.
func TestIndexIsMadeAnew(t *testing.T) {
	for name, statements := range map[string][]string{
		"a file of the schema before": {
			"DROP INDEX record_carrier", "DROP INDEX head_carrier", "DROP TABLE named", "DROP TABLE named_lately", "ALTER TABLE record ADD COLUMN name INTEGER NOT NULL DEFAULT 0", "UPDATE record SET name = carelog_short_name(type, id)", "CREATE INDEX record_name ON record (name)",
			"ALTER TABLE device DROP COLUMN holes", "ALTER TABLE store DROP COLUMN keys_read", "ALTER TABLE store DROP COLUMN keys_stored", "ALTER TABLE store DROP COLUMN keys_gone", "ALTER TABLE store DROP COLUMN keys_here", "DROP TABLE erased_key", "ALTER TABLE store DROP COLUMN feed", "ALTER TABLE store DROP COLUMN began", "DROP INDEX notice_event", "ALTER TABLE notice DROP COLUMN of_event",
			"DROP TABLE found_by", "DROP TABLE value", "DROP TABLE unindexed",
			"ALTER TABLE store DROP COLUMN indexed", "ALTER TABLE store DROP COLUMN indexed_by",
			"CREATE TABLE term (kind TEXT NOT NULL, value TEXT NOT NULL, system TEXT NOT NULL, carrier INTEGER NOT NULL, PRIMARY KEY (kind, value, system, carrier)) STRICT, WITHOUT ROWID",
			"PRAGMA user_version = 2",
		},
		"another table of parameters": {
			"UPDATE store SET indexed_by = 7", "DELETE FROM value WHERE record = 1", "UPDATE value SET packed = x'00'", "INSERT INTO found_by VALUES (x'0707', 1)", "INSERT INTO unindexed VALUES (2)",
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "record.db")
			s := coded(t, path)
			want := dump(t, s)
			finish(t, s)
			behindItsBack(t, path, statements...)
			s = openAt(t, path)
			if at, err := s.Indexed(context.Background()); err != nil || at.Complete() || at.Done != 0 {
				t.Errorf("indexed: %+v, %v", at, err)
			}
			if got := found(t, s, ask(t, "Condition", "code=3")); len(got) != 1 {
				t.Errorf("found before it is indexed: %v", got)
			}
			if diff := cmp.Diff(want, dump(t, s)); diff != "" {
				t.Errorf("the index is another (-want +got):\n%s", diff)
			}
			if got := found(t, s, ask(t, "Condition", "code=11")); len(got) != 1 {
				t.Errorf("found: %v", got)
			}
			finish(t, s)
		})
	}
}

// Check finds an index that is not what the records make of it.
func TestCheckFindsAWrongIndex(t *testing.T) {
	for _, statement := range []string{
		"DELETE FROM value WHERE record = 1", "UPDATE value SET label = 'x' WHERE record = 1", "UPDATE value SET packed = (SELECT packed FROM value WHERE record = 2) WHERE record = 1",
		"DELETE FROM found_by WHERE record = 5", "INSERT INTO found_by VALUES (x'0707', 1)", "INSERT INTO value VALUES (99, '', x'')",
	} {
		path := filepath.Join(t.TempDir(), "record.db")
		finish(t, coded(t, path))
		behindItsBack(t, path, statement)
		s := openAt(t, path)
		var differs *projections.DifferenceError
		if err := s.Check(context.Background()); !errors.As(err, &differs) {
			t.Errorf("%s: %v", statement, err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}
