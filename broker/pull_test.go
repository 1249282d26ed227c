package broker_test

import (
	"encoding/json"
	"slices"
	"strconv"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/carelog/carelog/broker"
	"github.com/carelog/carelog/broker/brokertest"
	"github.com/carelog/carelog/broker/logtest"
)

// turns is a consumer that takes from the pulls under way by turns, as that of nats-server does.
type turns struct {
	t     *testing.T
	conn  *nats.Conn
	asked *nats.Subscription
	pulls []under // the next one first
	most  int     // messages that were under way at once
}

// under is a pull under way.
type under struct {
	left  int // messages
	inbox string
}

// look takes the pulls that came since.
func (c *turns) look() {
	c.t.Helper()
	if err := c.conn.Flush(); err != nil {
		c.t.Fatal(err)
	}
	for {
		n, _, err := c.asked.Pending()
		if err != nil {
			c.t.Fatal(err)
		}
		if n == 0 {
			break
		}
		m, err := c.asked.NextMsgWithContext(c.t.Context())
		if err != nil {
			c.t.Fatal(err)
		}
		var wish struct{ Batch int }
		if err := json.Unmarshal(m.Data, &wish); err != nil {
			c.t.Fatal(err)
		}
		c.pulls = append(c.pulls, under{wish.Batch, m.Reply})
	}
	sum := 0
	for _, p := range c.pulls {
		sum += p.left
	}
	c.most = max(c.most, sum)
}

func (c *turns) send(to under, m *nats.Msg) {
	c.t.Helper()
	m.Subject = to.inbox
	if err := c.conn.PublishMsg(m); err != nil {
		c.t.Fatal(err)
	}
}

// deliver sends one message.
func (c *turns) deliver() {
	c.look()
	if len(c.pulls) == 0 {
		c.t.Fatal("no pull is under way")
	}
	p := c.pulls[0]
	p.left--
	if c.pulls = c.pulls[1:]; p.left > 0 {
		c.pulls = append(c.pulls, p)
	}
	c.send(p, &nats.Msg{Reply: "its.place"})
}

// expire ends one pull.
func (c *turns) expire(at int) {
	c.look()
	p := c.pulls[at]
	c.send(p, &nats.Msg{Header: nats.Header{"Status": {"408"}, "Nats-Pending-Messages": {strconv.Itoa(p.left)}}})
	c.pulls = slices.Delete(c.pulls, at, at+1)
}

// The server takes from several pulls by turns, and one of them ends by the clock: more than may be under way is not asked for.
func TestPullsThatAreServedByTurns(t *testing.T) {
	s, err := server.NewServer(&server.Options{DontListen: true, NoSigs: true, NoLog: true})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	defer func() { s.Shutdown(); s.WaitForShutdown() }()
	conn, err := nats.Connect("", nats.InProcessServer(s))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	c := &turns{t: t, conn: conn}
	if c.asked, err = conn.SubscribeSync("next.of.a.consumer"); err != nil {
		t.Fatal(err)
	}
	p := broker.NewPuller(conn, "next.of.a.consumer")
	defer p.Stop()
	next := func() {
		t.Helper()
		if _, err := p.Next(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Ask(); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		for range broker.PullMessages {
			c.deliver()
			next()
		}
		for range 2 {
			c.expire(0)
			c.deliver()
			next()
		}
	}
	if c.look(); c.most > broker.PullMessages {
		t.Errorf("%d messages were under way, of %d that may be", c.most, broker.PullMessages)
	}
}

// The server ends a pull whose bytes are used up to the last one without a word: more is asked for all the same.
func TestAPullWhoseBytesAreUsedUpIsOver(t *testing.T) {
	l := brokertest.Start(t).Device("desk-1").Connect()
	for range 4 {
		if _, err := l.Append(t.Context(), logtest.Event(t, "pat-1", "Condition/c-1")); err != nil {
			t.Fatal(err)
		}
	}
	read := func(bytes int) (sizes []int) {
		t.Helper()
		p, err := l.Pull(t.Context(), bytes)
		if err != nil {
			t.Fatal(err)
		}
		defer p.Stop()
		for range 4 {
			m, err := p.Next(t.Context())
			if err != nil {
				t.Fatalf("%v after %d messages of 4", err, len(sizes))
			}
			sizes = append(sizes, m.Size())
		}
		return sizes
	}
	sizes := read(1 << 20)
	read(sizes[0] + sizes[1] + sizes[2])
}
