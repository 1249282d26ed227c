package projections

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/carelog/carelog/events"
)

// questions are what a file is asked, whether it is also changed here (Store) or not
// (ReadOnly). A question sees one unchanging state.
type questions struct {
	path      string
	options   Options
	promised  atomic.Pointer[promise]
	asking    sync.RWMutex // read-held during a question, held while the file is replaced; taken after changing
	readers   *readers
	numbering numbering
	unread    *unread
}

// unread is why keys could not be read the last time; nil: they always could. A store shares it with those whose
// bodies are opened with its keys.
type unread struct{ atomic.Pointer[error] }

// since returns why keys could not be read since was was the last reason.
func (u *unread) since(was *error) error {
	if last := u.Load(); last != was {
		return *last
	}
	return nil
}

// promise is a change that nobody may miss.
type promise struct {
	done  <-chan struct{}
	hurry func() // nil: it is on its way
}

func (q *questions) explain(what string, err error) error { return explain(q.path, what, err) }

// Await waits for the change that was promised last (see Promise), as every question does.
func (s *Store) Await(ctx context.Context) error { return s.awaitPromised(ctx) }

// awaitPromised waits for the change that was promised last.
func (q *questions) awaitPromised(ctx context.Context) error {
	p := q.promised.Load()
	if p == nil {
		return nil
	}
	if p.hurry != nil {
		p.hurry()
	}
	select {
	case <-p.done:
		q.promised.CompareAndSwap(p, nil)
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// view runs f on one unchanging state.
func (q *questions) view(ctx context.Context, what string, f func(*view) error) error {
	return q.ask(ctx, ctx, what, f)
}

// glance is view for a question that a few rows answer which are found by their keys. It
// is over before anybody can have stopped waiting for it, and the driver has a goroutine
// for each statement that somebody might stop waiting for, which costs as much again.
func (q *questions) glance(ctx context.Context, what string, f func(*view) error) error {
	return q.ask(ctx, context.WithoutCancel(ctx), what, f)
}

// peek is glance for a question of one statement, which sees one state by itself.
func (q *questions) peek(ctx context.Context, what string, f func(*view) error) error {
	return q.lend(ctx, what, func(r *reader) error { return f(q.viewOf(context.WithoutCancel(ctx), r)) }, (*readers).lend)
}

// ask waits for a reader as long as ctx lasts, and for the rows as long as asking does.
func (q *questions) ask(ctx, asking context.Context, what string, f func(*view) error) error {
	return q.lend(ctx, what, func(r *reader) error { return f(q.viewOf(asking, r)) }, (*readers).ask)
}

// lend lends a reader, as one of the readers' methods does.
func (q *questions) lend(ctx context.Context, what string, f func(*reader) error, lend func(*readers, context.Context, func(*reader) error) error) error {
	if err := q.awaitPromised(ctx); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	q.asking.RLock()
	defer q.asking.RUnlock()
	unread := q.unread.Load()
	err := lend(q.readers, ctx, f)
	return q.explain(what, cmp.Or(err, q.unread.since(unread)))
}

func (q *questions) viewOf(ctx context.Context, r *reader) *view {
	return &view{ctx: ctx, reader: r, practice: q.options.Practice, opener: q.options.Opener, numbering: q.numbering}
}

// view is one unchanging state of the store, for the length of a question.
type view struct {
	ctx context.Context
	*reader
	practice string
	opener   func(*events.Event) ([]byte, error)
	numbering
}

// each calls f on every row of a question.
func (v *view) each(sql string, args []any, f func(scan func(...any) error) error) error {
	stmt, err := v.stmt(sql)
	if err != nil {
		return err
	}
	defer v.keep(sql, stmt)
	rows, err := stmt.QueryContext(v.ctx, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := f(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

// one reads a single row; false where there is none.
func (v *view) one(sql string, args []any, into ...any) (found bool, err error) {
	err = v.each(sql, args, func(scan func(...any) error) error {
		found = true
		return scan(into...)
	})
	return found, err
}
