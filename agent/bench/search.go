package bench

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/fhir"
	"github.com/carelog/carelog/projections"
	"github.com/carelog/carelog/projections/fhirsearch"
)

// measureSearch is how long a desk that has the whole log takes for the questions that an
// EHR asks all day, by what the slowest hundredth of them take: the first page of what is
// found, with the resources opened. Beside each stands the reading of the same rows from a
// bare table of the same messages, each by its id. Before, the index of values is made, as
// after a first sync: what that costs for each event stands beside the reading of the rows.
// Then both files are read through once: they are pages that this PC has just written, and
// what a disk takes to bring back those that the system gave away meanwhile, to the other
// files of the bench, is a measure of the bench's own length.
func measureSearch(ctx context.Context, g *ground, report func(Figure) error) (err error) {
	d, err := g.reader(ctx, 0, agent.Config{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.close()) }()
	bare, err := g.openBareFile(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, bare.Close()) }()
	if err := g.measureIndex(ctx, d.Store(), bare, report); err != nil {
		return err
	}
	asked, err := questions(ctx, d.Store(), g.Samples)
	if err != nil {
		return err
	}
	bareFile, err := g.bareFile(ctx)
	if err != nil {
		return err
	}
	for _, file := range []string{filepath.Join(g.deskData(d.enrolment), agent.ProjectionFile), bareFile} {
		if err := readThrough(file); err != nil {
			return err
		}
	}
	for _, kind := range searches {
		ours, limit, err := clockPages(ctx, d.Store(), bare, asked[kind], len(asked[kind]))
		if err != nil {
			return fmt.Errorf("%s: %w", kind, err)
		}
		if err := report(inTime(kind, g.size, ours.quantile(0.99), limit.quantile(0.99), "the same rows of a bare table, each by its id; both files were read through before")); err != nil {
			return err
		}
	}
	return g.measureSearchDoor(ctx, d, asked, report)
}

// searches are the kinds of questions.
var searches = []string{"search-name", "search-identifier", "search-patient-code", "search-date"}

// measureSearchDoor asks the same at the FHIR door of the desk, over HTTP. Beside it stands the
// store's own search; the two take turns in being first, since the second finds the pages of
// the first in memory.
func (g *ground) measureSearchDoor(ctx context.Context, d *desk, asked map[string][]question, report func(Figure) error) (err error) {
	door, err := openDoorway(d, g.file("trail"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, door.close()) }()
	for _, kind := range searches {
		var ours, limit series
		for i, q := range asked[kind] {
			turns := []func() error{
				func() error {
					return ours.clock(func() error { _, err := door.ask(ctx, http.StatusOK, "GET", q.path, nil); return err })
				},
				func() error {
					return limit.clock(func() error { _, err := d.Store().Search(ctx, q.Query); return err })
				},
			}
			if err := errors.Join(turns[i%2](), turns[1-i%2]()); err != nil {
				return fmt.Errorf("door-%s: %w", kind, err)
			}
		}
		if err := report(inTime("door-"+kind, g.size, ours.quantile(0.99), limit.quantile(0.99), "the store's own search, in turns")); err != nil {
			return err
		}
	}
	return nil
}

// clockPages asks n times, each question in turn, and reads the rows of what was found from
// the bare table.
func clockPages(ctx context.Context, s *projections.Store, bare *sql.DB, asked []question, n int) (ours, limit series, err error) {
	for i := range n {
		var page projections.Page
		if err := ours.clock(func() (err error) {
			page, err = s.Search(ctx, asked[i%len(asked)].Query)
			return err
		}); err != nil {
			return nil, nil, err
		}
		if len(page.States) == 0 {
			return nil, nil, errors.New("nothing was found")
		}
		if err := limit.clock(func() error { return readRows(ctx, bare, page.States) }); err != nil {
			return nil, nil, err
		}
	}
	return ours, limit, nil
}

// measureIndex makes the index, and clocks it.
func (g *ground) measureIndex(ctx context.Context, s *projections.Store, bare *sql.DB, report func(Figure) error) error {
	var ours, limit series
	if err := ours.clock(func() error { return completeIndex(ctx, s) }); err != nil {
		return err
	}
	if err := limit.clock(func() error {
		rows, err := bare.QueryContext(ctx, "SELECT data FROM bare ORDER BY sequence")
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var data []byte
			if err := rows.Scan(&data); err != nil {
				return err
			}
		}
		return rows.Err()
	}); err != nil {
		return err
	}
	each := func(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) / float64(g.size) }
	return report(figure("search-values", g.size, each(ours[0]), each(limit[0]), "µs/event", "reading the bare rows"))
}

// completeIndex makes what of the index of values was left for later.
func completeIndex(ctx context.Context, s *projections.Store) error {
	const step = 500 // as the agent does
	for {
		at, err := s.Index(ctx, step)
		if err != nil || at.Complete() {
			return err
		}
	}
}

