package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/light"
	"github.com/carelog/carelog/broker"
)

// measureMemory is the most memory that a broker and a desk need, in processes of their
// own, while the desk does its first sync by reading the whole log. Beside them stand
// the broker and a bare reader into bare rows that do the same.
func measureMemory(ctx context.Context, g *ground, report func(Figure) error) (err error) {
	if own, err := HighWater(os.Getpid()); own == 0 || err != nil {
		return err // it cannot be known here
	}
	bare, err := g.highWaters(ctx, g.bareReading)
	if err != nil {
		return err
	}
	ours, err := g.highWaters(ctx, func(ctx context.Context) (int64, error) {
		return g.deskReading(ctx, func(remote) error { return nil })
	})
	if err != nil {
		return err
	}
	const mb = 1 << 20
	return errors.Join(
		report(figure("memory-broker", g.size, float64(ours.broker)/mb, float64(bare.broker)/mb, "MB", "the broker while a bare reader reads all")),
		report(figure("memory-desk", g.size, float64(ours.reader)/mb, float64(bare.reader)/mb, "MB", "a bare reader into bare rows")),
	)
}

// makings is how many snapshots are made while the broker's memory is looked at: from the
// third on each takes the place of an older one.
const makings = 4

// measureMaking is the most memory that a broker needs while a desk reads the whole log and
// then makes snapshots of it.
func measureMaking(ctx context.Context, g *ground, report func(Figure) error) error {
	if own, err := HighWater(os.Getpid()); own == 0 || err != nil {
		return err // it cannot be known here
	}
	bare, err := g.highWaters(ctx, g.bareReading)
	if err != nil {
		return err
	}
	ours, err := g.highWaters(ctx, func(ctx context.Context) (int64, error) {
		return g.deskReading(ctx, func(at remote) error {
			for range makings {
				if err := at.ask(ctx, http.MethodPost, "/api/snapshot", nil); err != nil {
					return err
				}
			}
			return nil
		})
	})
	if err != nil {
		return err
	}
	const mb = 1 << 20
	return report(figure("memory-making", g.size, float64(ours.broker)/mb, float64(bare.broker)/mb, "MB", "the broker while a bare reader reads all"))
}

type highWaters struct{ broker, reader int64 }

// highWaters starts the broker anew, lets somebody read the log, and asks both.
func (g *ground) highWaters(ctx context.Context, read func(context.Context) (int64, error)) (w highWaters, err error) {
	if err := errors.Join(g.stop(), g.start(ctx)); err != nil {
		return w, err
	}
	if w.reader, err = read(ctx); err != nil {
		return w, err
	}
	w.broker, err = g.server.highWater()
	return w, err
}

// deskReading is a new desk's first sync, and what it is asked to do then.
func (g *ground) deskReading(ctx context.Context, then func(remote) error) (highWater int64, err error) {
	e, err := g.sheet.Enrol(g.name("desk"), "A desk")
	if err != nil {
		return 0, err
	}
	secret := g.file("enrolment")
	if err := e.Save(secret); err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(g.deskData(e))) }()
	var at remote
	p, err := g.begin(ctx, &at, "agent", "--data", g.deskData(e), "--enrolment", secret, "--listen", "127.0.0.1:0",
		"--headless", "--snapshot-every=-1", "--json")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, p.end()) }()
	for {
		var s agent.Status
		if err := at.ask(ctx, http.MethodGet, "/api/status", &s); err != nil {
			return 0, err
		}
		if s.Color == light.Online && s.Position.Sequence >= uint64(g.size) {
			if err := then(at); err != nil {
				return 0, err
			}
			return p.highWater()
		}
		select {
		case <-time.After(lookEvery):
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		}
	}
}

// remote is where a desk in a process of its own is asked.
type remote struct{ URL, Token string }

// ask asks it, and reads the answer into a value; nil: it is not looked at.
func (d remote) ask(ctx context.Context, method, path string, value any) error {
	r, err := http.NewRequestWithContext(ctx, method, d.URL+path, nil)
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+d.Token)
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode >= http.StatusMultipleChoices {
		return fmt.Errorf("the desk at %s answers %s to %s %s", d.URL, answer.Status, method, path)
	}
	if value == nil {
		return nil
	}
	return json.NewDecoder(answer.Body).Decode(value)
}

// bareReading is a process that reads the log into bare rows.
func (g *ground) bareReading(ctx context.Context) (highWater int64, err error) {
	var said BareRead
	p, err := g.begin(ctx, &said, "bench", fmt.Sprint("--bare=", g.size), "--data", g.dir, "--bare-practice", g.sheet.Practice, "--bare-url", g.sheet.URLs[0])
	if err != nil {
		return 0, err
	}
	return said.HighWater, p.end()
}

// BareRead is what a bare reader in a process of its own says when it has read all.
type BareRead struct {
	Events    int   `json:"events"`
	HighWater int64 `json:"high_water"` // bytes
}

// ReadBare is that process: it reads n events of a practice, whose broker keeps its
// folder below data, into a bare table there.
func ReadBare(ctx context.Context, data, practice, at string, n int) (BareRead, error) {
	g := &ground{dir: data}
	operator, err := broker.OpenOperator(g.operatorData())
	if err != nil {
		return BareRead{}, err
	}
	access, err := operator.Access(practice, at)
	if err != nil {
		return BareRead{}, err
	}
	conn, err := dialAs(access, at)
	if err != nil {
		return BareRead{}, err
	}
	defer conn.Close()
	path := g.file(fmt.Sprint("bare-", os.Getpid()))
	table, err := openBare(path, normal)
	if err != nil {
		return BareRead{}, err
	}
	err = errors.Join(consume(ctx, conn, jetstream.OrderedConsumerConfig{}, n, table), table.close(), os.Remove(path))
	if err != nil {
		return BareRead{}, err
	}
	high, err := HighWater(os.Getpid())
	return BareRead{Events: n, HighWater: high}, err
}
