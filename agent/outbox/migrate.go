package outbox

import (
	"context"
	_ "embed"
	"fmt"

	"github.com/carelog/carelog/events"
)

const (
	applicationID = 0x63_6c_6f_62 // "clob": carelog outbox
	schemaVersion = 5
)

var (
	//go:embed schema.sql
	schema string
	//go:embed queue.sql
	queueSchema string
)

// migrate makes the tables of a new file, and brings those of an older carelog to the
// form of this one: all of it, or nothing.
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
			return tx.create(practice, device)
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
		var err error
		switch version {
		case 1:
			err = tx.fromSchema1()
		case 2:
			err = tx.fromSchema2()
		case schemaVersion:
			return nil
		}
		if err == nil {
			err = tx.fromSchema4()
		}
		return err
	})
}

func (c change) create(practice, device string) error {
	if _, err := c.Exec(schema + queueSchema); err != nil {
		return fmt.Errorf("%w (%w)", ErrForeign, err)
	}
	if _, err := c.Exec("INSERT INTO chain (one, practice, device, counter, previous) VALUES (1, ?, ?, 1, zeroblob(32))", practice, device); err != nil {
		return err
	}
	_, err := c.Exec(fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d", applicationID, schemaVersion))
	return err
}

// fromSchema1 takes over a queue whose messages are JSON, those set aside among the
// others. What was discarded stays in the form that it has.
func (c change) fromSchema1() error {
	if _, err := c.Exec("DROP INDEX queue_by_counter; ALTER TABLE queue RENAME TO queue_1;" + queueSchema); err != nil {
		return err
	}
	rows, err := c.Query("SELECT event, attempts, last_error, set_aside FROM queue_1")
	if err != nil {
		return err
	}
	defer rows.Close()
	var list []Entry
	for rows.Next() {
		var text []byte
		var e Entry
		if err := rows.Scan(&text, &e.Attempts, &e.LastError, &e.SetAside); err != nil {
			return err
		}
		if e.Message, err = unpack(text); err != nil {
			return fmt.Errorf("%w (%w)", ErrDamaged, err)
		}
		list = append(list, e)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	for _, entry := range list {
		e, err := events.Decode(entry.Message)
		if err != nil {
			return fmt.Errorf("%w (%w)", ErrDamaged, err)
		}
		print := e.Fingerprint()
		if entry.SetAside {
			_, err = c.Exec("INSERT INTO aside (id, counter, fingerprint, attempts, reason, message) VALUES (?, ?, ?, ?, ?, ?)",
				e.ID[:], e.Chain.Counter, print[:], entry.Attempts, entry.LastError, frame(entry.Message))
		} else {
			_, err = c.Exec("INSERT INTO queue (counter, id, fingerprint, attempts, last_error, message) VALUES (?, ?, ?, ?, ?, ?)",
				e.Chain.Counter, e.ID[:], print[:], entry.Attempts, entry.LastError, frame(entry.Message))
		}
		if err != nil {
			return err
		}
	}
	_, err = c.Exec("DROP TABLE queue_1")
	return err
}

// fromSchema2 takes over a queue that knows no transactions.
func (c change) fromSchema2() error {
	_, err := c.Exec(`ALTER TABLE queue ADD COLUMN together BLOB NOT NULL DEFAULT x'';
		ALTER TABLE aside ADD COLUMN together BLOB NOT NULL DEFAULT x''`)
	return err
}

// fromSchema4 takes over keys of which nobody noted that they were refused. A program that
// knows no more than that would drop such a key, and one of schema 3 must not go on with the
// chain: it would not look at the last in the queue.
func (c change) fromSchema4() error {
	_, err := c.Exec(fmt.Sprintf("ALTER TABLE keys ADD COLUMN refused TEXT NOT NULL DEFAULT ''; PRAGMA user_version = %d", schemaVersion))
	return err
}
