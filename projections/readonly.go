package projections

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	sqlite "modernc.org/sqlite"
	sqlitelib "modernc.org/sqlite/lib"
)

// ReadOnly is a record.db that is read and left as it is: of a desk that runs, of one that
// was stopped or killed, or a copy of its folder where nothing may be written. It reads
// what is in the log, and opens no body.
type ReadOnly struct {
	questions
	frozen fs.FileInfo // the file as it was opened without a lock; nil: SQLite sees what others write
}

// OpenReadOnly opens the store at path for reading. Whoever keeps it goes on meanwhile, and
// nothing in it is changed: SQLite only keeps its -wal and -shm beside it, which stay where
// nobody else has the file open, until its desk runs again.
//
// Refusals are those of Open, but the file is not checked for damage. One of an older
// version is an *OlderError, since nothing is brought to a newer one here; where there is
// none the error is fs.ErrNotExist.
func OpenReadOnly(ctx context.Context, path, practice string) (*ReadOnly, error) {
	r := &ReadOnly{questions: questions{path: path, options: Options{Practice: practice}, unread: new(unread)}}
	if err := r.open(ctx); err != nil {
		return nil, r.explain("open the record store for reading", errors.Join(err, r.release()))
	}
	return r, nil
}

func (r *ReadOnly) open(ctx context.Context) error {
	info, err := os.Stat(r.path)
	if err == nil {
		err = checkHeader(r.path)
	}
	if err != nil {
		return err
	}
	if r.readers, err = openReaders(ctx, source(r.path, readPragmas...)+"&mode=ro"); err == nil {
		err = r.fits(ctx)
	}
	if !refusesToWrite(err) {
		return err
	}
	// Nothing may be written beside it, where SQLite coordinates those that have it open.
	if _, failed := os.Stat(r.path + "-wal"); failed == nil {
		return fmt.Errorf("%s was not closed in order, and what was written last can only be read where something may be written beside it: copy the folder to where it can be written, and read the copy (%w)", r.path, err)
	} else if !errors.Is(failed, fs.ErrNotExist) {
		return failed
	}
	if err := r.release(); err != nil {
		return err
	}
	r.frozen = info
	if r.readers, err = openReaders(ctx, source(r.path, readPragmas...)+"&immutable=1"); err != nil {
		return err
	}
	return r.fits(ctx)
}

// refusesToWrite reports whether SQLite could not make what it keeps beside the file.
func refusesToWrite(err error) bool {
	var lite *sqlite.Error
	return errors.As(err, &lite) && (lite.Code()&0xff == sqlitelib.SQLITE_READONLY || lite.Code()&0xff == sqlitelib.SQLITE_CANTOPEN)
}

// fits refuses a file of another version or practice.
func (r *ReadOnly) fits(ctx context.Context) error {
	return r.readers.ask(ctx, func(one *reader) error {
		v := r.viewOf(ctx, one)
		var schema int
		if _, err := v.one("PRAGMA user_version", nil, &schema); err != nil {
			return err
		}
		if known := Schema(); schema > known {
			return &NewerError{Path: r.path, Have: schema, Known: known}
		} else if schema < known {
			return &OlderError{Path: r.path, Have: schema, Known: known}
		}
		var practice string
		if found, err := v.one("SELECT practice FROM store", nil, &practice); err != nil || !found || practice == r.options.Practice {
			return err
		}
		return &PracticeError{Path: r.path, Have: practice, Want: r.options.Practice}
	})
}

// Close ends it. Where SQLite could not see what others wrote, and somebody did, the error
// says that what was read counts for nothing.
func (r *ReadOnly) Close() error {
	err := r.release()
	if r.frozen == nil {
		return err
	}
	now, failed := os.Stat(r.path)
	_, wal := os.Stat(r.path + "-wal")
	if failed == nil && (!errors.Is(wal, fs.ErrNotExist) || !os.SameFile(now, r.frozen) || now.Size() != r.frozen.Size() || !now.ModTime().Equal(r.frozen.ModTime())) {
		failed = fmt.Errorf("somebody wrote into %s while it was read, in a folder where the two could not see each other: what was read counts for nothing: read it again when its desk is stopped, or where its folder can be written", r.path)
	}
	return errors.Join(err, failed)
}

func (r *ReadOnly) release() (err error) {
	if r.readers != nil {
		err = r.readers.close()
	}
	return err
}
