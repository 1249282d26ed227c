package behind

import (
	"cmp"
	"context"
	"fmt"
	"hash/maphash"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/light"
	"github.com/carelog/carelog/projections"
	"github.com/carelog/carelog/projections/sumehr"
	"github.com/carelog/carelog/projections/sumehr/standing"
)

// Desk is what the table needs of an agent.
type Desk interface {
	Status(ctx context.Context) (agent.Status, error)
	Outbox(ctx context.Context) ([]agent.Queued, error)
	Changed() <-chan struct{}
}

// Records is what the table needs of the store.
type Records interface {
	Dossiers
	Names(ctx context.Context, w projections.Want) ([]projections.Named, error)
	Listed(ctx context.Context, names []projections.Named) ([]projections.Listed, error)
	Conflicts(ctx context.Context) ([]projections.State, error)
	End(ctx context.Context) (projections.Mark, error)
	Changes(ctx context.Context, after projections.Mark, limit int) ([]projections.Change, error)
}

// Hub is what the table needs to know of the hub and of the tries to publish there.
type Hub interface {
	// State is what is known for a patient; it is asked for every row, and costs nothing.
	State(f standing.Facts) standing.Hub
}

// Config says what the table is made of.
type Config struct {
	Desk    Desk
	Records Records
	Hub     Hub              // nil: none is set up
	Now     func() time.Time // nil: time.Now; its time zone says when a day begins
	Logger  *slog.Logger     // nil: nobody hears of errors of Run
}

// Table is the patients who are wished a Sumehr on the hub, and how each stands. Its methods
// may be called by several goroutines.
type Table struct {
	desk    Desk
	records Records
	hub     Hub
	now     func() time.Time
	log     *slog.Logger
	seed    maphash.Seed
	behind  atomic.Int64
	reads   atomic.Int64                    // dossiers of asked patients, for the tests
	seen    atomic.Pointer[<-chan struct{}] // what Run has judged: what came before this is closed

	turn    chan struct{} // holds one: who has it may touch what is below
	after   projections.Mark
	started bool
	day     string
	asked   map[string]entry
	stale   map[string]bool // patients to be read again; true: there is a record that is about the wish
}

// entry is a patient of whom a record is about the wish, be it in force or not.
type entry struct {
	facts standing.Facts
	uses  []uint64 // hashes of the records that were read, and of those that were not there
}

// Row is a patient whose Sumehr on the hub is not the newest.
type Row struct {
	standing.Facts
	standing.Judgement
	Session bool // of the author with the hub, at this desk
}

// New returns an empty table. It reads and starts nothing.
func New(c Config) *Table {
	t := &Table{desk: c.Desk, records: c.Records, hub: c.Hub, now: c.Now, log: c.Logger, seed: maphash.MakeSeed(), turn: make(chan struct{}, 1)}
	if t.now == nil {
		t.now = time.Now
	}
	if t.log == nil {
		t.log = slog.New(slog.DiscardHandler)
	}
	t.forget()
	return t
}

func (t *Table) forget() {
	t.started, t.asked, t.stale = false, map[string]entry{}, map[string]bool{}
}

// Behind is how many patients are in the table, as they were judged last.
func (t *Table) Behind() int { return int(t.behind.Load()) }

// List is the table, by name and id of the patient, and how many are wished in all.
func (t *Table) List(ctx context.Context) (rows []Row, wished int, err error) {
	if err := t.lock(ctx); err != nil {
		return nil, 0, err
	}
	defer t.unlock()
	if err := t.catchUp(ctx); err != nil {
		return nil, 0, fmt.Errorf("list the Sumehrs that are behind: %w", err)
	}
	// After the records: of what is judged here, nothing that waits is missed.
	desk, queued, err := DeskNow(ctx, t.desk)
	if err != nil {
		return nil, 0, fmt.Errorf("list the Sumehrs that are behind: %w", err)
	}
	for _, e := range t.asked {
		if e.facts.Wished {
			wished++
		}
		if row := t.judge(e.facts, desk, queued); row.Reason != standing.Newest && row.Reason != standing.Off {
			rows = append(rows, row)
		}
	}
	slices.SortFunc(rows, func(a, b Row) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Patient, b.Patient)) })
	return rows, wished, nil
}

// Newest are the facts of those of whom the hub holds the newest, as far as the dossiers say.
func (t *Table) Newest(ctx context.Context) (list []standing.Facts, err error) {
	if err := t.lock(ctx); err != nil {
		return nil, err
	}
	defer t.unlock()
	if err := t.catchUp(ctx); err != nil {
		return nil, fmt.Errorf("list the Sumehrs that are the newest: %w", err)
	}
	for _, e := range t.asked {
		if e.facts.Wished && e.facts.Newest() {
			list = append(list, e.facts)
		}
	}
	return list, nil
}

// One is how a patient stands, whether or not anybody wishes a Sumehr.
func (t *Table) One(ctx context.Context, patient string) (Row, error) {
	records, _, err := Gather(ctx, t.records, patient, "")
	if err != nil {
		return Row{}, err
	}
	f := standing.Read(sumehr.Input{Patient: patient, Records: records, At: t.now()})
	desk, queued, err := DeskNow(ctx, t.desk)
	if err != nil {
		return Row{}, fmt.Errorf("judge the Sumehr of %s: %w", patient, err)
	}
	return t.judge(f, desk, queued), nil
}

func (t *Table) judge(f standing.Facts, desk standing.Desk, queued map[string]bool) Row {
	desk.Queued = queued[f.Patient]
	if t.hub != nil {
		desk.Hub = t.hub.State(f)
	}
	return Row{f, standing.Judge(f, desk), desk.Hub.Session}
}

// DeskNow is the state of a desk, and the patients of whom something waits to be sent; take
// it after the records that it is weighed with.
func DeskNow(ctx context.Context, d interface {
	Status(ctx context.Context) (agent.Status, error)
	Outbox(ctx context.Context) ([]agent.Queued, error)
}) (desk standing.Desk, queued map[string]bool, err error) {
	status, err := d.Status(ctx)
	if err != nil {
		return desk, nil, err
	}
	queue, err := d.Outbox(ctx)
	if err != nil {
		return desk, nil, err
	}
	queued = map[string]bool{}
	for _, q := range queue {
		queued[q.Patient] = true
	}
	return standing.Desk{Level: status.Color == light.Online && !status.Incomplete}, queued, nil
}

func (t *Table) lock(ctx context.Context) error {
	select {
	case t.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (t *Table) unlock() { <-t.turn }
