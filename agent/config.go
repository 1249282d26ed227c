package agent

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"time"

	"github.com/carelog/carelog/agent/attachments"
	"github.com/carelog/carelog/agent/enrolment"
	"github.com/carelog/carelog/agent/replica"
	"github.com/carelog/carelog/agent/snapshot"
	"github.com/carelog/carelog/broker"
	"github.com/carelog/carelog/events"
)

// Log is what the agent needs of the server: a *broker.Log, or a stand-in.
type Log interface {
	replica.Log
	attachments.Server
	AppendBatch(ctx context.Context, list []events.Appending) (first uint64, err error)
	Announce(list []events.Appending)
	PutKey(ctx context.Context, k events.WrappedKey) error
	PutKeys(ctx context.Context, keys []events.WrappedKey) error
	AppendAfter(ctx context.Context, m events.Message, after uint64) (uint64, error)
	PutPosition(context.Context, events.SignedPosition) error
	Positions(context.Context) ([]events.SignedPosition, error)
	Dossier(ctx context.Context, patient string, after uint64) iter.Seq2[events.Stored, error]
	snapshot.Objects
	LookLog
	TakeLease(ctx context.Context, name string, length time.Duration) (events.Lease, error)
	RenewLease(ctx context.Context, lease events.Lease, length time.Duration) (events.Lease, error)
	ReleaseLease(ctx context.Context, lease events.Lease) error
	Close() error
}

// Config is how a desk is set up.
type Config struct {
	// Data is the folder of this device: outbox, projection, lock. One agent has it
	// at a time. It is made where it is not there.
	Data string
	// Enrolment says of which practice and device this is.
	Enrolment enrolment.Enrolment
	// Connect opens the connection and returns at once, whether or not the server
	// can be reached; report is told, without blocking, when it comes and goes.
	// Nil connects to the broker that the enrolment names.
	Connect func(ctx context.Context, report func(up bool, err error)) (Log, error)
	// Now is the PC's clock; nil means time.Now.
	Now func() time.Time
	// Logger gets what happens; nil drops it.
	Logger *slog.Logger
	// Patience is how long an online write waits for the server before the change
	// counts as queued; 0 means 5 s.
	Patience time.Duration
	// Interval is how often the agent compares its log with the server's; 0 means 2 s.
	Interval time.Duration
	// Lease is how long a desk that was killed keeps the others from what it did alone (see
	// Alone); 0 means a minute. What is done alone must not take longer on its way than half of it.
	Lease time.Duration
	// PushBatch is how many queued events are sent as one, at most; 0 means
	// events.MaxBatch, which is the most. On a line that needs long for so many, a lost
	// answer costs less with fewer.
	PushBatch int
	// SnapshotEvery is how many events the log grows by until some desk that is level
	// with it makes the next snapshot; 0 means 50,000. With a negative number this desk
	// makes none by itself, and takes none: it reads the log from the start.
	SnapshotEvery int
	// AttachmentRoom is how many bytes of this PC's disk the contents of letters and scans
	// may take that the server has as well; 0 means 2 GiB.
	AttachmentRoom int64
	// Reserve is how many bytes of this PC's disk are kept for showing what was accepted, and
	// for opening the desk, when the disk is full; 0 means 4 MiB.
	Reserve int64
}

// Validate reports what is wrong and fills in what was left out.
func (c *Config) Validate() error {
	if c.Data == "" {
		return errors.New("no data folder: say where this desk keeps its files")
	}
	if err := c.Enrolment.Validate(); err != nil {
		return err
	}
	if c.Patience < 0 || c.Interval < 0 || c.Lease < 0 {
		return fmt.Errorf("patience %v, interval %v and lease %v: none can be negative", c.Patience, c.Interval, c.Lease)
	}
	if c.PushBatch < 0 || c.PushBatch > events.MaxBatch {
		return fmt.Errorf("%d events in a batch: want 1 to %d, or 0 for the most", c.PushBatch, events.MaxBatch)
	}
	if c.PushBatch == 0 {
		c.PushBatch = events.MaxBatch
	}
	if c.Lease == 0 {
		c.Lease = time.Minute
	}
	if c.Patience == 0 {
		c.Patience = 5 * time.Second
	}
	if c.Interval == 0 {
		c.Interval = 2 * time.Second
	}
	if c.SnapshotEvery == 0 {
		c.SnapshotEvery = 50_000
	}
	if c.AttachmentRoom < 0 {
		return fmt.Errorf("%d bytes of room for attachments: it cannot be negative", c.AttachmentRoom)
	}
	if c.AttachmentRoom == 0 {
		c.AttachmentRoom = 2 << 30
	}
	if c.Reserve < 0 {
		return fmt.Errorf("%d bytes in reserve: it cannot be negative", c.Reserve)
	}
	if c.Reserve == 0 {
		c.Reserve = 4 << 20
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Connect == nil {
		c.Connect = c.connect
	}
	return nil
}

func (c *Config) connect(ctx context.Context, report func(bool, error)) (Log, error) {
	return broker.Connect(ctx, broker.Config{
		Practice: c.Enrolment.Practice, Device: c.Enrolment.Device, URLs: c.Enrolment.URLs,
		JWT: c.Enrolment.JWT, Seed: c.Enrolment.Seed,
		// An answer that is lost must leave time to read back what became of the change.
		OnConnection: report, Logger: c.Logger, Timeout: c.Patience / 2,
	})
}
