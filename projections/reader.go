package projections

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
)

// readerCount is how many questions are answered at once; more wait.
const readerCount = 6

// preparedCount bounds the statements that a reader keeps: a search can be worded in
// any number of ways.
const preparedCount = 64

// readers are the connections on which questions are asked. They are opened when they
// are first needed. The one that was used last is lent first: it has the pages in its
// memory by which the others are found, and its statements prepared.
type readers struct {
	pool   *sql.DB
	places chan struct{} // one is taken by each reader that is in use

	mu     sync.Mutex
	idle   []*reader // the one that was used last stands last
	closed bool
}

// reader is one of them, for one question at a time. Its statements are prepared once:
// that costs several times what nearly every answer does.
type reader struct {
	conn     *sql.Conn
	prepared map[string]*sql.Stmt // those that are not in use
}

// openReaders opens the first of them, so that what is wrong with the file is told now.
func openReaders(ctx context.Context, source string) (*readers, error) {
	p, err := newReaders(source)
	if err != nil {
		return nil, err
	}
	first, err := p.open(ctx)
	if err != nil {
		return nil, errors.Join(err, p.pool.Close())
	}
	p.idle = append(p.idle, first)
	return p, nil
}

// newReaders opens none of them.
func newReaders(source string) (*readers, error) {
	pool, err := sql.Open("sqlite", source)
	if err != nil {
		return nil, err
	}
	return &readers{pool: pool, places: make(chan struct{}, readerCount)}, nil
}

func (p *readers) open(ctx context.Context) (*reader, error) {
	conn, err := p.pool.Conn(ctx)
	if err != nil {
		return nil, err
	}
	return &reader{conn: conn, prepared: make(map[string]*sql.Stmt)}, nil
}

// lend lends a reader for one statement.
func (p *readers) lend(ctx context.Context, f func(*reader) error) error {
	r, err := p.take(ctx)
	if err != nil {
		return err
	}
	defer p.give(r)
	return f(r)
}

// ask lends a reader for one question, which sees one unchanging state.
func (p *readers) ask(ctx context.Context, f func(*reader) error) error {
	r, err := p.take(ctx)
	if err != nil {
		return err
	}
	defer func() { p.give(r) }()
	if err := r.exec("BEGIN"); err != nil {
		return err
	}
	defer func() {
		if r.exec("ROLLBACK") != nil { // a read has nothing to keep, but nobody can use this one again
			_ = r.close()
			r = nil
		}
	}()
	return f(r)
}

// take waits for a reader; it must be given back.
func (p *readers) take(ctx context.Context) (r *reader, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	select {
	case p.places <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	p.mu.Lock()
	closed := p.closed
	if n := len(p.idle); n > 0 {
		r, p.idle = p.idle[n-1], p.idle[:n-1]
	}
	p.mu.Unlock()
	switch {
	case closed:
		err = errClosed
	case r == nil:
		r, err = p.open(ctx)
	}
	if err != nil {
		p.give(r)
		return nil, err
	}
	return r, nil
}

// give takes a reader back, or closes it where the others were closed meanwhile. A nil one
// only leaves its place.
func (p *readers) give(r *reader) {
	p.mu.Lock()
	switch {
	case r == nil:
	case p.closed:
		_ = r.close() // nobody is there any more to be told
	default:
		p.idle = append(p.idle, r)
	}
	p.mu.Unlock()
	<-p.places
}

// close closes those that are not in use, and lets the others be closed after their
// question. It may be called again.
func (p *readers) close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	var errs []error
	for _, r := range p.idle {
		errs = append(errs, r.close())
	}
	p.idle = nil
	return errors.Join(append(errs, p.pool.Close())...)
}

func (r *reader) close() error {
	var errs []error
	for _, stmt := range r.prepared {
		errs = append(errs, stmt.Close())
	}
	return errors.Join(append(errs, r.conn.Close())...)
}

// Of what a reader keeps in memory, in the units of SQLite's cache_size: below 0 they are KiB.
const (
	readCache    = -16384
	passingCache = -1024
)

// inPassing runs f, which reads much of the file once: its pages do not stay. The first
// question after a change gives back every page that a reader keeps, one call of the system
// for each.
func (r *reader) inPassing(f func() error) (err error) {
	if err := r.exec(fmt.Sprintf("PRAGMA cache_size = %d", passingCache)); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.exec(fmt.Sprintf("PRAGMA cache_size = %d", readCache))) }()
	return f()
}

// exec runs a statement that gives no rows.
func (r *reader) exec(text string) error {
	stmt, err := r.stmt(text)
	if err != nil {
		return err
	}
	defer r.keep(text, stmt)
	_, err = stmt.ExecContext(context.Background())
	return err
}

// stmt prepares a text, or finds it prepared; keep takes it back. Until then it is in
// use: a question within a question, in the same words, has a statement of its own.
func (r *reader) stmt(text string) (*sql.Stmt, error) {
	if stmt := r.prepared[text]; stmt != nil {
		delete(r.prepared, text)
		return stmt, nil
	}
	stmt, err := r.conn.PrepareContext(context.Background(), text)
	if err != nil {
		return nil, fmt.Errorf("prepare %q: %w", text, err)
	}
	return stmt, nil
}

func (r *reader) keep(text string, stmt *sql.Stmt) {
	if r.prepared[text] != nil || len(r.prepared) >= preparedCount {
		_ = stmt.Close() // only its memory is at stake
		return
	}
	r.prepared[text] = stmt
}
