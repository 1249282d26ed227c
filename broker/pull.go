package broker

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
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
	inbox   *nats.Subscription
	window  *window
	pulls   []pull // under way, the oldest first
	asked   int    // messages of them
}

// pull is what was asked for at once.
type pull struct {
	left int // messages that have not come
	at   time.Time
	came bool // something has
}

// pull begins to ask a consumer. stop must be called.
func (l *Log) pull(stream, consumer string, w *window) (p *puller, stop func(), err error) {
	p = &puller{conn: l.link.conn.Load(), subject: l.api + "CONSUMER.MSG.NEXT." + stream + "." + consumer, window: w,
		in: make(chan *nats.Msg, pullMessages+pullWords)}
	if p.inbox, err = p.conn.ChanSubscribe(p.conn.NewInbox(), p.in); err != nil {
		return nil, nil, err
	}
	return p, func() { _ = p.inbox.Unsubscribe() }, nil
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
	most := p.window.messages()
	if p.asked > most/2 {
		return nil
	}
	wish := struct {
		Expires   time.Duration `json:"expires"`
		Batch     int           `json:"batch"`
		Bytes     int           `json:"max_bytes,omitempty"`
		Heartbeat time.Duration `json:"idle_heartbeat"`
	}{pullExpiry, most - p.asked, p.window.pull, pullHeartbeat}
	data, err := json.Marshal(wish)
	if err == nil {
		err = p.conn.PublishRequest(p.subject, p.inbox.Subject, data)
	}
	if err != nil {
		return fmt.Errorf("ask a consumer for more: %w", err)
	}
	p.pulls, p.asked = append(p.pulls, pull{left: wish.Batch, at: time.Now()}), most
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

// took notes that a message came, as of the oldest pull.
func (p *puller) took(m *nats.Msg) {
	if len(p.pulls) == 0 {
		return // the server sends more than was asked for
	}
	now, oldest := time.Now(), &p.pulls[0]
	p.window.size(m.Size())
	if !oldest.came {
		oldest.came = true
		p.window.began(now.Sub(oldest.at))
	}
	p.asked--
	if oldest.left--; oldest.left == 0 {
		p.window.ended(now.Sub(oldest.at))
		p.pulls = p.pulls[1:]
	}
}

// lost notes that so many messages do not come any more. Of which pull they were is not told, and cannot be counted: the
// server takes from all that are under way by turns.
func (p *puller) lost(messages int) {
	for messages > 0 && len(p.pulls) > 0 {
		oldest := &p.pulls[0]
		of := min(messages, oldest.left)
		messages, p.asked = messages-of, p.asked-of
		if oldest.left -= of; oldest.left == 0 {
			p.pulls = p.pulls[1:]
		}
	}
}

// hear takes what the server says of a pull.
func (p *puller) hear(m *nats.Msg) error {
	switch m.Header.Get("Status") {
	case "100": // it is alive
		return nil
	case "408", "409":
		left, err := strconv.Atoi(m.Header.Get("Nats-Pending-Messages"))
		if err != nil {
			break // it is not the pull that is over
		}
		p.lost(left) // 0: all have come
		return nil
	}
	return fmt.Errorf("%w: %s %s", errIdle, m.Header.Get("Status"), m.Header.Get("Description"))
}
