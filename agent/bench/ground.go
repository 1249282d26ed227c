package bench

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"

	"github.com/nats-io/nats.go"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/enrolment"
	"github.com/carelog/carelog/broker"
	"github.com/carelog/carelog/events"
)

// ground is a broker and a folder for one subject.
type ground struct {
	Options
	dir      string
	server   *process // the broker; nil while there is none
	operator *broker.Operator
	url      string // of the broker: the next one has the same, since enrolments name it
	made     int    // names given
	seeds    uint64

	*library // nil where no log is read
}

func newGround(ctx context.Context, o Options) (*ground, error) {
	dir, err := os.MkdirTemp(o.Data, "carelog-bench-")
	if err != nil {
		return nil, err
	}
	g := &ground{Options: o, dir: dir}
	if err := g.start(ctx); err != nil {
		return nil, errors.Join(err, g.close())
	}
	return g, nil
}

// brokerData is the folder of the broker.
func (g *ground) brokerData() string { return filepath.Join(g.dir, "broker") }

// operatorData is where the broker keeps the accounts.
func (g *ground) operatorData() string { return filepath.Join(g.brokerData(), "operator") }

// start starts the broker, in a process of its own as every practice has it: its index of
// the subjects is then no concern of a desk's collector of garbage.
func (g *ground) start(ctx context.Context) (err error) {
	port := strconv.Itoa(broker.AnyPort)
	if at, err := url.Parse(g.url); err != nil {
		return err
	} else if at.Port() != "" {
		port = at.Port()
	}
	var ready struct{ URL string }
	if g.server, err = g.begin(ctx, &ready, "broker", "--data="+g.brokerData(), "--port="+port, "--json"); err != nil {
		return err
	}
	g.url = ready.URL
	g.operator, err = broker.OpenOperator(g.operatorData())
	return err
}

// stop ends the broker, where there is one.
func (g *ground) stop() error {
	server := g.server
	if g.server = nil; server == nil {
		return nil
	}
	return server.end()
}

func (g *ground) close() error { return errors.Join(g.stop(), os.RemoveAll(g.dir)) }

// name gives a name that nothing else of the ground has.
func (g *ground) name(kind string) string {
	g.made++
	return fmt.Sprintf("%s-%d", kind, g.made)
}

// file is the path of a new file.
func (g *ground) file(kind string) string { return filepath.Join(g.dir, g.name(kind)) }

// practice adds a practice to the broker.
func (g *ground) practice(ctx context.Context) (enrolment.Sheet, error) {
	s := enrolment.Sheet{Practice: g.name("practice"), URLs: []string{g.url}, Secret: enrolment.NewSecret()}
	signing, err := s.Secret.AccountKey()
	if err != nil {
		return s, err
	}
	public, err := signing.PublicKey()
	if err != nil {
		return s, err
	}
	account, err := g.operator.AddPractice(ctx, broker.AddPractice{ID: s.Practice, SigningKey: public})
	if err != nil {
		return s, err
	}
	s.Account = account.PublicKey
	return s, g.operator.ProvisionAll(ctx, g.url, 1)
}

// dial opens a plain connection to the streams of a practice, past all that a desk
// may not do.
func (g *ground) dial(s enrolment.Sheet) (*nats.Conn, error) {
	access, err := g.operator.Access(s.Practice, s.URLs...)
	if err != nil {
		return nil, err
	}
	return dialAs(access, s.URLs[0])
}

func dialAs(access broker.Access, at string) (*nats.Conn, error) {
	return nats.Connect(at, nats.UserJWTAndSeed(access.JWT, access.Seed))
}

// desk is a real desk, which runs or not.
type desk struct {
	*agent.Agent
	enrolment enrolment.Enrolment
	stop      context.CancelFunc
	done      chan error // nil while it does not run
}

// desk enrols a desk and opens it, without the server. It reads the log itself: it
// neither makes a snapshot nor takes one.
func (g *ground) desk(ctx context.Context, s enrolment.Sheet) (*desk, error) {
	return g.newDesk(ctx, s, agent.Config{SnapshotEvery: -1})
}

// newDesk enrols a desk and opens it with a configuration that lacks data and enrolment.
func (g *ground) newDesk(ctx context.Context, s enrolment.Sheet, c agent.Config) (*desk, error) {
	e, err := s.Enrol(g.name("desk"), "A desk")
	if err != nil {
		return nil, err
	}
	c.Enrolment = e
	return g.open(ctx, c)
}

// open opens the desk of an enrolment, which may have been open before.
func (g *ground) open(ctx context.Context, c agent.Config) (*desk, error) {
	c.Data = g.deskData(c.Enrolment)
	a, err := agent.Open(ctx, c)
	if err != nil {
		return nil, err
	}
	return &desk{Agent: a, enrolment: c.Enrolment}, nil
}

// deskData is the folder of a desk.
func (g *ground) deskData(e enrolment.Enrolment) string { return filepath.Join(g.dir, e.Device) }

// discard closes a desk and removes its folder.
func (g *ground) discard(d *desk) error {
	return errors.Join(d.close(), os.RemoveAll(g.deskData(d.enrolment)))
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
		d.done = nil
	}
	return errors.Join(err, d.Close())
}

// queued is the error of a change that was to be sent and was not: its session had ended, and the light says why.
func (d *desk) queued(ctx context.Context, what string) error {
	is, failed := d.Status(ctx)
	return fmt.Errorf("%s was queued, though the light had been green; after it, it is %s: %s (%v)", what, is.Color, is.Reason, failed)
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
