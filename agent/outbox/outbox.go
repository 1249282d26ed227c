package outbox

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"sync"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/internal/localdisk"
)

// Outbox is open until Close. Safe for use by several goroutines; writes follow one
// another.
type Outbox struct {
	path    string
	durable *file // synchronous FULL: what must survive a power cut
	relaxed *file // synchronous NORMAL: what may be done again after one

	mu     sync.Mutex // the chain and every write
	next   events.Chain
	count  int                         // events in the queue
	aside  map[events.ID]events.Digest // fingerprints of those that were set aside
	sent   map[uint64]uint64           // places in the log of those in the queue that the server acknowledged, by counter
	sentTo uint64                      // counter up to which everything was acknowledged
	gone   uint64                      // highest counter that was confirmed, or tried to be, since the file was opened
	keyed  bool                        // keys came in since TakeKeyed
	barred map[string]string           // why the server refused keys, by their names
	// settle finds out what a change that failed has left; nil: nothing is in doubt.
	settle func(context.Context) error
}

// Entry is an event in the queue, or one that was set aside.
type Entry struct {
	ID        events.ID
	Counter   uint64         // in the device's chain
	Message   events.Message // as it goes to the broker
	Attempts  int
	LastError string
	SetAside  bool
	Together  events.ID // of the first event of the transaction that it is a part of; zero: it stands alone
}

// Event reads the event of an entry.
func (e Entry) Event() (*events.Event, error) {
	event, err := events.Decode(e.Message)
	if err != nil {
		return nil, fmt.Errorf("read the outbox: %w", err)
	}
	return event, nil
}

