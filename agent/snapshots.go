package agent

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/carelog/carelog/agent/snapshot"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/internal/localdisk"
	"github.com/carelog/carelog/projections"
)

const (
	snapshotLease = "snapshot"
	// makeAgain is how long a desk waits from its first try to make one by itself to the next, and twice as long after
	// each that failed, or was cut off, up to makeRarely: where the server's disk has no room for it, one ends the server.
	makeAgain  = 5 * time.Minute
	makeRarely = 24 * time.Hour
)

// Snapshot is one in the practice's object store.
type Snapshot struct {
	ID       string          `json:"id"`
	Device   string          `json:"device,omitempty"` // that made it
	Position events.Position `json:"position"`
	Events   int             `json:"events"`
	Bytes    int64           `json:"bytes"`             // of the file
	Stored   int64           `json:"stored"`            // bytes in the store
	Made     time.Time       `json:"made,omitzero"`     // by the server's clock
	Checked  bool            `json:"checked,omitempty"` // it was read whole, and is good
	Unusable string          `json:"unusable,omitempty"`
}

func snapshotOf(m snapshot.Manifest) Snapshot {
	return Snapshot{ID: m.ID, Device: m.Device, Position: m.Position, Events: m.Events, Bytes: m.Plain(), Stored: m.Sealed(), Made: m.Stored}
}

// ErrNotLevel says that the desk has no session with the server in which it is level.
var ErrNotLevel = errors.New("this desk is not level with the server: wait until its light is green")

// meet notes the session under way, and tells who waits for one.
func (a *Agent) meet(s *session) {
	a.mu.Lock()
	a.meeting = s
	a.mu.Unlock()
	a.changed.fire()
}

// level returns the session under way, if what the desk has is what the server has. The
// session waits for its caller, who must say makers.Done.
func (a *Agent) level(ctx context.Context) (*session, error) {
	if err := a.lockWriting(ctx); err != nil {
		return nil, err
	}
	defer a.unlockWriting()
	if a.live == nil {
		return nil, ErrNotLevel
	}
	a.live.makers.Add(1) // before it leaves live, and so before it waits
	return a.live, nil
}

// Snapshots lists those in the practice's object store, the newest first, and last
// those that cannot be taken, with the reason. A damaged part is found by CheckSnapshots.
func (a *Agent) Snapshots(ctx context.Context) ([]Snapshot, error) { return a.snapshots(ctx, false) }

// CheckSnapshots is Snapshots after reading each of them whole. A desk that finds the newest
// damaged makes another one when it is due without it.
func (a *Agent) CheckSnapshots(ctx context.Context) ([]Snapshot, error) {
	return a.snapshots(ctx, true)
}

func (a *Agent) snapshots(ctx context.Context, check bool) ([]Snapshot, error) {
	a.mu.Lock()
	s := a.meeting
	a.mu.Unlock()
	if s == nil {
		return nil, fmt.Errorf("list the snapshots: %w", events.ErrOffline)
	}
	_, stream, _ := a.replica.Position()
	c, err := s.snapshots(ctx, stream)
	if err != nil {
		return nil, err
	}
	good, rejected, err := snapshot.Newest(ctx, c, s.log)
	if err != nil {
		return nil, err
	}
	list := make([]Snapshot, 0, len(good)+len(rejected))
	for _, m := range good {
		if check {
			err := snapshot.Check(ctx, c, s.log, m)
			if s.noteDamaged(m.ID, err) {
				rejected = append(rejected, snapshot.Rejected{ID: m.ID, Reason: err})
				continue
			}
			if err != nil {
				return nil, err
			}
		}
		one := snapshotOf(m)
		one.Checked = check
		list = append(list, one)
	}
	for _, r := range rejected {
		list = append(list, Snapshot{ID: r.ID, Unusable: r.Reason.Error()})
	}
	return list, nil
}

// noteDamaged keeps in mind that a snapshot was found damaged, if that is what the error says:
// until this desk is started anew it does not count here as the newest, nor as a good one.
// Weighed: a mark in the store, by which one desk would decide for all.
func (s *session) noteDamaged(id string, err error) bool {
	var damaged *events.DamagedError
	var corrupt *projections.CorruptError
	if !errors.As(err, &damaged) && !errors.As(err, &corrupt) {
		return false
	}
	a := s.agent
	a.mu.Lock()
	defer a.mu.Unlock()
	a.spoilt[id] = err
	s.newest.Store(0) // it is looked at again whether one is due
	return true
}

