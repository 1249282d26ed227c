package outbox

import (
	"context"
	"database/sql"
	"encoding/json"
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
	insert, remove, chain, waits *sql.Stmt
}

// Values of SQLite's pragma synchronous.
const (
	full   = "FULL"   // a commit survives a power cut
	normal = "NORMAL" // a commit may be undone by one
)

// connect opens the file, without its statements: they need the tables.
func connect(path, synchronous string) (*file, error) {
	q := url.Values{"_pragma": {"journal_mode(WAL)", "synchronous(" + synchronous + ")", "busy_timeout(10000)"}, "_txlock": {"immediate"}}
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
		"INSERT INTO queue (id, counter, event) VALUES (?, ?, ?)":   &f.insert,
		"DELETE FROM queue WHERE id = ?":                            &f.remove,
		"UPDATE chain SET counter = ?, previous = ?":                &f.chain,
		"SELECT count(*) FROM queue WHERE id = ? AND set_aside = 0": &f.waits,
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

// insert puts an event at the end of the queue.
func (c change) insert(e *events.Event) error {
	text, err := pack(e)
	if err != nil {
		return err
	}
	_, err = c.Stmt(c.file.insert).Exec(e.ID[:], e.Chain.Counter, text)
	return err
}

// remove takes events out of the queue; those that are not in it are passed over.
func (c change) remove(ids ...events.ID) error {
	remove := c.Stmt(c.file.remove)
	for _, id := range ids {
		if _, err := remove.Exec(id[:]); err != nil {
			return err
		}
	}
	return nil
}

// setChain says what the device's next event must carry.
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

// pack writes an event as it stands in the queue.
func pack(e *events.Event) ([]byte, error) {
	m, err := events.Encode(e)
	if err != nil {
		return nil, err
	}
	return json.Marshal(m)
}

func unpack(text []byte) (*events.Event, error) {
	var m events.Message
	if err := json.Unmarshal(text, &m); err != nil {
		return nil, err
	}
	return events.Decode(m)
}