// Events reads the events of entries.
func Events(list []Entry) ([]*events.Event, error) {
	all := make([]*events.Event, len(list))
	for i, entry := range list {
		var err error
		if all[i], err = entry.Event(); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// ErrForeign says that the file belongs to another practice, device or program.
var ErrForeign = errors.New("this outbox is not of this device: give the agent its own data folder")

// ErrNewer says that a newer carelog wrote the file.
var ErrNewer = errors.New("this outbox was written by a newer carelog: update this one")

// ErrDamaged says that the file cannot be read as it should. It is left as it is.
var ErrDamaged = errors.New("the outbox is damaged: keep a copy of the file before anything else, it may hold what the server does not have; " +
	"then move outbox.db, outbox.db-wal and outbox.db-shm out of the folder and start the desk again: it puts back what record.db has of it, and says how much")

// ErrDisk says that the disk did not take a change: it is full or does not work.
var ErrDisk = errors.New("this PC's disk is full, or does not work as it should: make room on it and try again")

// Open opens the outbox of a device, and makes it where there is none.
func Open(ctx context.Context, path, practice, device string) (*Outbox, error) {
	o := &Outbox{path: path, sent: make(map[uint64]uint64)}
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
	if err := localdisk.Private(o.path); err != nil {
		return err
	}
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
	if err := o.load(ctx); err != nil {
		return err
	}
	_ = makeRoom(o.path) // without it commits are slower, and a full disk is told of by the first of them
	return nil
}

// load learns what the file holds.
func (o *Outbox) load(ctx context.Context) error {
	var previous, last []byte
	var next events.Chain
	var count int
	if err := o.durable.QueryRowContext(ctx, `SELECT counter, previous, (SELECT count(*) FROM queue),
		(SELECT message FROM queue WHERE queue.counter >= chain.counter ORDER BY queue.counter DESC LIMIT 1) FROM chain`).
		Scan(&next.Counter, &previous, &count, &last); err != nil {
		return err
	}
	copy(next.Previous[:], previous)
	if last != nil {
		m, err := unframe(last)
		if err != nil {
			return fmt.Errorf("%w (%w)", ErrDamaged, err)
		}
		e, err := events.Decode(m)
		if err != nil {
			return fmt.Errorf("%w (%w)", ErrDamaged, err)
		}
		next = e.Follows()
	}
	aside, err := o.refused(ctx)
	if err != nil {
		return err
	}
	barred, err := o.refusedKeys(ctx)
	if err != nil {
		return err
	}
	o.next, o.count, o.aside, o.barred = next, count, aside, barred
	return nil
}

// refused learns what was set aside.
func (o *Outbox) refused(ctx context.Context) (map[events.ID]events.Digest, error) {
	rows, err := o.relaxed.QueryContext(ctx, "SELECT id, fingerprint FROM aside")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	list := make(map[events.ID]events.Digest)
	for rows.Next() {
		var id, print sql.RawBytes
		if err := rows.Scan(&id, &print); err != nil {
			return nil, err
		}
		if len(id) != len(events.ID{}) || len(print) != len(events.Digest{}) {
			return nil, ErrDamaged
		}
		list[events.ID(id)] = events.Digest(print)
	}
	return list, rows.Err()
}

// waiting returns the fingerprints of what stands in the queue from one place in the
// chain to another, by place.
func (o *Outbox) waiting(ctx context.Context, from, to uint64) (map[uint64]events.Digest, error) {
	rows, err := o.relaxed.between.QueryContext(ctx, from, to)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	list := make(map[uint64]events.Digest)
	for rows.Next() {
		var counter uint64
		var print sql.RawBytes
		if err := rows.Scan(&counter, &print); err != nil {
			return nil, err
		}
		if len(print) != len(events.Digest{}) {
			return nil, fmt.Errorf("number %d: %w", counter, ErrDamaged)
		}
		list[counter] = events.Digest(print)
	}
	return list, rows.Err()
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

// Len is the number of events that wait to be pushed, without those set aside or
// acknowledged.
func (o *Outbox) Len() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.count - len(o.sent)
}

// Enqueue puts events at the end of the queue and of the chain, with the keys that
// were made for them: on disk when it returns, all or none.
func (o *Outbox) Enqueue(ctx context.Context, keys []events.WrappedKey, list ...*events.Event) error {
	return o.enqueue(ctx, keys, list, false)
}

func (o *Outbox) enqueue(ctx context.Context, keys []events.WrappedKey, list []*events.Event, together bool) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	next := o.next
	for _, e := range list {
		if e.Chain != next {
			return fmt.Errorf("queue %d events: event %s has number %d in the chain, not %d", len(list), e.ID, e.Chain.Counter, next.Counter)
		}
		next = e.Follows()
	}
	o.keyed = o.keyed || len(keys) > 0 // whoever sees the events must see that there are keys
	write := func(ctx context.Context) error {
		return o.durable.write(ctx, func(tx change) error { return tx.enqueue(keys, list, together) })
	}
	if len(keys) == 0 && len(list) == 1 {
		write = func(context.Context) error { return o.durable.add(list[0]) }
	}
	if err := o.attempt(ctx, fmt.Sprintf("queue %d events", len(list)), o.undo, write); err != nil {
		return err
	}
	o.next = next
	o.count += len(list)
	return nil
}

func (c change) enqueue(keys []events.WrappedKey, list []*events.Event, together bool) error {
	for _, k := range keys {
		if _, err := c.Exec("INSERT OR IGNORE INTO keys (name, wrapped) VALUES (?, ?)", k.Name(), k.Wrapped); err != nil {
			return err
		}
	}
	for _, e := range list {
		if err := c.insert(e); err != nil {
			return err
		}
	}
	if !together {
		return nil
	}
	return c.join(list[0].ID, list[0].Chain.Counter, list[len(list)-1].Chain.Counter)
}

// undo makes sure that what failed did not happen after all. A commit whose answer
// was an error of the disk may stand in the file all the same, and its number in the
// chain must not be given twice.
func (o *Outbox) undo(ctx context.Context) error {
	err := o.durable.write(ctx, func(tx change) error {
		if _, err := tx.remove(o.next.Counter, math.MaxInt64); err != nil {
			return err
		}
		return tx.setChain(o.next)
	})
	if err != nil {
		return fmt.Errorf("it is not known what this outbox holds: make room on its disk; it is found out before the next change: %w", err)
	}
	return nil
}

// change makes a change in one transaction, with mu held.
func (o *Outbox) change(ctx context.Context, f *file, what string, settle func(context.Context) error, do func(change) error) error {
	return o.attempt(ctx, what, settle, func(ctx context.Context) error { return f.write(ctx, do) })
}

// attempt writes to the file, with mu held. Where that fails, settle finds out what the
// file holds then; until it has, nothing else is changed.
func (o *Outbox) attempt(ctx context.Context, what string, settle, write func(context.Context) error) error {
	if o.settle != nil {
		if err := o.settle(context.WithoutCancel(ctx)); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		o.settle = nil
	}
	err := write(ctx)
	if err == nil {
		return nil
	}
	err = fmt.Errorf("%s: %w", what, err)
	if failed := settle(context.WithoutCancel(ctx)); failed != nil {
		o.settle = settle
		return errors.Join(err, failed)
	}
	return err
}

// ErrNotLast says that an event cannot be withdrawn, since the chain went on after it.
var ErrNotLast = errors.New("it is not the last of this device's chain")

// Withdraw takes the last events out again, one after the other in the chain, and the
// chain back to before them.
func (o *Outbox) Withdraw(ctx context.Context, list ...*events.Event) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	first, last := list[0], list[len(list)-1]
	if o.next != last.Follows() {
		return fmt.Errorf("withdraw event %s: %w", last.ID, ErrNotLast)
	}
	err := o.change(ctx, o.durable, "withdraw event "+first.ID.String(), o.load, func(tx change) error {
		if _, err := tx.remove(first.Chain.Counter, last.Chain.Counter); err != nil {
			return err
		}
		return tx.setChain(first.Chain)
	})
	if err != nil {
		return err
	}
	o.next = first.Chain
	o.count -= len(list)
	return nil
}

