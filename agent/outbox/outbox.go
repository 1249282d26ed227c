package outbox

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
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
	durable *file // synchronous FULL: what must survive a power cut
	relaxed *file // synchronous NORMAL: what may be done again after one

	mu    sync.Mutex // the chain and every write
	next  events.Chain
	count int                  // events in the queue, without those set aside
	sent  map[events.ID]uint64 // those among them that the server acknowledged, with their places in the log
	// unsure says why nothing can be queued: a failed change could not be undone.
	unsure error
	failed []*events.Event // that are to be undone
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

// ErrDisk says that the disk did not take a change: it is full or does not work.
var ErrDisk = errors.New("this PC's disk is full, or does not work as it should: make room on it and try again")

// Open opens the outbox of a device, and makes it where there is none.
func Open(ctx context.Context, path, practice, device string) (*Outbox, error) {
	o := &Outbox{path: path, sent: make(map[events.ID]uint64)}
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
	if o.durable, err = connect(o.path, full); err != nil {
		return err
	}
	if o.relaxed, err = connect(o.path, normal); err != nil {
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
	if err := errors.Join(o.durable.prepare(ctx), o.relaxed.prepare(ctx)); err != nil {
		return err
	}
	return o.load(ctx)
}

func (o *Outbox) migrate(ctx context.Context, practice, device string) error {
	return o.durable.write(ctx, func(tx change) error {
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
	for _, f := range []*file{o.relaxed, o.durable} {
		if f != nil {
			errs = append(errs, f.Close())
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
	return o.count - len(o.sent)
}

// Enqueue puts events at the end of the queue and of the chain, with the keys that
// were made for them: on disk when it returns, all or none.
func (o *Outbox) Enqueue(ctx context.Context, keys []events.WrappedKey, list ...*events.Event) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.unsure != nil {
		if err := o.undo(ctx, o.failed); err != nil {
			return err
		}
	}
	next := o.next
	err := o.durable.write(ctx, func(tx change) error {
		for _, k := range keys {
			if _, err := tx.Exec("INSERT OR IGNORE INTO keys (name, wrapped) VALUES (?, ?)", k.Name(), k.Wrapped); err != nil {
				return err
			}
		}
		for _, e := range list {
			if e.Chain != next {
				return fmt.Errorf("event %s has number %d in the chain, not %d", e.ID, e.Chain.Counter, next.Counter)
			}
			if err := tx.insert(e); err != nil {
				return err
			}
			next = e.Follows()
		}
		return tx.setChain(next)
	})
	if err != nil {
		return errors.Join(fmt.Errorf("queue %d events: %w", len(list), err), o.undo(ctx, list))
	}
	o.next = next
	o.count += len(list)
	return nil
}

// undo makes sure that what failed did not happen after all. A commit whose answer
// was an error of the disk may stand in the file all the same, and its number in the
// chain must not be given twice.
func (o *Outbox) undo(ctx context.Context, list []*events.Event) error {
	ctx = context.WithoutCancel(ctx)
	err := o.durable.write(ctx, func(tx change) error {
		for _, e := range list {
			if err := tx.remove(e.ID); err != nil {
				return err
			}
		}
		return tx.setChain(o.next)
	})
	if err == nil {
		o.unsure, o.failed = nil, nil
		return nil
	}
	o.failed = list
	o.unsure = fmt.Errorf("it is not known what this outbox holds: make room on its disk, then start carelog again: %w", err)
	return o.unsure
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
	err := o.durable.write(ctx, func(tx change) error {
		if err := tx.remove(e.ID); err != nil {
			return err
		}
		return tx.setChain(e.Chain)
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
	return o.confirm(ctx, ids, nil)
}

// Pending returns up to limit events that wait to be pushed, in the order of the
// chain; all with a limit below 0.
func (o *Outbox) Pending(ctx context.Context, limit int) ([]Entry, error) {
	fetch := limit
	if limit >= 0 {
		o.mu.Lock()
		fetch += len(o.sent)
		o.mu.Unlock()
	}
	list, err := o.entries(ctx, "WHERE set_aside = 0 ORDER BY counter LIMIT ?", fetch)
	list = o.unsent(list)
	if limit >= 0 {
		list = list[:min(limit, len(list))]
	}
	return list, err
}

// All returns every event that the server does not have, those set aside included, in
// the order of the chain.
func (o *Outbox) All(ctx context.Context) ([]Entry, error) {
	list, err := o.entries(ctx, "ORDER BY counter, set_aside")
	return o.unsent(list), err
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
	return o.locked(ctx, o.relaxed, "note a failed push", func(tx change) error {
		_, err := tx.Exec("UPDATE queue SET attempts = attempts + 1, last_error = ? WHERE id = ?", cause.Error(), id[:])
		return err
	})
}

func (o *Outbox) locked(ctx context.Context, f *file, what string, do func(change) error) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := f.write(ctx, do); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}
