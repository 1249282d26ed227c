package projections

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"iter"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/carelog/carelog/events"
)

var insertKeys = insertRows("INSERT OR IGNORE INTO wrapped_key (patient, id, wrapped) VALUES ", "(?, ?, ?)", 3)

var (
	updateKeysRead = &statement{"UPDATE store SET keys_read = ?, keys_stored = ?"}
	updateKey      = &statement{"UPDATE wrapped_key SET wrapped = ? WHERE patient = ? AND id = ?"}
	addKeysHere    = &statement{"UPDATE store SET keys_here = keys_here + ?"}
)

// PutKeys keeps wrapped keys. One that is here already stays as it is.
func (s *Store) PutKeys(ctx context.Context, keys ...events.WrappedKey) error {
	if len(keys) == 0 {
		return nil // as with nearly every change: that is no reason for a commit
	}
	return s.change(ctx, "keep keys", func(b *batch) error { return b.putKeys(keys) })
}

// MendKey keeps a key that is here in another form than it should be: the disk has spoilt it.
func (s *Store) MendKey(ctx context.Context, k events.WrappedKey) error {
	return s.change(ctx, "mend key "+k.Name(), func(b *batch) error {
		_, err := b.exec(updateKey, nonNil(k.Wrapped), k.Patient, k.ID[:])
		return err
	})
}

// putKeys writes keys in the order of the table: all those of a practice come at once.
func (b *batch) putKeys(keys []events.WrappedKey) error {
	keys = slices.SortedStableFunc(slices.Values(keys), func(x, y events.WrappedKey) int {
		return cmp.Or(strings.Compare(x.Patient, y.Patient), bytes.Compare(x.ID[:], y.ID[:]))
	})
	var all int64
	for part := range slices.Chunk(keys, keysPage) { // the rows of all would take more room than the keys
		rows := make([]any, 0, insertKeys.values*len(part))
		for i := range part {
			rows = append(rows, part[i].Patient, part[i].ID[:], nonNil(part[i].Wrapped))
		}
		added, err := b.addRows(&insertKeys, rows)
		if err != nil {
			return err
		}
		all += added
	}
	if all == 0 {
		return nil
	}
	_, err := b.exec(addKeysHere, all)
	return err
}

// keysPage is how many keys are read or written together.
const keysPage = 1024

// KeysRead is how far the server's keys were read.
func (s *Store) KeysRead(ctx context.Context) (read events.KeyMark, err error) {
	err = s.glance(ctx, "see how far the keys were read", func(v *view) error {
		var sequence, stored int64
		_, err := v.one("SELECT keys_read, keys_stored FROM store", nil, &sequence, &stored)
		if sequence > 0 {
			read = events.KeyMark{Sequence: uint64(sequence), Stored: time.Unix(0, stored).UTC()}
		}
		return err
	})
	return read, err
}

// PutRead is PutKeys for keys up to which the server's are read now, in one change.
func (s *Store) PutRead(ctx context.Context, read events.KeyMark, keys ...events.WrappedKey) error {
	return s.change(ctx, "keep the keys that the server has", func(b *batch) error {
		if err := b.putKeys(keys); err != nil {
			return err
		}
		var stored int64
		if read.Sequence > 0 {
			stored = read.Stored.UnixNano()
		}
		_, err := b.exec(updateKeysRead, int64(read.Sequence), stored)
		return err
	})
}

// KeysOf are the wrapped keys of one patient, by id. Whoever opens bodies may ask for them within a question or
// a change: unlike other questions it waits for no change that was promised, and has a reader of its own.
//
// What does not open because it failed must not be taken for closed: the questions and the changes that
// are under way meanwhile fail, too.
func (s *Store) KeysOf(patient string) (keys []events.WrappedKey, err error) {
	s.opening.RLock()
	defer s.opening.RUnlock()
	err = errClosed
	if s.keyed != nil {
		err = s.keyed.lend(context.Background(), func(r *reader) error {
			return s.viewOf(context.Background(), r).each(keysOf, []any{patient}, func(scan func(...any) error) error {
				k := events.WrappedKey{Patient: patient}
				var id []byte
				err := scan(&id, &k.Wrapped)
				copy(k.ID[:], id)
				keys = append(keys, k)
				return err
			})
		})
	}
	if err = s.explain("find the keys of a patient", err); err != nil {
		s.unread.Store(&err)
		return nil, err
	}
	return keys, nil
}

