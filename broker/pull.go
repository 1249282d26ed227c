package broker

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
)

// Bounds of what a consumer is asked for. What is under way to a reader is bounded by bytes as well as by
// number, since a message can have up to 1 MiB. All of it is ahead of every answer and of
// the signs of life: on a line of 1 Mbit/s, 1 MiB for 8 seconds.
const (
	pullMessages  = 1000
	pullBytes     = 5 << 18
	pullExpiry    = 30 * time.Second
	pullHeartbeat = 5 * time.Second
	pullSilence   = 2 * pullHeartbeat // without a sign of life there is no pull any more
	pullWords     = 256               // room for what the server says of pulls, beside messages
)

// puller asks a consumer for messages, so that always some are under way and never more than its window lets.
type puller struct {
	conn    *nats.Conn
	subject string // where to ask
	in      chan *nats.Msg
	window  *window
	pulls   []*pull // under way
}

// pull is what was asked for at once. What comes of it comes to a place of its own: the server takes from all that are under
// way by turns, and ends one without a word, by the number of its messages or of its bytes.
type pull struct {
	inbox *nats.Subscription
	left  int // messages that have not come
	room  int // bytes that may still come: what the server counts of a message is its Size here
	at    time.Time
	came  bool // something has
}

// newPuller asks at a subject. stop must be called.
func newPuller(conn *nats.Conn, subject string, w *window) *puller {
	return &puller{conn: conn, subject: subject, window: w, in: make(chan *nats.Msg, pullMessages+pullWords)}
}

// stop ends all that is under way.
func (p *puller) stop() {
	for len(p.pulls) > 0 {
		p.end(p.pulls[0])
	}
}

// end takes a pull as over.
func (p *puller) end(of *pull) {
	_ = of.inbox.Unsubscribe()
	p.pulls = slices.DeleteFunc(p.pulls, func(other *pull) bool { return other == of })
}

// next waits for one message. Whoever does not ask for the next one lets nothing more be sent than is under way.
func (p *puller) next(ctx context.Context) (*nats.Msg, error) {
	for {
		if err := p.ask(); err != nil {
			return nil, err
		}
		m, err := p.receive(ctx)
		if err != nil {
			return nil, err
		}
		if m.Reply != "" { // its place in the log; what the server says of a pull has none
			p.took(m)
			return m, nil
		}
		if err := p.hear(m); err != nil {
			return nil, err
		}
	}
}

// ask asks for more where less than half of what may be is under way.
func (p *puller) ask() error {
	most, asked := p.window.messages(), 0
	for _, under := range p.pulls {
		asked += under.left
	}
	if asked > most/2 {
		return nil
	}
	wish := struct {
		Expires   time.Duration `json:"expires"`
		Batch     int           `json:"batch"`
		Bytes     int           `json:"max_bytes,omitempty"`
		Heartbeat time.Duration `json:"idle_heartbeat"`
	}{pullExpiry, most - asked, p.window.pull, pullHeartbeat}
	data, err := json.Marshal(wish)
	if err != nil {
		return fmt.Errorf("ask a consumer for more: %w", err)
	}
	inbox, err := p.conn.ChanSubscribe(p.conn.NewInbox(), p.in)
	if err != nil {
		return fmt.Errorf("ask a consumer for more: %w", err)
	}
	p.pulls = append(p.pulls, &pull{inbox: inbox, left: wish.Batch, room: cmp.Or(wish.Bytes, math.MaxInt), at: time.Now()})
	if err = p.conn.PublishRequest(p.subject, inbox.Subject, data); err != nil {
		return fmt.Errorf("ask a consumer for more: %w", err)
	}
	return nil
}

// receive waits for whatever comes.
func (p *puller) receive(ctx context.Context) (*nats.Msg, error) {
	select {
	case m := <-p.in:
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return m, nil
	default:
	}
	silence := time.NewTimer(pullSilence)
	defer silence.Stop()
	select {
	case m := <-p.in:
		return m, nil
	case <-silence.C:
		return nil, fmt.Errorf("%w: no sign of life within %v", errIdle, pullSilence)
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// under is the pull that m came of; nil where that is over.
func (p *puller) under(m *nats.Msg) *pull {
	for _, under := range p.pulls {
		if under.inbox == m.Sub {
			return under
		}
	}
	return nil
}

// took notes that a message came.
func (p *puller) took(m *nats.Msg) {
	p.window.size(m.Size())
	of := p.under(m)
	if of == nil {
		return // the server sends more than was asked for
	}
	now := time.Now()
	if !of.came {
		of.came = true
		p.window.began(now.Sub(of.at))
	}
	of.left, of.room = of.left-1, of.room-m.Size()
	if of.left == 0 || of.room <= 0 {
		p.window.ended(now.Sub(of.at))
		p.end(of)
	}
}

// hear takes what the server says of a pull.
func (p *puller) hear(m *nats.Msg) error {
	switch m.Header.Get("Status") {
	case "100": // it is alive
		return nil
	case "408", "409":
		if m.Header.Get("Nats-Pending-Messages") == "" {
			break // it is not the pull that is over
		}
		if of := p.under(m); of != nil {
			p.end(of)
		}
		return nil
	}
	return fmt.Errorf("%w: %s %s", errIdle, m.Header.Get("Status"), m.Header.Get("Description"))
}
