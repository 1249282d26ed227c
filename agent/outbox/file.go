package outbox

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/carelog/carelog/events"
)

// file is one connection to the outbox, with the statements of every change: to
// prepare them anew costs a tenth of a change.
type file struct {
	*sql.DB
	insert, remove, chain, between *sql.Stmt
}

// Values of SQLite's pragma synchronous.
const (
	full   = "FULL"   // a commit survives a power cut
	normal = "NORMAL" // a commit may be undone by one
)

// connect opens the file, without its statements: they need the tables.
func connect(path, synchronous string) (*file, error) {
	q := url.Values{"_pragma": {"journal_mode(WAL)", "synchronous(" + synchronous + ")", "busy_timeout(10000)",
		fmt.Sprintf("wal_autocheckpoint(%d)", walPages)}, "_txlock": {"immediate"}}
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()+"?"+q.Encode())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	return &file{DB: db}, nil
}

// prepare prepares the statements; Close of the file ends them.
func (f *file) prepare(ctx context.Context) (err error) {
	for text, stmt := range map[string]**sql.Stmt{
		"INSERT INTO queue (counter, id, fingerprint, message) VALUES (?, ?, ?, ?)": &f.insert,
		"DELETE FROM queue WHERE counter BETWEEN ? AND ?":                           &f.remove,
		"UPDATE chain SET counter = ?, previous = ?":                                &f.chain,
		"SELECT counter, fingerprint FROM queue WHERE counter BETWEEN ? AND ?":      &f.between,
	} {
		if *stmt, err = f.PrepareContext(ctx, text); err != nil {
			return err
		}
	}
	return nil
}

// change is a transaction under way.
type change struct {
	*sql.Tx
	file *file
}

// write runs f in one transaction: all of it, or nothing.
func (f *file) write(ctx context.Context, do func(change) error) error {
	tx, err := f.BeginTx(ctx, nil)
	if err != nil {
		return ofDisk(err)
	}
	if err := do(change{tx, f}); err != nil {
		return errors.Join(ofDisk(err), tx.Rollback())
	}
	return ofDisk(tx.Commit())
}

// add puts one event at its place in the queue. A statement alone is a transaction of its
// own, for half of what one costs that is begun and ended.
func (f *file) add(e *events.Event) error { return ofDisk(insert(f.insert, e)) }

// insert puts an event at its place in the queue.
func (c change) insert(e *events.Event) error { return insert(c.Stmt(c.file.insert), e) }

func insert(stmt *sql.Stmt, e *events.Event) error {
	m, err := events.Encode(e)
	if err != nil {
		return err
	}
	print := e.Fingerprint()
	_, err = stmt.Exec(e.Chain.Counter, e.ID[:], print[:], frame(m))
	return err
}

// remove takes out of the queue what stands from one place to another, and counts it.
func (c change) remove(from, to uint64) (int, error) {
	r, err := c.Stmt(c.file.remove).Exec(from, to)
	if err != nil {
		return 0, err
	}
	n, err := r.RowsAffected()
	return int(n), err
}

// setChain says what the device's next event must carry, unless one in the queue says more:
// whoever takes the last out of the queue must call it.
func (c change) setChain(next events.Chain) error {
	_, err := c.Stmt(c.file.chain).Exec(next.Counter, next.Previous[:])
	return err
}

// ofDisk tells what SQLite says of the disk from its other errors.
func ofDisk(err error) error {
	var failed *sqlite.Error
	if errors.As(err, &failed) {
		switch failed.Code() & 0xff {
		case sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY:
			return fmt.Errorf("%w (%w)", ErrDisk, err)
		}
	}
	return err
}
