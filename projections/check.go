package projections

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/carelog/carelog/events"
)

// Check reads the whole file: that SQLite finds it sound (*CorruptError), and that
// everything derived is what the events make of it, worked out here the plain way
// (*DifferenceError with the first difference). It takes about as long as Apply took,
// and holds one record's versions in memory at a time.
func (s *Store) Check(ctx context.Context) error {
	if err := s.checkFile(ctx); err != nil {
		return err
	}
	return s.view(ctx, "check the record store", func(v *view) error {
		c := &checker{view: v, store: s}
		for _, part := range []func() error{c.records, c.orphans, c.keys, c.wrappedKeys, c.chains, c.dossiers} {
			if err := part(); err != nil {
				return err
			}
		}
		return nil
	})
}

// checkFile asks SQLite, and FTS5 about the index of names.
func (s *Store) checkFile(ctx context.Context) error {
	return s.change(ctx, "check the file of the record store", func(b *batch) error {
		var verdict string
		if err := b.conn.QueryRowContext(ctx, "PRAGMA integrity_check(1)").Scan(&verdict); err != nil {
			return err
		}
		if verdict != "ok" {
			return &CorruptError{Path: s.path, Reason: verdict}
		}
		_, err := b.conn.ExecContext(ctx, "INSERT INTO words (words) VALUES ('integrity-check')")
		return err
	})
}

type checker struct {
	*view
	store *Store
}

func differs(what string, want, got any) error {
	w, g := fmt.Sprint(want), fmt.Sprint(got)
	if w == g {
		return nil
	}
	return &DifferenceError{What: what, Want: w, Got: g}
}

