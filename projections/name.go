package projections

import (
	"crypto/sha256"
	"database/sql/driver"
	"encoding/binary"
	"fmt"

	sqlite "modernc.org/sqlite"

	"github.com/carelog/carelog/events"
)

// named finds the row of a record, in a table r, by what nameArgs gives. The plus signs
// keep SQLite from holding the values against the conditions of partial indexes: it would
// then prepare the statement anew for each value, which costs more than the question.
const named = `r.key IN (SELECT record FROM named WHERE name = ? UNION ALL SELECT record FROM named_lately WHERE name = ?)
	AND +r.type = ? AND +r.id = ?`

func nameArgs(r events.Record) []any {
	short := shortName(r)
	return []any{short, short, r.Type, r.ID}
}

// shortName is a number of 48 bits for the name of a record, spread evenly whatever the
// names are. Two may share it: whoever looks for one compares the name as well.
func shortName(r events.Record) int64 {
	var space [160]byte // enough for every name that FHIR allows, so that nothing is allocated
	sum := sha256.Sum256(append(append(append(space[:0], r.Type...), '/'), r.ID...))
	return int64(binary.BigEndian.Uint64(sum[:])) >> 16
}

// A migration gives the rows that stand already their numbers.
func init() {
	sqlite.MustRegisterDeterministicScalarFunction("carelog_short_name", 2, func(_ *sqlite.FunctionContext, args []driver.Value) (driver.Value, error) {
		recordType, ok := args[0].(string)
		id, also := args[1].(string)
		if !ok || !also {
			return nil, fmt.Errorf("the name of a record is two texts, not %T and %T", args[0], args[1])
		}
		return shortName(events.Record{Type: recordType, ID: id}), nil
	})
}
