package projections

import (
	"bufio"
	"context"
	"encoding/hex"
	"fmt"
	"io"

	"github.com/carelog/carelog/events"
)

// Dump writes everything in the store as text, in an order that does not depend on how
// it came here, without arrivals and their times: two stores that took in the same
// entries give the same bytes.
func (s *Store) Dump(ctx context.Context, w io.Writer) error {
	out := bufio.NewWriter(w)
	err := s.view(ctx, "dump the record store", func(v *view) error {
		for _, part := range []func(io.Writer) error{v.dumpEvents, v.dumpStrays, v.dumpRecords, v.dumpRest} {
			if err := part(out); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return out.Flush()
}

func (v *view) dumpEvents(w io.Writer) error {
	return v.each("SELECT "+eventColumns+eventTables+"ORDER BY e.id", nil, func(scan func(...any) error) error {
		var r row
		if err := r.scan(v.practice, scan); err != nil {
			return err
		}
		m, err := events.Encode(r.event)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(w, "event %s at %d %x stored %d doubt %q %q subject %q header %x data %x\n",
			r.event.ID, r.sequence, bytesOf(r.hash), r.stored, r.doubt, r.reason, m.Subject, packHeader(m.Header), m.Data)
		return err
	})
}

func (v *view) dumpStrays(w io.Writer) error {
	err := v.each("SELECT "+strayColumns+" FROM stray ORDER BY fingerprint", nil, func(scan func(...any) error) error {
		var x stray
		if err := x.scan(scan); err != nil {
			return err
		}
		_, err := fmt.Fprintf(w, "stray %s %s id %x at %d %x stored %d doubt %q %q subject %q header %x data %x\n", x.fingerprint, x.kind, x.id,
			x.sequence, bytesOf(x.hash), x.stored, x.doubt, x.reason, x.message.Subject, packHeader(x.message.Header), x.message.Data)
		return err
	})
	if err != nil {
		return err
	}
	return v.dumpRows(w, "repeat", "SELECT sequence, hex(hash), stored, hex(fingerprint), hex(id) FROM repeat ORDER BY sequence", 5)
}

// dumpRecords names heads by their events, and what they are found by by the head.
func (v *view) dumpRecords(w io.Writer) error {
	for _, q := range []struct {
		name, sql string
		columns   int
	}{
		{"record", `SELECT r.type, r.id, r.heads, r.waiting, iif(r.heads, hex(r.shown_id), ''), iif(r.heads, d.patient, ''),
			iif(r.heads, r.deleted, 0), r.conflict, r.label, hex(r.terms) FROM record r LEFT JOIN dossier d ON d.key = r.dossier ORDER BY r.type, r.id`, 10},
		{"head", `SELECT r.type, r.id, hex(h.id), h.class, h.place, hex(h.content), d.patient, h.label, hex(h.terms) FROM head h
			JOIN record r ON r.key = h.record JOIN dossier d ON d.key = h.dossier ORDER BY h.id`, 9},
		{"waiting", "SELECT r.type, r.id, hex(w.parent) FROM waiting w JOIN record r ON r.key = w.record ORDER BY r.type, r.id, w.parent", 3},
		{"found", "SELECT hex(c.id), n.family, n.given, n.name, n.other FROM (" + carriers + ") c JOIN words n ON n.rowid = c.carrier ORDER BY c.id", 5},
		{"value", "SELECT r.type, r.id, v.label, hex(v.packed) FROM value v JOIN record r ON r.key = v.record ORDER BY r.type, r.id", 4},
		{"found by", "SELECT hex(f.key), r.type, r.id FROM found_by f JOIN record r ON r.key = f.record ORDER BY f.key, r.type, r.id", 3},
	} {
		if err := v.dumpRows(w, q.name, q.sql, q.columns); err != nil {
			return err
		}
	}
	return nil
}

// carriers says which head has which carrier.
const carriers = "SELECT shown_id AS id, carrier FROM record WHERE carrier <> 0 UNION ALL SELECT id, carrier FROM head WHERE carrier <> 0"

func (v *view) dumpRest(w io.Writer) error {
	for _, q := range []struct {
		name, sql string
		columns   int
	}{
		{"dossier", "SELECT patient, sequence FROM dossier WHERE sequence > 0 ORDER BY patient", 2},
		{"chain", "SELECT id, counter, hex(link), holes FROM device WHERE counter > 0 ORDER BY id", 4},
		{"fork", "SELECT v.id, f.counter FROM fork f JOIN device v ON v.key = f.device ORDER BY v.id, f.counter", 2},
		{"key", "SELECT patient, hex(id) FROM wrapped_key ORDER BY patient, id", 2},
		{"position", "SELECT practice, stream, sequence, hex(hash) FROM store", 4},
	} {
		if err := v.dumpRows(w, q.name, q.sql, q.columns); err != nil {
			return err
		}
	}
	return nil
}

// dumpRows writes what a question answers, a line each.
func (v *view) dumpRows(w io.Writer, name, sql string, columns int) error {
	values := make([]any, columns)
	into := make([]any, columns)
	for i := range values {
		into[i] = &values[i]
	}
	return v.each(sql, nil, func(scan func(...any) error) error {
		if err := scan(into...); err != nil {
			return err
		}
		if _, err := io.WriteString(w, name); err != nil {
			return err
		}
		for _, value := range values {
			if b, ok := value.([]byte); ok {
				value = hex.EncodeToString(b)
			}
			if _, err := fmt.Fprintf(w, " %q", fmt.Sprint(value)); err != nil {
				return err
			}
		}
		_, err := io.WriteString(w, "\n")
		return err
	})
}
