package broker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/carelog/carelog/events"
)

// DefaultTimeout bounds one request to the broker, unless Config says otherwise.
const DefaultTimeout = 5 * time.Second

// Config is a device's way to the log of its practice.
type Config struct {
	Practice, Device string   // as events.ValidateName wants them
	URLs             []string // nats://host:port, any of them
	JWT, Seed        string   // of IssueUser; both empty: a server without accounts
	// OnConnection hears of every change, in order, one at a time; err says why there
	// is no connection, and it can be told so more than once. It must not block, nor
	// call Close.
	OnConnection func(connected bool, err error)
	Logger       *slog.Logger  // nil discards
	Timeout      time.Duration // of one request; 0 means DefaultTimeout
}

// Validate says what is wrong with the configuration.
func (c Config) Validate() error {
	if err := events.ValidateName("practice", c.Practice); err != nil {
		return err
	}
	if err := events.ValidateName("device", c.Device); err != nil {
		return err
	}
	if len(c.URLs) == 0 {
		return errors.New("no URL of a broker: want nats://host:port")
	}
	if (c.JWT == "") != (c.Seed == "") {
		return errors.New("the broker's credentials are only half there: want both JWT and seed, or neither")
	}
	if c.Timeout < 0 {
		return fmt.Errorf("timeout %v: want a positive time", c.Timeout)
	}
	return nil
}

// Log is the log of one practice as one device sees it, over one connection that
// is kept up in the background. Its methods may be called by several goroutines.
type Log struct {
	practice, device string
	timeout          time.Duration
	logger           *slog.Logger
	link             *link
	api              string              // prefix of requests to JetStream
	js               jetstream.JetStream // for consumers only
	objectPatience   time.Duration       // with a piece of an object that the server may have
	announced        announced
	opened           openedWord
	sweepAfter       atomic.Int64 // by the server's clock, ns: no upload that was left behind is old enough before

	close sync.Once
}

// Connect returns at once and never waits for the network: a broker that cannot be
// reached is tried again until Close. The error is of the configuration only.
func Connect(ctx context.Context, c Config) (*Log, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := c.Validate(); err != nil {
		return nil, fmt.Errorf("connect to the broker: %w", err)
	}
	if c.Timeout == 0 {
		c.Timeout = DefaultTimeout
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	c.Logger = c.Logger.With(slog.String("practice", c.Practice), slog.String("device", c.Device))
	k, err := dial(c)
	if err != nil {
		return nil, err
	}
	api, newJetStream := apiPrefix, jetstream.New
	if c.JWT != "" {
		api, newJetStream = desksPrefix, func(conn *nats.Conn, o ...jetstream.JetStreamOpt) (jetstream.JetStream, error) {
			return jetstream.NewWithAPIPrefix(conn, desksAPIToken, o...)
		}
	}
	js, err := newJetStream(k.conn.Load(), jetstream.WithDefaultTimeout(2*c.Timeout+longestWait)) // else it gives up before we do
	if err != nil {
		k.close()
		return nil, fmt.Errorf("connect to the broker: %w", err)
	}
	return &Log{practice: c.Practice, device: c.Device, timeout: c.Timeout, logger: c.Logger, link: k, api: api, js: js, objectPatience: objectPatience}, nil
}

// Close ends the connection, every call that waits on it, and its goroutines.
// OnConnection is not called again after it has returned.
func (l *Log) Close() error {
	l.close.Do(l.link.close)
	return nil
}

// Connected reports whether there is a connection, as far as is known: a line that
// is silently dead is noticed after some seconds.
func (l *Log) Connected() bool { return l.link.current() != nil }

// State asks the log's leader for its identity, its ends and its clock.
func (l *Log) State(ctx context.Context) (events.LogState, error) {
	var info struct {
		jetstream.StreamInfo
		TimeStamp time.Time `json:"ts"`
	}
	if err := l.request(ctx, "STREAM.INFO."+streamRecords, nil, &info); err != nil {
		return events.LogState{}, fmt.Errorf("ask for the state of the log: %w", err)
	}
	state := events.LogState{
		Identity: identityOf(&info.StreamInfo),
		First:    info.State.FirstSeq,
		Last:     info.State.LastSeq,
		Counted:  info.State.LastSeq,
		Lost:     lacks(info.State),
		Now:      info.TimeStamp.UTC(),
	}
	if state.Lost == 0 {
		return state, nil
	}
	var err error
	if state.Last, err = l.lastStanding(ctx); err != nil {
		return events.LogState{}, fmt.Errorf("ask for the end of the log: %w", err)
	}
	return state, nil
}

// lacks is how many of its messages a stream has lost from which nothing is ever removed:
// they were counted and are not there.
func lacks(has jetstream.StreamState) uint64 { return has.LastSeq - min(has.Msgs, has.LastSeq) }

// lastStanding is the sequence of the last message that is there; 0: none is.
func (l *Log) lastStanding(ctx context.Context) (uint64, error) {
	last, err := l.get(ctx, streamRecords, getRequest{LastFor: events.Subjects(l.practice)})
	if errors.Is(err, events.ErrNoMessage) {
		return 0, nil
	}
	return last.Sequence, err
}

// identityOf is what Provision wrote, or the time of making for a stream that
// somebody else made.
func identityOf(info *jetstream.StreamInfo) string {
	if id := info.Config.Metadata[identityKey]; id != "" {
		return id
	}
	return "created " + info.Created.UTC().Format(time.RFC3339Nano)
}
