package outbox

import (
	"context"
	"database/sql"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"sync"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/carelog/carelog/events"
)

const (
	applicationID = 0x63_6c_6f_62 // "clob": carelog outbox
	schemaVersion = 1
)

//go:embed schema.sql
var schema string

// Outbox is open until Close. Safe for use by several goroutines; writes follow one
// another.
type Outbox struct {
	path    string
	durable *sql.DB // one connection, synchronous FULL: what must survive a power cut
	relaxed *sql.DB // one connection, synchronous NORMAL: what may be done again after one

	mu    sync.Mutex // the chain and every write
	next  events.Chain
	count int // events that wait to be pushed
}

// Entry is an event in the queue.
type Entry struct {
	Event     *events.Event
	Attempts  int
	LastError string
	SetAside  bool
}

// ErrForeign says that the file belongs to another practice, device or program.
var ErrForeign = errors.New("this outbox is not of this device: give the agent its own data folder")

// ErrNewer says that a newer carelog wrote the file.
var ErrNewer = errors.New("this outbox was written by a newer carelog: update this one")

// ErrDamaged says that the file cannot be read as it should. It is left as it is.
var ErrDamaged = errors.New("the outbox is damaged: keep a copy of the file before anything else, it may hold what the server does not have")

// Open opens the outbox of a device, and makes it where there is none.
func Open(ctx context.Context, path, practice, device string) (*Outbox, error) {
	o := &Outbox{path: path}
	if err := o.open(ctx, practice, device); err != nil {
		var failed *sqlite.Error
		if errors.As(err, &failed) && (failed.Code()&0xff == sqlite3.SQLITE_CORRUPT || failed.Code()&0xff == sqlite3.SQLITE_NOTADB) {
			err = fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		return nil, errors.Join(fmt.Errorf("open outbox %s: %w", path, err), o.Close())
	}
	return o, nil
}

func (o *Outbox) open(ctx context.Context, practice, device string) (err error) {
	if o.durable, err = connect(o.path, "FULL"); err != nil {
		return err
	}
	if o.relaxed, err = connect(o.path, "NORMAL"); err != nil {
		return err
	}
	if err := o.migrate(ctx, practice, device); err != nil {
		return err
	}
	var ok string
	if err := o.durable.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&ok); err != nil {
		return err
	}
	if ok != "ok" {
		return fmt.Errorf("%w (%s)", ErrDamaged, ok)
	}
	return o.load(ctx)
}

func connect(path, synchronous string) (*sql.DB, error) {
	q := url.Values{"_pragma": {"journal_mode(WAL)", "synchronous(" + synchronous + ")", "busy_timeout(10000)"}, "_txlock": {"immediate"}}
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()+"?"+q.Encode())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	return db, nil
}

func (o *Outbox) migrate(ctx context.Context, practice, device string) error {
	return o.write(ctx, o.durable, func(tx *sql.Tx) error {
		var id, version int
		if err := tx.QueryRow("PRAGMA application_id").Scan(&id); err != nil {
			return err
		}
		if err := tx.QueryRow("PRAGMA user_version").Scan(&version); err != nil {
			return err
		}
		switch {
		case id == 0 && version == 0:
			if _, err := tx.Exec(schema); err != nil {
				return fmt.Errorf("%w (%w)", ErrForeign, err)
			}
			if _, err := tx.Exec("INSERT INTO chain (one, practice, device, counter, previous) VALUES (1, ?, ?, 1, zeroblob(32))", practice, device); err != nil {
				return err
			}
			_, err := tx.Exec(fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d", applicationID, schemaVersion))
			return err
		case id != applicationID:
			return ErrForeign
		case version > schemaVersion:
			return ErrNewer
		}
		var p, d string
		if err := tx.QueryRow("SELECT practice, device FROM chain").Scan(&p, &d); err != nil {
			return err
		}
		if p != practice || d != device {
			return fmt.Errorf("it is of device %s of practice %s: %w", d, p, ErrForeign)
		}
		return nil
	})
}

func (o *Outbox) load(ctx context.Context) error {
	var previous []byte
	err := o.durable.QueryRowContext(ctx, "SELECT counter, previous, (SELECT count(*) FROM queue WHERE set_aside = 0) FROM chain").
		Scan(&o.next.Counter, &previous, &o.count)
	if err != nil {
		return err
	}
	copy(o.next.Previous[:], previous)
	return nil
}

// Close closes the files. Nothing that was accepted is lost by not calling it.
func (o *Outbox) Close() error {
	var errs []error
	for _, db := range []*sql.DB{o.relaxed, o.durable} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	return errors.Join(errs...)
}

// Next is the chain that the device's next event must carry.
func (o *Outbox) Next() events.Chain {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.next
}

// Len is the number of events that wait to be pushed, without those set aside.
func (o *Outbox) Len() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.count
}

