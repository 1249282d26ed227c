package publish

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/behind"
	"github.com/carelog/carelog/agent/hub"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
	"github.com/carelog/carelog/projections/sumehr"
	"github.com/carelog/carelog/projections/sumehr/standing"
)

// Desk is what the publisher needs of an agent.
type Desk interface {
	Status(ctx context.Context) (agent.Status, error)
	Outbox(ctx context.Context) ([]agent.Queued, error)
	Changed() <-chan struct{}
	// Alone lets do run while no other device does what name stands for.
	Alone(ctx context.Context, name string, do func(context.Context) error) error
	Prove(ctx context.Context) error
	Write(ctx context.Context, d agent.Draft) (agent.Written, error)
}

// Records is where the dossiers are read.
type Records interface {
	Dossier(ctx context.Context, patient string, types ...string) ([]projections.State, error)
	Record(ctx context.Context, r events.Record) (projections.State, error)
}

// Sessions are those with the hub of the authors who are logged in at this desk.
type Sessions interface {
	// Of is the session of an author, by the number at the national health insurance;
	// hub.ErrNoSession where there is none that holds. It is asked often, and answers at once.
	Of(ctx context.Context, author string) (hub.Security, error)
}

// Table is who is to be published; see package behind.
type Table interface {
	List(ctx context.Context) (rows []behind.Row, wished int, err error)
	// Newest are those of whom the hub holds the newest, as far as the dossiers say.
	Newest(ctx context.Context) ([]standing.Facts, error)
}

// Config says where is published, and how. All are required but those that say what they are
// where they are left out.
type Config struct {
	Desk     Desk
	Records  Records
	URL      string // of the hub
	Hub      sumehr.Hub
	HTTP     *http.Client // its timeout must be at most half of Lease
	Sessions Sessions
	Practice []byte // secret of the practice, by which it knows its own messages again
	Software string // name and version; empty: carelog
	// Quiet is how long a dossier rests before it is sent, and Gather how long at most it is
	// waited for; 0 means 10 s and 2 min.
	Quiet, Gather time.Duration
	// Retry is when a first failed try is made again, and Longest how far apart tries grow; 0
	// means 5 s and 15 min.
	Retry, Longest time.Duration
	// Jitter is a time of at most so long, at random; nil: one that nobody knows before.
	Jitter func(most time.Duration) time.Duration
	// Lease is how long the desk's lease lasts (agent.Config.Lease); 0 means a minute.
	Lease  time.Duration
	Now    func() time.Time // nil: time.Now
	Logger *slog.Logger     // nil: nobody hears
}

// Publisher publishes. Its methods may be called by several goroutines.
type Publisher struct {
	config Config
	turn   chan struct{} // holds one: who has it talks with the hub about what is to be there
	asked  chan struct{} // wakes Run: there may be work
	urgent atomic.Int32  // people who wait for their turn
	pollAt time.Time     // of Run alone

	mu       sync.Mutex
	patients map[string]*pending
	hub      outage
	leaseAt  time.Time            // when another desk may be done
	holder   string               // that desk
	firsts   map[string]time.Time // when a first version was sent of a patient; see secondLook
}

// New returns a publisher. It reads and starts nothing.
func New(c Config) *Publisher {
	c.Quiet, c.Gather = cmp.Or(c.Quiet, 10*time.Second), cmp.Or(c.Gather, 2*time.Minute)
	c.Retry, c.Longest = cmp.Or(c.Retry, 5*time.Second), cmp.Or(c.Longest, 15*time.Minute)
	c.Lease = cmp.Or(c.Lease, time.Minute)
	c.Software = cmp.Or(c.Software, "carelog")
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Jitter == nil {
		c.Jitter = func(most time.Duration) time.Duration { return rand.N(most + 1) }
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return &Publisher{config: c, turn: make(chan struct{}, 1), asked: make(chan struct{}, 1), patients: map[string]*pending{}, firsts: map[string]time.Time{}}
}

// State is what is known of the hub for a patient; see behind.Hub.
func (p *Publisher) State(f standing.Facts) standing.Hub {
	h := standing.Hub{SetUp: true, Session: p.session(f.Author) == nil}
	p.mu.Lock()
	defer p.mu.Unlock()
	one := p.patients[f.Patient]
	if one == nil || one.over(f) {
		one = &pending{}
	}
	h.Trouble, h.Detail, h.Next = one.trouble, one.detail, one.due()
	if p.hub.down() && !h.Next.IsZero() {
		h.Next = later(h.Next, p.hub.next)
	}
	switch {
	case p.hub.down() && (h.Trouble == "" || h.Trouble == standing.Unreachable):
		h.Trouble, h.Detail, h.Next = standing.Unreachable, p.hub.detail, later(h.Next, p.hub.next)
	case h.Trouble == "" && !h.Next.IsZero():
		h.Trouble = standing.Waiting
		if p.holder != "" {
			h.Next, h.Detail = later(h.Next, p.leaseAt), fmt.Sprintf("device %s publishes at this moment", p.holder)
		}
	}
	return h
}

func (p *Publisher) session(author string) error {
	_, err := p.config.Sessions.Of(context.Background(), author)
	return err
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// Status is how the hub does, as this desk met it.
func (p *Publisher) Status() agent.HubStatus {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := agent.HubStatus{URL: p.config.URL}
	if p.hub.down() {
		s.DownSince, s.Error, s.Next = p.hub.since, p.hub.detail, p.hub.next
	}
	return s
}
