package projections

import (
	"errors"
	"fmt"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections/fhirsearch"
)

// values compares what a record is found by, where it is not still waiting for that. Heads
// are by their ids.
func (c *checker) values(key int64, name, typ, label string, heads []*version) error {
	var got valued
	var waits bool
	found, err := c.one(`SELECT label, packed FROM value WHERE record = ?`, []any{key}, &got.label, &got.packed)
	if err != nil {
		return err
	}
	if _, err := c.one("SELECT ?1 > indexed OR EXISTS (SELECT 1 FROM unindexed WHERE record = ?1) FROM store", []any{key}, &waits); err != nil || waits {
		return err
	}
	list := []fhirsearch.Values{}
	stored := fhirsearch.Unpack(got.packed)
	for _, v := range heads {
		if v.class() == classDeleted {
			continue
		}
		x := c.store.valuesIn(v)
		if !v.opened && v.class() == classReadable && len(list) < len(stored) {
			x = stored[len(list)] // its key has gone since: what it was cannot be told
		}
		list = append(list, x)
	}
	if len(list) == 0 {
		return differs("values of "+name, false, found)
	}
	return errors.Join(
		differs("label in the index of "+name, label, got.label),
		differs("values of "+name, fmt.Sprintf("%x", fhirsearch.Pack(list)), fmt.Sprintf("%x", got.packed)))
}

// wrappedKeys compares the number of keys with that which is kept.
func (c *checker) wrappedKeys() error {
	var here, kept int
	_, err := c.one("SELECT (SELECT count(*) FROM wrapped_key), keys_here FROM store", nil, &here, &kept)
	return errors.Join(err, differs("number of the keys of patients", here, kept))
}

// keys compares the keys of all records with their values.
func (c *checker) keys() error {
	total := 0
	if err := c.each("SELECT v.record, r.type, r.id, v.label, v.packed FROM value v LEFT JOIN record r ON r.key = v.record", nil, func(scan func(...any) error) error {
		var key int64
		var typ, id *string
		var x valued
		if err := scan(&key, &typ, &id, &x.label, &x.packed); err != nil {
			return err
		}
		if typ == nil {
			return differs(fmt.Sprintf("values of record %d", key), "a record", "none")
		}
		name := events.Record{Type: *typ, ID: *id}
		want := x.keys(name)
		total += len(want)
		for _, k := range want {
			found, err := c.one("SELECT 1 FROM found_by WHERE key = ? AND record = ?", []any{k, key}, new(int))
			if err == nil && !found {
				err = differs(fmt.Sprintf("keys of %s", name), fmt.Sprintf("%x", k), "not among them")
			}
			if err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		return err
	}
	var rows int
	_, err := c.one("SELECT count(*) FROM found_by", nil, &rows)
	return errors.Join(err, differs("rows of the index", total, rows))
}