const keysOf = "SELECT id, wrapped FROM wrapped_key WHERE patient = ? ORDER BY id"

// Keys is every wrapped key, by patient and id, a page at a time: of what is kept meanwhile it may have some. The
// iteration ends after an error.
func (q *questions) Keys(ctx context.Context) iter.Seq2[events.WrappedKey, error] {
	return func(yield func(events.WrappedKey, error) bool) {
		var last events.WrappedKey
		for {
			page, err := q.keysAfter(ctx, last)
			if err != nil {
				yield(events.WrappedKey{}, err)
				return
			}
			for _, k := range page {
				if cmp.Or(strings.Compare(k.Patient, last.Patient), bytes.Compare(k.ID[:], last.ID[:])) <= 0 { // it would never end
					yield(events.WrappedKey{}, q.explain("read the keys", &CorruptError{Path: q.path, Reason: "its keys are in no order"}))
					return
				}
				if last = k; !yield(k, nil) {
					return
				}
			}
			if len(page) < keysPage {
				return
			}
		}
	}
}

// KeysIn is Keys of a file of which nothing else can be relied on: one that Open finds damaged. A page of keys that is
// damaged itself ends it.
func KeysIn(ctx context.Context, path string) iter.Seq2[events.WrappedKey, error] {
	return func(yield func(events.WrappedKey, error) bool) {
		q := questions{path: path, unread: new(unread)}
		var err error
		if q.readers, err = openReaders(ctx, source(path, readPragmas...)+"&mode=ro"); err != nil {
			yield(events.WrappedKey{}, q.explain("open a damaged record store for its keys", err))
			return
		}
		defer q.readers.close() // nothing was written
		for k, err := range q.Keys(ctx) {
			if !yield(k, err) {
				return
			}
		}
	}
}

// keysAfter is a page of the keys behind one, by patient and id. No key has the id of the zero one.
func (q *questions) keysAfter(ctx context.Context, last events.WrappedKey) (page []events.WrappedKey, err error) {
	err = q.view(ctx, "read the keys", func(v *view) error {
		return v.inPassing(func() error {
			return v.each(pageOfKeys, []any{last.Patient, last.ID[:], keysPage}, func(scan func(...any) error) error {
				var k events.WrappedKey
				var id []byte
				err := scan(&k.Patient, &id, &k.Wrapped)
				copy(k.ID[:], id)
				page = append(page, k)
				return err
			})
		})
	})
	return page, err
}

const pageOfKeys = "SELECT patient, id, wrapped FROM wrapped_key WHERE (patient, id) > (?, ?) ORDER BY patient, id LIMIT ?"

var (
	attachOld  = &statement{"ATTACH DATABASE ? AS old"}
	detachOld  = &statement{"DETACH DATABASE old"}
	copyKeys   = &statement{"INSERT OR IGNORE INTO main.wrapped_key (patient, id, wrapped) SELECT patient, id, wrapped FROM old.wrapped_key ORDER BY patient, id"}
	copyErased = &statement{"INSERT OR IGNORE INTO main.erased_key (patient, id) SELECT patient, id FROM old.erased_key"}
	copyKeyEnd = &statement{"UPDATE main.store SET (keys_read, keys_stored, keys_gone) = (SELECT keys_read, keys_stored, keys_gone FROM old.store)"}
)

// takeKeys keeps the keys of another store's file, which is open, which ones were erased, and how
// far they were read and compared there. They go from file to file by one statement: one for each key is a tenth of
// what a new desk does after its download.
func (s *Store) takeKeys(ctx context.Context, path string) (err error) {
	if path, err = filepath.Abs(path); err != nil { // what begins like a URI would be read as one
		return err
	}
	if _, err := s.writer.exec(attachOld, path); err != nil {
		return err
	}
	defer func() {
		_, failed := s.writer.exec(detachOld)
		err = errors.Join(err, failed)
	}()
	return s.change(ctx, "keep the keys that are here", func(b *batch) error {
		came, err := b.exec(copyKeys)
		if err != nil {
			return err
		}
		if _, err := b.exec(addKeysHere, came); err != nil {
			return err
		}
		for _, copied := range []*statement{copyErased, copyKeyEnd} {
			if _, err := b.exec(copied); err != nil {
				return err
			}
		}
		return nil
	})
}
