package agent

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/carelog/carelog/agent/light"
	"github.com/carelog/carelog/agent/snapshot"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
)

// A snapshot is worth its bytes where it saves reading at least so many events, and at
// least a quarter of what it holds: to take one over costs about a tenth of a replay.
const (
	worthEvents = 1000
	worthShare  = 4
)

// restore takes a snapshot over where this desk is far behind and there is one that can
// be trusted. Where there is none, the log is read from where the desk stands, and what
// spoke against those that are there is said.
func (s *session) restore(ctx context.Context, state events.LogState) (took bool, err error) {
	a := s.agent
	position, _, _ := a.replica.Position()
	defer func() {
		if err != nil {
			return // what is here is used when it is tried again
		}
		if failed := a.tidy(""); failed != nil {
			a.log.Info("what is left of a snapshot was not removed", "err", failed)
		}
	}()
	if a.config.SnapshotEvery < 0 || state.Last < position.Sequence+min(worthEvents, uint64(a.config.SnapshotEvery)) {
		return false, nil
	}
	if owes, err := a.replica.Owes(ctx); err != nil || owes {
		return false, err
	}
	c, err := s.snapshots(ctx, state.Identity)
	if err != nil {
		return false, err
	}
	list, rejected, err := snapshot.Newest(ctx, c, s.log)
	if err != nil {
		return false, err
	}
	for _, r := range rejected {
		a.refuseSnapshot(r.ID, r.Reason)
	}
	for _, m := range list {
		if m.Position.Sequence < position.Sequence+m.Position.Sequence/worthShare {
			break // the others have read less
		}
		err := s.take(ctx, c, m, state)
		switch {
		case err == nil:
			clear(a.refused)
			a.clearWarning(warnSnapshot)
			return true, nil
		case !unfit(err):
			return false, err // it is tried again, from what is here
		}
		s.noteDamaged(m.ID, err)
		a.refuseSnapshot(m.ID, err)
	}
	return false, nil
}

// showEvery is how often the progress of a fetch is shown: its pieces come faster than anybody looks.
const showEvery = 100 * time.Millisecond

const warnSnapshot = "snapshot-unusable"

// refuseSnapshot says that one cannot be taken, beside the others.
func (a *Agent) refuseSnapshot(id string, reason error) {
	why := reason.Error()
	if errors.Is(reason, events.ErrNoMessage) && !errors.As(reason, new(*events.DamagedError)) {
		why = "a part of it is not there any more"
	}
	a.refused[id] = why
	list := make([]string, 0, len(a.refused))
	for _, id := range slices.Sorted(maps.Keys(a.refused)) {
		list = append(list, fmt.Sprintf("%s (%s)", id, a.refused[id]))
	}
	a.warn(warnSnapshot, "The log and the records are whole, but a copy of the records, by which a new PC begins faster, cannot be used: snapshot %s. This PC takes an older one or reads the log, which takes longer and gives the same. Have a new copy made at a desk that is level: `carelog snapshot make`.", strings.Join(list, "; snapshot "))
}

// lookAgain is how often a desk that has refused a snapshot looks whether there is a good one now.
const lookAgain = time.Minute

// forgetRefused takes the warning of snapshots away when the newest is none that was refused, or none of these is there any more.
func (s *session) forgetRefused(ctx context.Context) error {
	a := s.agent
	now := a.config.Now()
	if len(a.refused) == 0 || now.Sub(s.reviewed).Abs() < lookAgain {
		return nil
	}
	s.reviewed = now
	_, stream, _ := a.replica.Position()
	c, err := s.snapshots(ctx, stream)
	if err != nil {
		return err
	}
	good, rejected, err := snapshot.Newest(ctx, c, s.log)
	if err != nil {
		return err
	}
	there := make(map[string]bool)
	for _, m := range good {
		there[m.ID] = true
	}
	for _, r := range rejected {
		there[r.ID] = true
	}
	maps.DeleteFunc(a.refused, func(id, _ string) bool { return !there[id] })
	if len(good) > 0 && a.refused[good[0].ID] == "" || len(a.refused) == 0 {
		clear(a.refused)
		a.clearWarning(warnSnapshot)
	}
	return nil
}

// errDisagrees says that a snapshot is not of the log that the server has.
var errDisagrees = &snapshot.UnfitError{Reason: "its position is not in the server's log: that was restored from a backup, or has lost its end"}

// unfit reports whether an error speaks against this snapshot, and not against trying
// it again.
func unfit(err error) bool {
	var damaged *events.DamagedError
	var corrupt *projections.CorruptError
	var foreign *projections.NotOursError
	var newer *projections.NewerError
	var practice *projections.PracticeError
	var busy *projections.BusyError
	var disk *projections.DiskError
	return errors.As(err, &damaged) || errors.As(err, &corrupt) || errors.As(err, &foreign) || errors.As(err, &newer) ||
		errors.As(err, &practice) || errors.As(err, &busy) || errors.As(err, &disk) || errors.Is(err, events.ErrNoMessage) ||
		errors.Is(err, snapshot.ErrNewer) || errors.Is(err, snapshot.ErrNoRoom)
}