// records goes through the events record by record.
func (c *checker) records() error {
	var key int64
	var versions []*version
	events := 0
	flush := func() error {
		if events == 0 {
			return nil
		}
		return c.record(key, versions)
	}
	err := c.each("SELECT "+eventColumns+eventTables+"ORDER BY e.record, e.id", nil, func(scan func(...any) error) error {
		v := &version{}
		if err := v.scan(c.practice, scan); err != nil {
			return err
		}
		if v.record != key {
			if err := flush(); err != nil {
				return err
			}
			key, versions, events = v.record, nil, 0
		}
		events++
		if v.inGraph() {
			versions = append(versions, v)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return flush()
}

// stands is a record as its tables have it.
type stands struct {
	heads, waiting    int
	shown             int64
	deleted, conflict bool
	label             string
	carrier
	rows map[events.ID]*headRow
}

type headRow struct {
	event   int64
	class   int
	place   int64
	content []byte
	patient string
	index   index
}

func (c *checker) record(key int64, versions []*version) error {
	var got stands
	var recordType, recordID string
	found, err := c.one("SELECT type, id, heads, waiting, shown, deleted, conflict, label, carrier, terms FROM record WHERE key = ?", []any{key},
		&recordType, &recordID, &got.heads, &got.waiting, &got.shown, &got.deleted, &got.conflict, &got.label, &got.key, &got.terms)
	if err != nil {
		return err
	}
	name := recordType + "/" + recordID
	if !found {
		return differs(fmt.Sprintf("record %d", key), "a row", "none")
	}
	heads, waiting := naive(versions)
	stored, err := c.waiting(key)
	if err == nil {
		err = errors.Join(differs("parents not here of "+name, waiting, stored), differs("number of parents not here of "+name, len(waiting), got.waiting))
	}
	if err == nil {
		err = differs("number of heads of "+name, len(heads), got.heads)
	}
	if err == nil {
		err = c.values(key, name, recordType, got.label, heads)
	}
	if err != nil || len(heads) == 0 {
		return err
	}
	if got.rows, err = c.headRows(key); err != nil {
		return err
	}
	if len(heads) == 1 {
		return c.single(name, heads[0], &got)
	}
	return c.several(name, heads, &got)
}

// naive is what heads and waiting parents are by definition.
func naive(versions []*version) (heads []*version, waiting []string) {
	here, named := make(map[events.ID]bool), make(map[events.ID]bool)
	for _, v := range versions {
		here[v.event.ID] = true
		for _, p := range v.event.Parents {
			named[p] = true
		}
	}
	for id := range named {
		if !here[id] {
			waiting = append(waiting, id.String())
		}
	}
	slices.Sort(waiting)
	for _, v := range versions {
		if !named[v.event.ID] {
			heads = append(heads, v)
		}
	}
	return heads, waiting
}

func (c *checker) waiting(key int64) (list []string, err error) {
	err = c.each("SELECT parent FROM waiting WHERE record = ? ORDER BY parent", []any{key}, func(scan func(...any) error) error {
		var id []byte
		err := scan(&id)
		list = append(list, events.ID(id).String())
		return err
	})
	return list, err
}

func (c *checker) headRows(key int64) (map[events.ID]*headRow, error) {
	rows := make(map[events.ID]*headRow)
	err := c.each(`SELECT h.id, h.event, h.class, h.place, h.content, d.patient, h.label, h.carrier, h.terms FROM head h
		JOIN dossier d ON d.key = h.dossier WHERE h.record = ?`, []any{key}, func(scan func(...any) error) error {
		var id []byte
		h := &headRow{}
		err := scan(&id, &h.event, &h.class, &h.place, &h.content, &h.patient, &h.index.label, &h.index.key, &h.index.terms)
		rows[events.ID(id)] = h
		return err
	})
	return rows, err
}

func (c *checker) single(name string, head *version, got *stands) error {
	return errors.Join(
		differs("rows in head of "+name, 0, len(got.rows)),
		differs("version shown of "+name, head.arrival, got.shown),
		differs("deletion of "+name, head.class() == classDeleted, got.deleted),
		differs("conflict of "+name, false, got.conflict),
		c.index(name, head, index{carrier: got.carrier, label: got.label}))
}

func (c *checker) several(name string, heads []*version, got *stands) error {
	contents := make(map[string]bool)
	for _, v := range heads {
		h := got.rows[v.event.ID]
		if h == nil {
			return differs("heads of "+name, v.event.ID, "not among them")
		}
		want := c.store.contentOf(v)
		if !v.opened && v.class() == classReadable {
			want = h.content // its key has gone since: what it was cannot be told
		}
		contents[string(want)] = true
		if err := errors.Join(
			differs("event of head "+v.event.ID.String(), v.arrival, h.event),
			differs("class of head "+v.event.ID.String(), v.class(), h.class),
			differs("place of head "+v.event.ID.String(), order(v.sequence), h.place),
			differs("content of head "+v.event.ID.String(), want, h.content),
			differs("dossier of head "+v.event.ID.String(), v.event.Patient, h.patient),
			c.index(name, v, h.index)); err != nil {
			return err
		}
	}
	slices.SortFunc(heads, func(a, b *version) int {
		return cmp.Or(cmp.Compare(a.class(), b.class()), cmp.Compare(order(a.sequence), order(b.sequence)), a.event.ID.Compare(b.event.ID))
	})
	return errors.Join(
		differs("rows in head of "+name, len(heads), len(got.rows)),
		differs("version shown of "+name, heads[0].arrival, got.shown),
		differs("deletion of "+name, heads[0].class() == classDeleted, got.deleted),
		differs("conflict of "+name, len(contents) > 1, got.conflict))
}

// index compares what a head is found by.
func (c *checker) index(name string, v *version, got index) error {
	t := c.store.termsOf(v)
	if !v.opened && v.class() == classReadable {
		return nil
	}
	if t.empty() {
		return differs("words of "+name, 0, got.key)
	}
	var n struct{ family, given, name, other string }
	if _, err := c.one("SELECT family, given, name, other FROM words WHERE rowid = ?", []any{got.key}, &n.family, &n.given, &n.name, &n.other); err != nil {
		return err
	}
	return errors.Join(
		differs("digest of the words of "+name, t.digest(), got.terms),
		differs("label of "+name, t.label(), got.label),
		differs("names of "+name, [...]string{strings.Join(t.Family, " "), strings.Join(t.Given, " "), strings.Join(t.Names, " "), t.other()},
			[...]string{n.family, n.given, n.name, n.other}))
}

const allNamed = "SELECT name, record FROM named UNION ALL SELECT name, record FROM named_lately"

// orphans looks for rows that nothing has.
func (c *checker) orphans() error {
	for _, q := range []struct{ what, sql string }{
		{"records without an event", "SELECT count(*) FROM record r WHERE NOT EXISTS (SELECT 1 FROM event e WHERE e.record = r.key)"},
		{"records that have two rows", "SELECT count(*) - count(DISTINCT type || '/' || id) FROM record"},
		{"records that are not found by their name", "SELECT count(*) FROM record r WHERE NOT EXISTS (SELECT 1 FROM (" + allNamed + ") n WHERE n.name = carelog_short_name(r.type, r.id) AND n.record = r.key)"},
		{"names of other records than there are", "SELECT (SELECT count(*) FROM (" + allNamed + ")) - (SELECT count(*) FROM record)"},
		{"heads without a record", "SELECT count(*) FROM head h WHERE NOT EXISTS (SELECT 1 FROM record r WHERE r.key = h.record AND r.heads > 1)"},
		{"parents not here without a record", "SELECT count(*) FROM waiting w WHERE NOT EXISTS (SELECT 1 FROM record r WHERE r.key = w.record)"},
		{"names without a head", "SELECT count(*) FROM words WHERE rowid NOT IN (SELECT carrier FROM (" + carriers + "))"},
		{"heads that share their words' rows", "SELECT count(*) - count(DISTINCT carrier) FROM (" + carriers + ")"},
	} {
		var n int
		if _, err := c.one(q.sql, nil, &n); err != nil {
			return err
		}
		if err := differs(q.what, 0, n); err != nil {
			return err
		}
	}
	return nil
}

// chains goes through the events device by device, in the order of their counters.
func (c *checker) chains() error {
	type end struct {
		counter uint64
		numbers uint64 // that events have
		links   []events.Digest
	}
	ends := make(map[string]*end)
	var forks []string
	err := c.each("SELECT "+eventColumns+eventTables+"WHERE e.doubt <> 'signature' ORDER BY e.device, e.counter", nil, func(scan func(...any) error) error {
		var r row
		if err := r.scan(c.practice, scan); err != nil {
			return err
		}
		e := ends[r.event.Device]
		if e == nil {
			e = &end{}
			ends[r.event.Device] = e
		}
		if r.event.Chain.Counter != e.counter {
			e.counter, e.links = r.event.Chain.Counter, nil
			e.numbers++
		}
		e.links = append(e.links, r.event.Link())
		if _, fork := least(e.links); fork {
			forks = append(forks, fmt.Sprint(r.event.Device, " ", e.counter))
		}
		return nil
	})
	if err != nil {
		return err
	}
	var want, got, stored []string
	for id, e := range ends {
		link, _ := least(e.links)
		want = append(want, fmt.Sprint(id, " ", e.counter, " ", link, " ", e.counter-e.numbers))
	}
	slices.Sort(want)
	if err := c.each("SELECT id, counter, link, holes FROM device WHERE counter > 0 OR holes <> 0", nil, func(scan func(...any) error) error {
		var id string
		var counter, holes int64
		var raw []byte
		err := scan(&id, &counter, &raw, &holes)
		var link events.Digest
		copy(link[:], raw)
		got = append(got, fmt.Sprint(id, " ", uint64(counter), " ", link, " ", holes))
		return err
	}); err != nil {
		return err
	}
	slices.Sort(got)
	if err := c.each("SELECT v.id, f.counter FROM fork f JOIN device v ON v.key = f.device", nil, func(scan func(...any) error) error {
		var id string
		var counter int64
		err := scan(&id, &counter)
		stored = append(stored, fmt.Sprint(id, " ", uint64(counter)))
		return err
	}); err != nil {
		return err
	}
	slices.Sort(forks)
	slices.Sort(stored)
	return errors.Join(differs("ends of the chains", want, got), differs("forks", slices.Compact(forks), stored))
}

// dossiers compares the end of each dossier with the messages on its subject.
func (c *checker) dossiers() error {
	want, err := c.reached()
	if err != nil {
		return err
	}
	got := make(map[string]int64)
	if err := c.each("SELECT patient, sequence FROM dossier WHERE sequence > 0", nil, func(scan func(...any) error) error {
		var patient string
		var sequence int64
		err := scan(&patient, &sequence)
		got[patient] = sequence
		return err
	}); err != nil {
		return err
	}
	return differs("ends of the dossiers", want, got)
}

// reached works out where each dossier ends in the log, from every message on its subject.
func (v *view) reached() (map[string]int64, error) {
	ends := make(map[string]int64)
	reach := func(scan func(...any) error) error {
		var patient string
		var sequence int64
		err := scan(&patient, &sequence)
		ends[patient] = max(ends[patient], sequence)
		return err
	}
	if err := v.each(`SELECT d.patient, max(e.sequence) FROM event e JOIN dossier d ON d.key = e.dossier WHERE e.sequence > 0 GROUP BY e.dossier
		UNION ALL SELECT d.patient, p.sequence FROM repeat p JOIN event e ON e.id = p.id JOIN dossier d ON d.key = e.dossier
			WHERE NOT EXISTS (SELECT 1 FROM stray s WHERE s.fingerprint = p.fingerprint)`, nil, reach); err != nil {
		return nil, err
	}
	err := v.each(`SELECT s.subject, s.sequence FROM stray s
		UNION ALL SELECT s.subject, p.sequence FROM repeat p JOIN stray s ON s.fingerprint = p.fingerprint`, nil, func(scan func(...any) error) error {
		var subject string
		var sequence int64
		if err := scan(&subject, &sequence); err != nil {
			return err
		}
		if _, patient, err := events.ParseSubject(subject); err == nil && sequence > 0 {
			ends[patient] = max(ends[patient], sequence)
		}
		return nil
	})
	return ends, err
}