// Enqueue puts events at the end of the queue and of the chain, with the keys that
// were made for them: on disk when it returns, all or none.
func (o *Outbox) Enqueue(ctx context.Context, keys []events.WrappedKey, list ...*events.Event) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	next := o.next
	err := o.write(ctx, o.durable, func(tx *sql.Tx) error {
		for _, k := range keys {
			if _, err := tx.Exec("INSERT OR IGNORE INTO keys (name, wrapped) VALUES (?, ?)", k.Name(), k.Wrapped); err != nil {
				return err
			}
		}
		for _, e := range list {
			if e.Chain != next {
				return fmt.Errorf("event %s has number %d in the chain, not %d", e.ID, e.Chain.Counter, next.Counter)
			}
			if err := insert(tx, e); err != nil {
				return err
			}
			next = e.Follows()
		}
		return setChain(tx, next)
	})
	if err != nil {
		return fmt.Errorf("queue %d events: %w", len(list), err)
	}
	o.next = next
	o.count += len(list)
	return nil
}

// ErrNotLast says that an event cannot be withdrawn, since the chain went on after it.
var ErrNotLast = errors.New("it is not the last of this device's chain")

// Withdraw takes the last event out again, and the chain back to before it.
func (o *Outbox) Withdraw(ctx context.Context, e *events.Event) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.next != e.Follows() {
		return fmt.Errorf("withdraw event %s: %w", e.ID, ErrNotLast)
	}
	err := o.write(ctx, o.durable, func(tx *sql.Tx) error {
		if _, err := tx.Exec("DELETE FROM queue WHERE id = ?", e.ID[:]); err != nil {
			return err
		}
		return setChain(tx, e.Chain)
	})
	if err != nil {
		return fmt.Errorf("withdraw event %s: %w", e.ID, err)
	}
	o.next = e.Chain
	o.count--
	return nil
}

// Confirm removes events that the log has; those not in the queue are passed over.
// It does not wait for the disk: after a power cut an event may be back, and is then
// found in the log again.
func (o *Outbox) Confirm(ctx context.Context, ids ...events.ID) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	err := o.write(ctx, o.relaxed, func(tx *sql.Tx) error {
		for _, id := range ids {
			if _, err := tx.Exec("DELETE FROM queue WHERE id = ?", id[:]); err != nil {
				return err
			}
		}
		return tx.QueryRow("SELECT count(*) FROM queue WHERE set_aside = 0").Scan(&o.count)
	})
	if err != nil {
		return fmt.Errorf("confirm %d events: %w", len(ids), err)
	}
	return nil
}

// Pending returns up to limit events that wait to be pushed, in the order of the chain.
func (o *Outbox) Pending(ctx context.Context, limit int) ([]Entry, error) {
	return o.entries(ctx, "WHERE set_aside = 0 ORDER BY counter LIMIT ?", limit)
}

// All returns every event in the queue, those set aside included, in the order of the chain.
func (o *Outbox) All(ctx context.Context) ([]Entry, error) {
	return o.entries(ctx, "ORDER BY counter, set_aside")
}

// Entry returns one event of the queue, or ErrNotQueued.
func (o *Outbox) Entry(ctx context.Context, id events.ID) (Entry, error) {
	list, err := o.entries(ctx, "WHERE id = ?", id[:])
	if err == nil && len(list) == 0 {
		err = fmt.Errorf("event %s: %w", id, ErrNotQueued)
	}
	if err != nil {
		return Entry{}, err
	}
	return list[0], nil
}

// ErrNotQueued says that an event is not in the outbox.
var ErrNotQueued = errors.New("it is not in the outbox: the server has it, or it was never there")

func (o *Outbox) entries(ctx context.Context, where string, args ...any) ([]Entry, error) {
	rows, err := o.relaxed.QueryContext(ctx, "SELECT event, attempts, last_error, set_aside FROM queue "+where, args...)
	if err != nil {
		return nil, fmt.Errorf("read the outbox: %w", err)
	}
	defer rows.Close()
	var list []Entry
	for rows.Next() {
		var text []byte
		var e Entry
		if err := rows.Scan(&text, &e.Attempts, &e.LastError, &e.SetAside); err != nil {
			return nil, fmt.Errorf("read the outbox: %w", err)
		}
		if e.Event, err = unpack(text); err != nil {
			return nil, fmt.Errorf("read the outbox: %w", err)
		}
		list = append(list, e)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read the outbox: %w", err)
	}
	return list, nil
}

// Failed notes that pushing an event did not succeed, and why.
func (o *Outbox) Failed(ctx context.Context, id events.ID, cause error) error {
	return o.locked(ctx, o.relaxed, "note a failed push", func(tx *sql.Tx) error {
		_, err := tx.Exec("UPDATE queue SET attempts = attempts + 1, last_error = ? WHERE id = ?", cause.Error(), id[:])
		return err
	})
}

func (o *Outbox) locked(ctx context.Context, db *sql.DB, what string, f func(*sql.Tx) error) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := o.write(ctx, db, f); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

func (o *Outbox) write(ctx context.Context, db *sql.DB, f func(*sql.Tx) error) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := f(tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

func setChain(tx *sql.Tx, c events.Chain) error {
	_, err := tx.Exec("UPDATE chain SET counter = ?, previous = ?", c.Counter, c.Previous[:])
	return err
}

func insert(tx *sql.Tx, e *events.Event) error {
	text, err := pack(e)
	if err != nil {
		return err
	}
	_, err = tx.Exec("INSERT INTO queue (id, counter, event) VALUES (?, ?, ?)", e.ID[:], e.Chain.Counter, text)
	return err
}

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
