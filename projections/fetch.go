package projections

import (
	"cmp"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/carelog/carelog/events"
)

// fetchSize is how many rows one question of prefetch asks for.
const fetchSize = 50

const dossierByPatient = "SELECT patient, key, sequence FROM dossier WHERE patient = ?"

var (
	selectRecord   = &statement{recordsByName(1)}
	selectRecords  = &statement{recordsByName(fetchSize)}
	selectDossier  = &statement{dossierByPatient}
	selectDossiers = &statement{dossierByPatient + strings.Repeat(" UNION ALL "+dossierByPatient, fetchSize-1)}
	insertDossiers = insertRows("INSERT OR ROLLBACK INTO dossier (patient, sequence) VALUES ", "(?, 0)", 1)
	updateDossier  = &statement{"UPDATE dossier SET sequence = ? WHERE key = ?"}
)

// recordsByName is the question for n records, each by its short name, type and id. It joins
// where the condition named has a list: SQLite makes a table of its own for each list, which
// took a fifth of what the question costs.
func recordsByName(n int) string {
	var b strings.Builder
	for i := range n {
		for _, table := range []string{"named", "named_lately"} {
			if b.Len() > 0 {
				b.WriteString(" UNION ALL ")
			}
			fmt.Fprintf(&b, `SELECT r.type, r.id, r.key, r.heads, r.waiting, r.shown, r.shown_id, r.dossier, r.deleted, r.conflict, r.label, r.carrier, r.terms
				FROM %s n CROSS JOIN record r ON r.key = n.record WHERE n.name = ?%d AND +r.type = ?%d AND +r.id = ?%d`, table, 3*i+1, 3*i+2, 3*i+3)
		}
	}
	return b.String()
}

// record finds a record, or makes ready for a new one.
func (b *batch) record(name events.Record) (*record, error) {
	if r := b.records[name]; r != nil {
		return r, nil
	}
	if !b.strangers.is(name) {
		if err := b.fetch([]shortNamed{{shortName(name), name}}, selectRecord); err != nil {
			return nil, err
		}
	}
	if b.records[name] == nil {
		b.create(name)
	}
	return b.records[name], nil
}

// prefetch finds the records and dossiers of a batch, many with one question, which is
// cheaper than asking for each.
func (b *batch) prefetch(entries []Entry) error {
	if len(entries) < fetchSize {
		return nil
	}
	b.records, b.order = make(map[events.Record]*record, len(entries)), make([]*record, 0, len(entries))
	asked, patients := map[events.Record]bool{}, map[string]bool{}
	var names []shortNamed
	for i := range entries {
		e := entries[i].Event
		if e == nil {
			continue
		}
		switch {
		case b.records[e.Record] != nil || asked[e.Record]:
		case b.strangers.is(e.Record):
			b.create(e.Record)
		default:
			asked[e.Record] = true
			names = append(names, shortNamed{shortName(e.Record), e.Record})
		}
		if !b.strangers.is(dossierName(e.Patient)) {
			patients[e.Patient] = true
		}
	}
	slices.SortFunc(names, func(x, y shortNamed) int { return cmp.Compare(x.short, y.short) })
	for part := range slices.Chunk(names, fetchSize) {
		if len(part) < fetchSize {
			break
		}
		if err := b.fetch(part, selectRecords); err != nil {
			return err
		}
	}
	for _, n := range names[len(names)-len(names)%fetchSize:] {
		delete(asked, n.name) // it is asked for alone when its turn comes
	}
	// Those that are not here get their keys in the order of the log, so that the rows of a
	// dossier stand beside each other.
	for i := range entries {
		if e := entries[i].Event; e != nil && asked[e.Record] && b.records[e.Record] == nil {
			b.create(e.Record)
		}
	}
	for part := range slices.Chunk(slices.Sorted(maps.Keys(patients)), fetchSize) {
		if len(part) == fetchSize {
			if err := b.fetchDossiers(part, selectDossiers); err != nil {
				return err
			}
		}
	}
	return nil
}

// shortNamed is a name with its number.
type shortNamed struct {
	short int64
	name  events.Record
}

// fetch finds those of some records that are here.
func (b *batch) fetch(names []shortNamed, st *statement) error {
	args := make([]any, 0, 3*len(names))
	for _, n := range names {
		args = append(args, n.short, n.name.Type, n.name.ID)
	}
	return b.each(st, args, func(scan func(...any) error) error {
		r := &record{}
		var shownID sql.RawBytes
		if err := scan(&r.name.Type, &r.name.ID, &r.key, &r.heads, &r.waiting, &r.shown, &shownID,
			&r.dossier, &r.deleted, &r.conflict, &r.index.label, &r.index.key, &r.index.terms); err != nil {
			return err
		}
		copy(r.shownID[:], shownID)
		r.many = r.heads > 1
		b.meet(r)
		return nil
	}) // one name is in one of both tables: nobody is met twice
}

// create makes ready for a record that is not here.
func (b *batch) create(name events.Record) {
	b.lastRecord++
	b.strangers.meet(name)
	b.meet(&record{name: name, key: b.lastRecord, fresh: true, empty: true})
}

func (b *batch) meet(r *record) {
	b.records[r.name] = r
	b.order = append(b.order, r)
}

// met is the record of a key that this batch met; nil where it met none.
func (b *batch) met(key int64) *record {
	for _, r := range b.order[len(b.byKey):] {
		b.byKey[r.key] = r
	}
	return b.byKey[key]
}

// dossier is the row of a dossier while a batch changes it.
type dossier struct {
	key      int64
	sequence int64
	dirty    bool
}

// reach notes that a dossier has a message at a place of the log.
func (d *dossier) reach(sequence int64) {
	if sequence > d.sequence {
		d.sequence, d.dirty = sequence, true
	}
}

// dossier finds the dossier of a patient, or makes it.
func (b *batch) dossier(patient string) (*dossier, error) {
	if d := b.dossiers[patient]; d != nil {
		return d, nil
	}
	var err error
	if b.strangers.is(dossierName(patient)) {
		err = b.createDossier(patient)
	} else {
		err = b.fetchDossiers([]string{patient}, selectDossier)
	}
	return b.dossiers[patient], err
}

func (b *batch) fetchDossiers(patients []string, st *statement) error {
	args := make([]any, len(patients))
	for i, p := range patients {
		args[i] = p
	}
	if err := b.each(st, args, func(scan func(...any) error) error {
		d, patient := &dossier{}, ""
		err := scan(&patient, &d.key, &d.sequence)
		b.dossiers[patient] = d
		return err
	}); err != nil {
		return err
	}
	for _, patient := range patients {
		if b.dossiers[patient] == nil {
			if err := b.createDossier(patient); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *batch) createDossier(patient string) error {
	b.lastDossier++
	b.strangers.meet(dossierName(patient))
	b.dossiers[patient] = &dossier{key: b.lastDossier}
	return b.hold(&insertDossiers, b.lastDossier, patient)
}
