package projections

import (
	"cmp"
	"database/sql"
	"maps"
	"slices"
	"strings"

	"github.com/carelog/carelog/events"
)

// fetchSize is how many rows one question of prefetch asks for.
const fetchSize = 50

const (
	recordByName = `SELECT type, id, key, heads, waiting, shown, shown_id, dossier, deleted, conflict, label, carrier, terms
		FROM record r WHERE ` + named
	dossierByPatient = "SELECT patient, key, sequence FROM dossier WHERE patient = ?"
)

var (
	selectRecord   = &statement{recordByName}
	selectRecords  = &statement{recordByName + strings.Repeat(" UNION ALL "+recordByName, fetchSize-1)}
	selectDossier  = &statement{dossierByPatient}
	selectDossiers = &statement{dossierByPatient + strings.Repeat(" UNION ALL "+dossierByPatient, fetchSize-1)}
	insertDossier  = &statement{"INSERT INTO dossier (key, patient, sequence) VALUES (?, ?, 0)"}
	updateDossier  = &statement{"UPDATE dossier SET sequence = ? WHERE key = ?"}
)

// record finds a record, or makes ready for a new one.
func (b *batch) record(name events.Record) (*record, error) {
	if b.records[name] == nil && b.strangers.is(name) {
		b.create(name)
	}
	if b.records[name] == nil {
		if err := b.fetch([]events.Record{name}, selectRecord); err != nil {
			return nil, err
		}
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
	names, patients := map[events.Record]bool{}, map[string]bool{}
	for i := range entries {
		e := entries[i].Event
		if e == nil {
			continue
		}
		switch {
		case b.records[e.Record] != nil:
		case b.strangers.is(e.Record):
			b.create(e.Record)
		default:
			names[e.Record] = true
		}
		if !b.strangers.is(dossierName(e.Patient)) {
			patients[e.Patient] = true
		}
	}
	order := slices.SortedFunc(maps.Keys(names), func(x, y events.Record) int {
		return cmp.Or(strings.Compare(x.Type, y.Type), strings.Compare(x.ID, y.ID))
	})
	for part := range slices.Chunk(order, fetchSize) {
		if len(part) == fetchSize {
			if err := b.fetch(part, selectRecords); err != nil {
				return err
			}
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

func (b *batch) fetch(names []events.Record, st *statement) error {
	args := make([]any, 0, 3*len(names))
	for _, name := range names {
		args = append(args, nameArgs(name)...)
	}
	if err := b.each(st, args, func(scan func(...any) error) error {
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
	}); err != nil {
		return err
	}
	for _, name := range names {
		if b.records[name] == nil {
			b.create(name)
		}
	}
	return nil
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
	if b.dossiers[patient] == nil {
		var err error
		if b.strangers.is(dossierName(patient)) {
			err = b.createDossier(patient)
		} else {
			err = b.fetchDossiers([]string{patient}, selectDossier)
		}
		if err != nil {
			return nil, err
		}
	}
	return b.dossiers[patient], nil
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
	_, err := b.exec(insertDossier, b.lastDossier, patient)
	return err
}