// MakeSnapshot makes one now. Errors: ErrNotLevel, *events.LeaseTakenError where another
// desk makes one at this moment, events.ErrFull, snapshot.ErrNoRoom. It ends with the
// session with the server.
func (a *Agent) MakeSnapshot(ctx context.Context) (Snapshot, error) {
	var made Snapshot
	err := a.inSession(ctx, func(ctx context.Context, s *session) error {
		m, err := s.makeSnapshot(ctx, 0)
		made = snapshotOf(m)
		return err
	})
	if err != nil {
		return Snapshot{}, fmt.Errorf("make a snapshot: %w", err)
	}
	return made, nil
}

// offerSnapshot makes one beside the session where one is due: the tail since the newest has
// grown by SnapshotEvery, in whichever session. Where that fails it is tried again.
func (s *session) offerSnapshot(ctx context.Context) {
	a := s.agent
	position, _, _ := a.replica.Position()
	every := a.config.SnapshotEvery
	if every < 0 || position.Sequence < s.newest.Load()+uint64(every) || !a.making.begin(a.config.Now()) {
		return
	}
	s.makers.Go(func() {
		_, err := s.makeSnapshot(ctx, uint64(every))
		var taken *events.LeaseTakenError
		switch {
		case err == nil:
		case errors.As(err, &taken):
			a.making.notTried()
		case errors.Is(err, errNotDue):
			a.making.done(a.config.Now())
			a.clearWarning(warnMake) // another desk made it
		case ctx.Err() != nil:
		default:
			a.warn(warnMake, "No snapshot could be made: %v. It is tried again; new desks read more of the log until one is made.", err)
		}
	})
}

// making says when a desk may try to make a snapshot by itself. Its zero value is ready.
type making struct {
	mu    sync.Mutex
	after time.Time
	tries uint // since one was made, by whichever desk
}

// begin reports whether one may be tried now, and counts it as a try that failed until it is known.
func (m *making) begin(now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if now.Before(m.after) {
		return false
	}
	m.after = now.Add(min(makeAgain<<min(m.tries, 9), makeRarely))
	m.tries++
	return true
}

// notTried takes a try back: another desk is at it.
func (m *making) notTried() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tries = max(m.tries, 1) - 1
}

// done says that one was made.
func (m *making) done(now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.after, m.tries = now.Add(makeAgain), 0
}

const warnMake = "snapshot-failed"

var errNotDue = errors.New("the newest snapshot is new enough")

// makeSnapshot makes one under the lease, unless there is one that is less than every
// events old.
func (s *session) makeSnapshot(ctx context.Context, every uint64) (m snapshot.Manifest, err error) {
	err = s.alone(ctx, snapshotLease, func(ctx context.Context) (err error) {
		if m, err = s.makeAlone(ctx, every); err != nil && context.Cause(ctx) != nil {
			err = errors.Join(context.Cause(ctx), err)
		}
		return err
	})
	return m, err
}

func (s *session) makeAlone(ctx context.Context, every uint64) (m snapshot.Manifest, err error) {
	a := s.agent
	position, stream, _ := a.replica.Position()
	c, err := s.snapshots(ctx, stream)
	if err != nil {
		return m, err
	}
	if every > 0 {
		good, _, err := snapshot.Newest(ctx, c, s.log)
		if err != nil {
			return m, err
		}
		if len(good) > 0 && good[0].Position.Sequence+every > position.Sequence {
			s.newest.Store(good[0].Position.Sequence)
			return m, errNotDue
		}
	}
	if err := a.room(); err != nil {
		return m, err
	}
	m, err = snapshot.Make(ctx, c, s.log)
	if err == nil {
		s.newest.Store(m.Position.Sequence)
		a.making.done(a.config.Now())
		a.clearWarning(warnMake)
		a.log.Info("snapshot made", "snapshot", m.ID, "position", m.Position.Sequence, "bytes", m.Sealed())
	}
	return m, err
}

// spare is what must stay free on the disk of a desk that makes a snapshot, in bytes:
// people work there meanwhile.
const spare = 256 << 20

// room sees that the copy finds room before it takes the last of it.
func (a *Agent) room() error {
	var need int64 = spare
	for _, suffix := range []string{"", "-wal"} {
		if info, err := os.Stat(a.projection() + suffix); err == nil {
			need += info.Size()
		}
	}
	free, err := localdisk.Free(a.config.Data)
	if err != nil {
		return fmt.Errorf("ask for the room on the disk: %w", err)
	}
	if free < need {
		return fmt.Errorf("%w: a copy of the records needs %d MB, and %d are free", snapshot.ErrNoRoom, need>>20, free>>20)
	}
	return nil
}
