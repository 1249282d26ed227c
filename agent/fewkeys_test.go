package agent_test

import (
	"database/sql"
	"database/sql/driver"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"

	sqlite "modernc.org/sqlite"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/light"
)

// keysVisited counts the rows of the table of keys that were looked at in a file that countsKeys has changed.
var keysVisited atomic.Int64

func init() {
	sqlite.MustRegisterScalarFunction("carelog_test_visit", 1, func(*sqlite.FunctionContext, []driver.Value) (driver.Value, error) {
		keysVisited.Add(1)
		return int64(1), nil
	})
}

// countsKeys lets the projection of a desk that is off count each look at a key, until mend is called.
func countsKeys(t *testing.T, m *machine) (mend func()) {
	t.Helper()
	change := func(statements ...string) {
		t.Helper()
		db, err := sql.Open("sqlite", filepath.Join(m.Config.Data, agent.ProjectionFile))
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		for _, st := range statements {
			if _, err := db.Exec(st); err != nil {
				t.Fatalf("%s: %v", st, err)
			}
		}
	}
	change("ALTER TABLE wrapped_key RENAME TO all_keys",
		"CREATE VIEW wrapped_key AS SELECT patient, id, wrapped FROM all_keys WHERE carelog_test_visit(patient)")
	return func() { change("DROP VIEW wrapped_key", "ALTER TABLE all_keys RENAME TO wrapped_key") }
}

// A start and a log-in look at the practice's own keys and at no patient's, however many there are; a patient's is
// looked at when something of them is opened, and once.
func TestAStartLooksAtFewKeys(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		one, two := w.two()
		const patients = 40
		for i := range patients {
			if _, err := one.Write(t.Context(), newPatient(fmt.Sprint("pat-", i))); err != nil {
				t.Fatal(err)
			}
		}
		w.settled()
		two.stop()
		two.start() // it notes how far the keys were read
		w.settled()
		two.stop()
		mend := countsKeys(t, two)
		keysVisited.Store(0)
		two.start()
		w.settled()
		if s := two.Now(); s.Color != light.Online {
			t.Errorf("the light is %s: %s", s.Color, s.Reason)
		}
		if n := keysVisited.Swap(0); n > 2 { // two desks may have made one of the practice's own each
			t.Errorf("a start looked at %d keys, of %d patients", n, patients)
		}
		for range 3 {
			if got, err := two.Store().Record(t.Context(), newPatient("pat-7").Record); err != nil || got.Shown.Body == nil {
				t.Errorf("%s, %v", got.Shown.Body, err)
			}
		}
		if n := keysVisited.Load(); n != 1 {
			t.Errorf("%d keys were looked at for one record", n)
		}
		two.stop()
		mend()
		two.start()
		w.settled()
		w.agreed()
	})
}
