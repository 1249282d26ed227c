package projections

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
)

// statement is a text that the writer prepares once. Statements are told apart by
// their address.
type statement struct{ text string }

var (
	begin    = &statement{"BEGIN IMMEDIATE"}
	commit   = &statement{"COMMIT"}
	rollback = &statement{"ROLLBACK"}
)

// writer is the one connection that changes the file. Its statements are not bound to
// a context: the driver would start a goroutine for each; a batch asks for itself.
type writer struct {
	pool     *sql.DB
	conn     *sql.Conn
	prepared map[*statement]*sql.Stmt
	changes  map[*statement]driver.StmtExecContext
	args     []driver.NamedValue // of the change under way
	held     []heldRows          // see hold
	holds    bool                // there are some
}

func openWriter(ctx context.Context, source string) (*writer, error) {
	pool, err := sql.Open("sqlite", source)
	if err != nil {
		return nil, err
	}
	pool.SetMaxOpenConns(1)
	conn, err := pool.Conn(ctx)
	if err != nil {
		return nil, errors.Join(err, pool.Close())
	}
	return &writer{
		pool: pool, conn: conn, prepared: make(map[*statement]*sql.Stmt), changes: make(map[*statement]driver.StmtExecContext),
	}, nil
}

func (w *writer) close() error {
	var errs []error
	for _, stmt := range w.prepared {
		errs = append(errs, stmt.Close())
	}
	for _, stmt := range w.changes {
		errs = append(errs, w.raw(func(driver.ConnPrepareContext) error { return stmt.(driver.Stmt).Close() }))
	}
	return errors.Join(append(errs, w.conn.Close(), w.pool.Close())...)
}

func (w *writer) stmt(st *statement) (*sql.Stmt, error) {
	if stmt := w.prepared[st]; stmt != nil {
		return stmt, nil
	}
	stmt, err := w.conn.PrepareContext(context.Background(), st.text)
	if err != nil {
		return nil, fmt.Errorf("prepare %q: %w", st.text, err)
	}
	w.prepared[st] = stmt
	return stmt, nil
}

// exec runs a change and returns how many rows it touched. It goes to the driver past
// database/sql, which would spend as much on a small change as a tenth of SQLite's own
// work.
func (w *writer) exec(st *statement, args ...any) (touched int64, err error) {
	if st == rollback {
		w.dropHeld()
	} else if err := w.writeHeld(); err != nil {
		return 0, err
	}
	if w.args, err = appendBound(w.args[:0], args); err != nil {
		return 0, fmt.Errorf("%q: %w", st.text, err)
	}
	result, err := w.run(st, w.args)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// appendBound appends values to those that are bound to a statement.
func appendBound(list []driver.NamedValue, values []any) ([]driver.NamedValue, error) {
	for _, value := range values {
		v, err := driver.DefaultParameterConverter.ConvertValue(value)
		if err != nil {
			return nil, fmt.Errorf("value %d: %w", len(list)+1, err)
		}
		list = append(list, driver.NamedValue{Ordinal: len(list) + 1, Value: v})
	}
	return list, nil
}

// run runs a change whose values are as the driver wants them.
func (w *writer) run(st *statement, args []driver.NamedValue) (result driver.Result, err error) {
	err = w.raw(func(conn driver.ConnPrepareContext) error {
		stmt := w.changes[st]
		if stmt == nil {
			made, err := conn.PrepareContext(context.Background(), st.text)
			if err != nil {
				return fmt.Errorf("prepare %q: %w", st.text, err)
			}
			stmt = made.(driver.StmtExecContext)
			w.changes[st] = stmt
		}
		result, err = stmt.ExecContext(context.Background(), args)
		return err
	})
	return result, err
}

// raw lends the driver's connection.
func (w *writer) raw(f func(driver.ConnPrepareContext) error) error {
	return w.conn.Raw(func(conn any) error { return f(conn.(driver.ConnPrepareContext)) })
}

// each calls f on every row of a question. f must not use the writer.
func (w *writer) each(st *statement, args []any, f func(scan func(...any) error) error) error {
	if err := w.writeHeld(); err != nil {
		return err
	}
	stmt, err := w.stmt(st)
	if err != nil {
		return err
	}
	rows, err := stmt.QueryContext(context.Background(), args...)
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

// first calls f on the first row of a question; false where there is none.
func (w *writer) first(st *statement, args []any, f func(scan func(...any) error) error) (found bool, err error) {
	err = w.each(st, args, func(scan func(...any) error) error {
		if found {
			return nil
		}
		found = true
		return f(scan)
	})
	return found, err
}

// one reads a single row; false where there is none.
func (w *writer) one(st *statement, args []any, into ...any) (found bool, err error) {
	return w.first(st, args, func(scan func(...any) error) error { return scan(into...) })
}

// inTransaction reports whether a transaction is open that should not be.
func (w *writer) inTransaction() bool {
	if _, err := w.conn.ExecContext(context.Background(), "BEGIN"); err != nil {
		return true
	}
	_, err := w.conn.ExecContext(context.Background(), "ROLLBACK")
	return err != nil
}
