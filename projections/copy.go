package projections

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/carelog/carelog/events"
)

// Copy writes a consistent copy of the store to a new file at path while questions and
// changes go on: position, tables and schema of one moment. It holds what the log made
// and nothing that is only this device's: no queued or unconfirmed event, nothing that
// was read ahead of the position, no keys, no feed of changes; neither do its free pages.
// A file that stands at path already is left as it is (fs.ErrExist); after any other error there is none. On a
// full disk the error is a *DiskError. It takes about a second per 250 MB, and the
// disk holds the store twice meanwhile.
func (s *Store) Copy(ctx context.Context, path string) error {
	what := "copy the record store to " + path
	if _, err := os.Stat(path); err == nil {
		return fmt.Errorf("%s: %w", what, fs.ErrExist)
	}
	if err := s.copyTo(ctx, path); err != nil {
		return errors.Join(explain(path, what, err), removeFiles(path))
	}
	return nil
}

func (s *Store) copyTo(ctx context.Context, path string) (err error) {
	if err := s.vacuumInto(ctx, path); err != nil {
		return err
	}
	c := newStore(path, s.options)
	c.bounds, c.many, c.naming, c.unread = s.bounds, s.many, s.naming, s.unread
	if err := c.open(ctx); err != nil {
		return errors.Join(err, c.release())
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	// What is taken out must not stay behind in free pages.
	if _, err := c.writer.conn.ExecContext(ctx, "PRAGMA secure_delete = ON"); err != nil {
		return err
	}
	return c.keepOnlyTheLog(ctx)
}

// vacuumInto has a connection of its own: the readers may not write, and the writer
// goes on meanwhile.
func (s *Store) vacuumInto(ctx context.Context, path string) (err error) {
	s.copying.RLock()
	defer s.copying.RUnlock()
	if err := s.lockChanging(ctx); err != nil {
		return err
	}
	s.unlockChanging() // it was open, and it cannot be closed before the copying ends
	w, err := openWriter(ctx, source(s.path, "cache_size(-16384)"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	_, err = w.conn.ExecContext(ctx, "VACUUM INTO ?", path)
	return err
}

// removeFiles removes a database and what SQLite keeps beside it.
func removeFiles(path string) error {
	var errs []error
	for _, suffix := range []string{"", "-wal", "-shm", "-journal"} {
		if err := os.Remove(path + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// What stands in none of the places that the log has up to the position.
const notOfTheLog = "sequence <= 0 OR sequence > (SELECT sequence FROM store)"

var (
	// Each part by its own index: an OR would read every event.
	selectNotOfTheLog = &statement{`SELECT arrival FROM event WHERE sequence = 0 UNION ALL SELECT arrival FROM event WHERE sequence < 0 AND sequence <> 0
		UNION ALL SELECT arrival FROM event WHERE sequence > (SELECT sequence FROM store) AND sequence <> 0`}
	deleteStrays      = &statement{"DELETE FROM stray WHERE " + notOfTheLog}
	deleteRepeats     = &statement{"DELETE FROM repeat WHERE " + notOfTheLog}
	deleteNotices     = &statement{"DELETE FROM notice"}
	deleteFeed        = &statement{"UPDATE store SET feed = '', began = 0, keys_read = 0, keys_stored = 0, keys_gone = -1, keys_here = 0"}
	deleteKeys        = &statement{"DELETE FROM wrapped_key"}
	deleteErased      = &statement{"DELETE FROM erased_key"}
	deleteBareDossier = &statement{"DELETE FROM dossier WHERE sequence = 0"}
	deleteBareDevice  = &statement{"DELETE FROM device WHERE NOT EXISTS (SELECT 1 FROM event e WHERE e.device = device.key)"}
	secureWords       = &statement{"INSERT INTO words (words, rank) VALUES ('secure-delete', ?)"}
	setReached        = &statement{"UPDATE dossier SET sequence = ? WHERE patient = ?"}
)

// keepOnlyTheLog takes out of a copy what is not of the log up to the position.
func (s *Store) keepOnlyTheLog(ctx context.Context) error {
	const what = "keep what the log made"
	if err := s.change(ctx, what, (*batch).takeOutAll); err != nil {
		return err
	}
	reached, err := s.reachedAhead(ctx)
	if err != nil {
		return err
	}
	return s.change(ctx, what, func(b *batch) error {
		for patient, sequence := range reached {
			if _, err := b.exec(setReached, sequence, patient); err != nil {
				return err
			}
		}
		for _, st := range []*statement{deleteBareDossier, deleteBareDevice, deleteNotices, deleteFeed, deleteKeys, deleteErased} {
			if _, err := b.exec(st); err != nil {
				return err
			}
		}
		return nil
	})
}

// reachedAhead is where the dossiers end that were read ahead of the position. Nearly
// always there are none, and then no event is read.
func (s *Store) reachedAhead(ctx context.Context) (ends map[string]int64, err error) {
	err = s.view(ctx, "find what was read ahead", func(v *view) error {
		ends = make(map[string]int64)
		if err := v.each("SELECT patient FROM dossier WHERE sequence > (SELECT sequence FROM store)", nil, func(scan func(...any) error) error {
			var patient string
			err := scan(&patient)
			ends[patient] = 0
			return err
		}); err != nil || len(ends) == 0 {
			return err
		}
		reached, err := v.reached()
		for patient := range ends {
			ends[patient] = reached[patient]
		}
		return err
	})
	return ends, err
}

// takeOutAll takes out events and strays that have no place in the log, and makes their
// records and chains anew. Where a twin was overshadowed by one of them, it stands again.
func (b *batch) takeOutAll() error {
	var arrivals []int64
	if err := b.each(selectNotOfTheLog, nil, func(scan func(...any) error) error {
		var arrival int64
		err := scan(&arrival)
		arrivals = append(arrivals, arrival)
		return err
	}); err != nil {
		return err
	}
	for _, st := range []*statement{deleteStrays, deleteRepeats} {
		if _, err := b.exec(st); err != nil {
			return err
		}
	}
	if len(arrivals) == 0 {
		return nil
	}
	if _, err := b.exec(secureWords, 1); err != nil {
		return err
	}
	gone := make([]*row, len(arrivals))
	for i, arrival := range arrivals {
		v, err := b.load(arrival)
		if err != nil {
			return err
		}
		gone[i] = &v.row
	}
	if err := b.takeOut(gone...); err != nil {
		return err
	}
	for _, held := range gone {
		if err := b.promote(held.event.ID); err != nil {
			return err
		}
	}
	_, err := b.exec(secureWords, 0)
	return err
}

// promote lets the best of the twins under an id stand, now that none does.
func (b *batch) promote(id events.ID) error {
	best, err := b.bestTwin(id)
	if err != nil || best == nil {
		return err
	}
	return b.stand(best)
}
