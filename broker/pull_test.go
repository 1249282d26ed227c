package broker_test

import (
	"encoding/json"
	"slices"
	"strconv"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/carelog/carelog/broker"
)

// turns is a consumer that takes from the pulls under way by turns, as that of nats-server does.
type turns struct {
	t     *testing.T
	conn  *nats.Conn
	asked *nats.Subscription
	pulls []int // messages that each has left, the next one first
	most  int   // that were under way at once
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
		c.pulls, c.inbox = append(c.pulls, wish.Batch), m.Reply
	}
	under := 0
	for _, left := range c.pulls {
		under += left
	}
	c.most = max(c.most, under)
}

func (c *turns) send(m *nats.Msg) {
	c.t.Helper()
	m.Subject = c.inbox
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
	left := c.pulls[0] - 1
	if c.pulls = c.pulls[1:]; left > 0 {
		c.pulls = append(c.pulls, left)
	}
	c.send(&nats.Msg{Reply: "its.place"})
}

// expire ends one pull.
func (c *turns) expire(at int) {
	c.look()
	c.send(&nats.Msg{Header: nats.Header{"Status": {"408"}, "Nats-Pending-Messages": {strconv.Itoa(c.pulls[at])}}})
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
	p, err := broker.NewPuller(conn, "next.of.a.consumer")
	if err != nil {
		t.Fatal(err)
	}
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