const (
	columns      = "counter, id, message, together, attempts, last_error, 0 AS set_aside FROM queue"
	asideColumns = "counter, id, message, together, attempts, reason, 1 FROM aside"
)

// Pending returns up to limit events that wait to be pushed and come after a place in
// the chain, in its order; all with a limit below 0. Where the last of them is of a
// transaction, the rest of that comes as well.
func (o *Outbox) Pending(ctx context.Context, after uint64, limit int) ([]Entry, error) {
	list, err := o.entries(ctx, "SELECT "+columns+" WHERE counter > ? ORDER BY counter LIMIT ?", max(after, o.acknowledged()), limit)
	if err != nil || len(list) == 0 || list[len(list)-1].Together.IsZero() {
		return list, err
	}
	last := list[len(list)-1]
	rest, err := o.entries(ctx, "SELECT "+columns+" WHERE counter > ? AND together = ? ORDER BY counter", last.Counter, last.Together[:])
	return append(list, rest...), err
}

// All returns every event that the server does not have, those set aside included, in
// the order of the chain.
func (o *Outbox) All(ctx context.Context) ([]Entry, error) {
	return o.entries(ctx, "SELECT "+columns+" WHERE counter > ? UNION ALL SELECT "+asideColumns+" ORDER BY counter, set_aside", o.acknowledged())
}

// acknowledged is the place in the chain up to which the server has acknowledged all.
func (o *Outbox) acknowledged() uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.sentTo
}

// ErrNotQueued says that an event is not in the outbox.
var ErrNotQueued = errors.New("it is not in the outbox: the server has it, or it was never there")

func (o *Outbox) entries(ctx context.Context, query string, args ...any) ([]Entry, error) {
	rows, err := o.relaxed.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("read the outbox: %w", err)
	}
	defer rows.Close()
	var list []Entry
	for rows.Next() {
		var id, text, together []byte
		var e Entry
		if err := rows.Scan(&e.Counter, &id, &text, &together, &e.Attempts, &e.LastError, &e.SetAside); err != nil {
			return nil, fmt.Errorf("read the outbox: %w", err)
		}
		if copy(e.ID[:], id) != len(e.ID) || copy(e.Together[:], together)%len(e.Together) != 0 {
			return nil, fmt.Errorf("read the outbox: number %d: %w", e.Counter, ErrDamaged)
		}
		if e.Message, err = unframe(text); err != nil {
			return nil, fmt.Errorf("read the outbox: number %d: %w", e.Counter, err)
		}
		list = append(list, e)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read the outbox: %w", err)
	}
	return list, nil
}

// Failed notes that pushing what stands from one place in the chain to another did
// not succeed, and why.
func (o *Outbox) Failed(ctx context.Context, from, to uint64, cause error) error {
	return o.locked(ctx, o.relaxed, "note a failed push", func(tx change) error {
		_, err := tx.Exec("UPDATE queue SET attempts = attempts + 1, last_error = ? WHERE counter BETWEEN ? AND ?", cause.Error(), from, to)
		return err
	})
}

func (o *Outbox) locked(ctx context.Context, f *file, what string, do func(change) error) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.change(ctx, f, what, o.load, do)
}
