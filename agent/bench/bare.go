package bench

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"strings"

	_ "modernc.org/sqlite" // the driver of every store here

	"github.com/carelog/carelog/events"
)

// Values of SQLite's pragma synchronous.
const (
	full   = "FULL"   // a commit waits for the disk
	normal = "NORMAL" // a commit is in the WAL, and on the disk at the next checkpoint
)

// bareTable is the least that can keep a message: a row, found by its id.
type bareTable struct {
	db     *sql.DB
	insert *sql.Stmt
}

// openBare makes a file with one table, by the driver and with the settings of ours.
func openBare(path, synchronous string) (*bareTable, error) {
	pragmas := []string{"page_size(4096)", "journal_mode(WAL)", "synchronous(" + synchronous + ")", "cache_size(-16384)",
		"wal_autocheckpoint(20000)", "journal_size_limit(67108864)"}
	if synchronous == normal { // the copy of the log has larger pages than the outbox
		pragmas[0], pragmas[4] = "page_size(8192)", "wal_autocheckpoint(10000)"
	}
	source := (&url.URL{Scheme: "file", Path: path, RawQuery: url.Values{"_pragma": pragmas}.Encode()}).String()
	db, err := sql.Open("sqlite", source)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	b := &bareTable{db: db}
	_, err = db.Exec("CREATE TABLE bare (sequence INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, subject TEXT NOT NULL, header TEXT NOT NULL, data BLOB NOT NULL) STRICT")
	if err == nil {
		b.insert, err = db.Prepare("INSERT INTO bare (id, subject, header, data) VALUES (?, ?, ?, ?)")
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make a bare table: %w", err), b.close())
	}
	return b, nil
}

func (b *bareTable) close() error {
	var err error
	if b.insert != nil {
		err = b.insert.Close()
	}
	return errors.Join(err, b.db.Close())
}

// row is a message in the form in which a bare table keeps it.
type row struct {
	id, subject, header string
	data                []byte
}

// rowOf writes the headers as they are on the wire.
func rowOf(subject string, header map[string][]string, data []byte) row {
	var b strings.Builder
	for name, values := range header {
		for _, value := range values {
			b.WriteString(name)
			b.WriteString(": ")
			b.WriteString(value)
			b.WriteString("\r\n")
		}
	}
	id, _ := events.Message{Header: header}.Peek()
	return row{id, subject, b.String(), data}
}

func rowOfMessage(m events.Message) row { return rowOf(m.Subject, m.Header, m.Data) }

// add inserts rows in one transaction.
func (b *bareTable) add(rows ...row) error {
	tx, err := b.db.BeginTx(context.Background(), nil)
	if err != nil {
		return err
	}
	insert := tx.Stmt(b.insert)
	for _, r := range rows {
		if _, err := insert.Exec(r.id, r.subject, r.header, r.data); err != nil {
			return errors.Join(err, tx.Rollback())
		}
	}
	return tx.Commit()
}

// addOne inserts a row that is a transaction of its own.
func (b *bareTable) addOne(r row) error {
	_, err := b.insert.Exec(r.id, r.subject, r.header, r.data)
	return err
}

// readAll reads every row; there must be n.
func (b *bareTable) readAll(n int) error {
	rows, err := b.db.Query("SELECT id, subject, header, data FROM bare")
	if err != nil {
		return err
	}
	defer rows.Close()
	for ; rows.Next(); n-- {
		var r row
		if err := rows.Scan(&r.id, &r.subject, &r.header, &r.data); err != nil {
			return err
		}
	}
	if n != 0 && rows.Err() == nil {
		return fmt.Errorf("%d bare rows are missing", n)
	}
	return rows.Err()
}

// wait makes every commit from here on wait for the disk.
func (b *bareTable) wait() error {
	_, err := b.db.Exec("PRAGMA synchronous = " + full)
	return err
}

// replaceAll puts one row in the place of all others.
func (b *bareTable) replaceAll(r row) error {
	tx, err := b.db.Begin()
	if err != nil {
		return err
	}
	if _, err := tx.Exec("DELETE FROM bare"); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	if _, err := tx.Stmt(b.insert).Exec(r.id, r.subject, r.header, r.data); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}