// snapshots is what package snapshot works with on this desk.
func (s *session) snapshots(ctx context.Context, stream string) (snapshot.Config, error) {
	a := s.agent
	devices, err := a.replica.Enrolled(ctx, s.log)
	if err != nil {
		return snapshot.Config{}, err
	}
	e := a.config.Enrolment
	a.mu.Lock()
	refused := maps.Clone(a.spoilt)
	a.mu.Unlock()
	return snapshot.Config{
		Practice: e.Practice, Stream: stream, Device: e.Device, Key: e.PracticeKey, Sign: a.key,
		Trusted: func(device string) (ed25519.PublicKey, error) {
			d, known := devices[device]
			switch {
			case !known:
				return nil, fmt.Errorf("device %q made it, which is not enrolled in this practice", device)
			case d.Revoked:
				return nil, fmt.Errorf("device %q made it, which was revoked", device)
			}
			return d.Public, nil
		},
		InLog: s.agrees, Refused: refused, Copy: a.store.Copy, Dir: a.config.Data,
	}, nil
}

// take fetches one snapshot and puts it in the place of the projection. What is queued here is shown on top of it again.
func (s *session) take(ctx context.Context, c snapshot.Config, m snapshot.Manifest, state events.LogState) error {
	a := s.agent
	path := filepath.Join(a.config.Data, "snapshot-"+m.ID+".db")
	if err := a.tidy(path); err != nil {
		return err
	}
	began := a.config.Now()
	pace := estimate{began: began}
	var shown time.Time
	err := snapshot.Fetch(ctx, c, s.metered, m, path, func(p snapshot.Progress) {
		if now := a.config.Now(); p.Here == p.Total || now.Sub(shown).Abs() >= showEvery {
			shown = now
			a.setLight(light.Synchronising, reasonFetching, pace.fetched(now, p, m.Position.Sequence, state.Last))
		}
	})
	if err != nil {
		return err
	}
	a.setLight(light.Synchronising, reasonTaking, &light.Activity{Kind: light.Initial, Done: m.Position.Sequence, Total: state.Last, ETASeconds: -1})
	holds, err := projections.Inspect(ctx, path)
	if err == nil && (holds.Position != m.Position || holds.Before != m.Before || holds.Stream != m.Stream || holds.Practice != m.Practice) {
		err = &projections.CorruptError{Path: path, Reason: "it is not what its manifest says"}
	}
	if err == nil {
		// Before the file is taken over: what is queued is opened on top of it.
		err = s.awaitKeys(state)
	}
	if err == nil {
		err = a.takeOver(ctx, path)
	}
	if err == nil {
		a.log.Info("snapshot taken over", "snapshot", m.ID, "position", m.Position.Sequence, "of", state.Last, "bytes", m.Sealed(), "took", a.config.Now().Sub(began))
	}
	return err
}

// agrees asks the log for the message at the snapshot's position, which must lead there.
func (s *session) agrees(ctx context.Context, m snapshot.Manifest) error {
	if m.Position.Sequence == 0 {
		return errDisagrees
	}
	last, err := s.log.Get(ctx, m.Position.Sequence)
	if errors.Is(err, events.ErrNoMessage) {
		return errDisagrees
	}
	if err != nil {
		return err
	}
	before := events.Position{Hash: m.Before}
	if before.Next(last.Sequence, last.Fingerprint()) != m.Position {
		return errDisagrees
	}
	return nil
}

// takeOver puts the file in the projection's place, with what is queued on top of it.
// Nobody writes meanwhile.
func (a *Agent) takeOver(ctx context.Context, path string) error {
	// What is being fetched ahead of the read builds on what is here now.
	a.ahead.mu.Lock()
	defer a.ahead.mu.Unlock()
	if err := a.lockWriting(ctx); err != nil {
		return err
	}
	defer a.unlockWriting()
	// What was acknowledged and not read yet may come after the snapshot's position.
	a.outbox.Unsend()
	waiting, err := a.allQueued(ctx)
	if err != nil {
		return err
	}
	queued, err := a.asQueued(waiting)
	if err != nil {
		return err
	}
	// From here on a session that ends does not leave the replica with the old position.
	ctx = context.WithoutCancel(ctx)
	if err := a.store.Replace(ctx, path, queued...); err != nil {
		return err
	}
	a.ring.Keep(a.store.KeysOf) // the file has more keys than the one before
	defer a.changed.fire()
	return a.replica.Replaced(ctx)
}

// tidy removes what is left of other snapshots that were being fetched or made.
func (a *Agent) tidy(except string) error {
	old, err := filepath.Glob(filepath.Join(a.config.Data, "snapshot-*.db*"))
	if err != nil {
		return err
	}
	for _, path := range old {
		if except == "" || !strings.HasPrefix(path, except) {
			err = errors.Join(err, os.Remove(path))
		}
	}
	return err
}
