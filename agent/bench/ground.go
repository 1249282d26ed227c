package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/nats-io/nats.go"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/enrolment"
	"github.com/carelog/carelog/broker"
	"github.com/carelog/carelog/events"
)

// ground is a broker and a folder for one subject.
type ground struct {
	Options
	dir    string
	server *broker.Server
	made   int // names given
}

func newGround(ctx context.Context, o Options) (*ground, error) {
	dir, err := os.MkdirTemp(o.Data, "carelog-bench-")
	if err != nil {
		return nil, err
	}
	g := &ground{Options: o, dir: dir}
	g.server, err = broker.Start(ctx, broker.ServerConfig{Data: filepath.Join(dir, "broker"), Port: broker.AnyPort})
	if err != nil {
		return nil, errors.Join(err, g.close())
	}
	return g, nil
}

func (g *ground) close() error {
	var err error
	if g.server != nil {
		err = g.server.Close()
	}
	return errors.Join(err, os.RemoveAll(g.dir))
}

// name gives a name that nothing else of the ground has.
func (g *ground) name(kind string) string {
	g.made++
	return fmt.Sprintf("%s-%d", kind, g.made)
}

// file is the path of a new file.
func (g *ground) file(kind string) string { return filepath.Join(g.dir, g.name(kind)) }

// practice adds a practice to the broker.
func (g *ground) practice(ctx context.Context) (enrolment.Sheet, error) {
	s := enrolment.Sheet{Practice: g.name("practice"), URLs: []string{g.server.URL()}, Secret: enrolment.NewSecret()}
	signing, err := s.Secret.AccountKey()
	if err != nil {
		return s, err
	}
	public, err := signing.PublicKey()
	if err != nil {
		return s, err
	}
	account, err := g.server.Operator().AddPractice(ctx, broker.AddPractice{ID: s.Practice, SigningKey: public})
	if err != nil {
		return s, err
	}
	s.Account = account.PublicKey
	return s, g.server.Provision(ctx)
}

// dial opens a plain connection to the streams of a practice, past all that a desk
// may not do.
func (g *ground) dial(s enrolment.Sheet) (*nats.Conn, error) {
	access, err := g.server.Operator().Access(s.Practice, s.URLs...)
	if err != nil {
		return nil, err
	}
	return nats.Connect(s.URLs[0], nats.UserJWTAndSeed(access.JWT, access.Seed))
}

// desk is a real desk, which runs or not.
type desk struct {
	*agent.Agent
	stop context.CancelFunc
	done chan error // nil while it does not run
}

// desk enrols a desk and opens it, without the server.
func (g *ground) desk(ctx context.Context, s enrolment.Sheet) (*desk, error) {
	e, err := s.Enrol(g.name("desk"), "A desk")
	if err != nil {
		return nil, err
	}
	a, err := agent.Open(ctx, agent.Config{Data: filepath.Join(g.dir, e.Device), Enrolment: e})
	if err != nil {
		return nil, err
	}
	return &desk{Agent: a}, nil
}

// greenDesk is a desk that runs and has everything.
func (g *ground) greenDesk(ctx context.Context, s enrolment.Sheet) (*desk, error) {
	d, err := g.desk(ctx, s)
	if err != nil {
		return nil, err
	}
	d.run(ctx)
	if err := d.Prove(ctx); err != nil {
		return nil, errors.Join(err, d.close())
	}
	return d, nil
}

// run runs the desk until close.
func (d *desk) run(ctx context.Context) {
	ctx, d.stop = context.WithCancel(ctx)
	d.done = make(chan error, 1)
	go func() { d.done <- d.Run(ctx) }()
}

// close ends the desk and closes its files.
func (d *desk) close() error {
	var err error
	if d.done != nil {
		d.stop()
		err = <-d.done
	}
	return errors.Join(err, d.Close())
}

// await waits until something holds of the desk; it is asked at every change.
func (d *desk) await(ctx context.Context, holds func() (bool, error)) error {
	for {
		changed := d.Changed()
		if ok, err := holds(); ok || err != nil {
			return err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// reach waits until the desk has read the log up to a place.
func (d *desk) reach(ctx context.Context, sequence uint64) error {
	return d.await(ctx, func() (bool, error) {
		position, _, err := d.Store().Position(ctx)
		return position.Sequence >= sequence, err
	})
}

// wire is the message of an event that a desk wrote, as it goes to the broker.
func (d *desk) wire(ctx context.Context, r events.Record, id events.ID) (events.Message, error) {
	v, err := d.Store().Version(ctx, r, id)
	if err != nil {
		return events.Message{}, err
	}
	return events.Encode(v.Event)
}
