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
	ours, err := g.highWaters(ctx, g.deskReading)
	if err != nil {
		return err
	}
	const mb = 1 << 20
	return errors.Join(
		report(figure("memory-broker", g.size, float64(ours.broker)/mb, float64(bare.broker)/mb, "MB", "the broker while a bare reader reads all")),
		report(figure("memory-desk", g.size, float64(ours.reader)/mb, float64(bare.reader)/mb, "MB", "a bare reader into bare rows")),
	)
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

// deskReading is a new desk's first sync.
func (g *ground) deskReading(ctx context.Context) (highWater int64, err error) {
	e, err := g.sheet.Enrol(g.name("desk"), "A desk")
	if err != nil {
		return 0, err
	}
	secret := g.file("enrolment")
	if err := e.Save(secret); err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(g.deskData(e))) }()
	var at struct{ URL, Token string }
	p, err := g.begin(ctx, &at, "agent", "--data", g.deskData(e), "--enrolment", secret, "--listen", "127.0.0.1:0",
		"--headless", "--snapshot-every=-1", "--json")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, p.end()) }()
	for {
		s, err := statusOf(ctx, at.URL, at.Token)
		if err != nil {
			return 0, err
		}
		if s.Color == light.Online && s.Position.Sequence >= uint64(g.size) {
			return p.highWater()
		}
		select {
		case <-time.After(lookEvery):
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		}
	}
}

// statusOf asks a desk over its door.
func statusOf(ctx context.Context, at, token string) (s agent.Status, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, at+"/api/status", nil)
	if err != nil {
		return s, err
	}
	r.Header.Set("Authorization", "Bearer "+token)
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(r)
	if err != nil {
		return s, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return s, fmt.Errorf("the desk at %s answers %s", at, answer.Status)
	}
	return s, json.NewDecoder(answer.Body).Decode(&s)
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