// openBareFile opens the bare table of the log for reading.
func (l *library) openBareFile(ctx context.Context) (*sql.DB, error) {
	path, err := l.bareFile(ctx)
	if err != nil {
		return nil, err
	}
	bare, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: path, RawQuery: "mode=ro"}).String())
	if err != nil {
		return nil, err
	}
	bare.SetMaxOpenConns(1)
	return bare, nil
}

// readThrough reads a file, so that the system has it in memory.
func readThrough(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, f)
	return errors.Join(err, f.Close())
}

// readRows reads rows of the bare table by their ids: those of all heads of records.
func readRows(ctx context.Context, bare *sql.DB, states []projections.State) error {
	for _, s := range states {
		for _, head := range s.Heads {
			var r row
			if err := bare.QueryRowContext(ctx, "SELECT id, subject, header, data FROM bare WHERE id = ?", head.Event.ID.String()).
				Scan(&r.id, &r.subject, &r.header, &r.data); err != nil {
				return fmt.Errorf("read %s from the bare table: %w", s.Record, err)
			}
		}
	}
	return nil
}

// questions draws what is asked from what is there: about as many of each kind as there
// are samples.
func questions(ctx context.Context, s *projections.Store, samples int) (map[string][]question, error) {
	asked := make(map[string][]question)
	patients, err := spread(ctx, s, "Patient", samples)
	if err != nil {
		return nil, err
	}
	for _, p := range patients {
		var body struct {
			Name []struct {
				Family string
				Given  []string
			}
			Identifier []struct{ System, Value string }
		}
		if err := json.Unmarshal(p.Shown.Body, &body); err != nil {
			return nil, err
		}
		if err := ask(asked, "search-name", "Patient", "name", body.Name[0].Family+" "+body.Name[0].Given[0]); err != nil {
			return nil, err
		}
		if len(body.Identifier) > 0 {
			if err := ask(asked, "search-identifier", "Patient", "identifier", body.Identifier[0].System+"|"+body.Identifier[0].Value); err != nil {
				return nil, err
			}
		}
		measured, err := s.Dossier(ctx, p.Record.ID, "Observation")
		if err != nil || len(measured) == 0 {
			continue
		}
		var of struct {
			Code struct {
				Coding []struct{ System, Code string }
			}
		}
		if err := json.Unmarshal(measured[0].Shown.Body, &of); err != nil {
			return nil, err
		}
		if err := ask(asked, "search-patient-code", "Observation", "patient", p.Record.ID, "code", of.Code.Coding[0].System+"|"+of.Code.Coding[0].Code); err != nil {
			return nil, err
		}
	}
	visits, err := spread(ctx, s, "Encounter", samples)
	if err != nil {
		return nil, err
	}
	for _, v := range visits {
		var body struct{ Period struct{ Start string } }
		if err := json.Unmarshal(v.Shown.Body, &body); err != nil {
			return nil, err
		}
		if err := ask(asked, "search-date", "Encounter", "date", body.Period.Start[:len(time.DateOnly)]); err != nil {
			return nil, err
		}
	}
	return asked, nil
}

// question is one of the store, and the same at the door.
type question struct {
	projections.Query
	path string // below the door's root
}

// ask adds a question of pairs of a parameter and its value.
func ask(asked map[string][]question, kind, typ string, pairs ...string) error {
	q := projections.Query{Type: typ, Limit: fhir.DefaultCount}
	values := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		c, known, err := fhirsearch.Parse(typ, pairs[i], pairs[i+1], time.Now())
		if err != nil || !known {
			return fmt.Errorf("ask for %s of %s: known %v: %w", pairs[i], typ, known, err)
		}
		q.Conditions = append(q.Conditions, c)
		values.Set(pairs[i], pairs[i+1])
	}
	asked[kind] = append(asked[kind], question{q, "/" + typ + "?" + values.Encode()})
	return nil
}

// spread is about n records of a type from all over.
func spread(ctx context.Context, s *projections.Store, typ string, n int) (list []projections.State, err error) {
	order, err := fhirsearch.ParseOrder(typ, fhirsearch.ParamID)
	if err != nil {
		return nil, err
	}
	total, err := s.Search(ctx, projections.Query{Type: typ, CountOnly: true})
	if err != nil {
		return nil, err
	}
	every := max(total.Total/n, 1)
	at := 0
	for q := (projections.Query{Type: typ, Order: order, Limit: projections.MaxLimit}); ; {
		page, err := s.Search(ctx, q)
		if err != nil {
			return nil, err
		}
		for _, state := range page.States {
			if at++; at%every == 0 {
				list = append(list, state)
			}
		}
		if q.After = page.Next; q.After == "" || len(list) >= n {
			return list, nil
		}
	}
}
