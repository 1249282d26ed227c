package agent

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
)

// unshown is what the projection still has to take in of changes that are safe: it could not,
// on a full disk or for another reason. Until it has, whoever asks for anything of them is told
// that it is missing. What is in there changes only while writing is held, or before landed is closed.
type unshown struct {
	mu      sync.Mutex
	gone    []*events.Event // that the projection must take out, or has in an older form
	entries []projections.Entry
	keys    []events.WrappedKey // that it must keep first
	cause   error
}

// add notes what could not be shown: events that are to be taken out first, and then those to be taken in.
func (u *unshown) add(cause error, gone []*events.Event, entries ...projections.Entry) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, e := range gone {
		u.entries = slices.DeleteFunc(u.entries, func(old projections.Entry) bool { return old.Event.ID == e.ID })
	}
	u.gone, u.entries, u.cause = append(u.gone, gone...), append(u.entries, entries...), cause
}

// addKeys notes keys that were made here and could not be kept.
func (u *unshown) addKeys(cause error, keys []events.WrappedKey) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.keys, u.cause = append(u.keys, keys...), cause
}

// all is what is in there.
func (u *unshown) all() (gone []*events.Event, entries []projections.Entry, keys []events.WrappedKey) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return slices.Clone(u.gone), slices.Clone(u.entries), slices.Clone(u.keys)
}

// clear forgets all, since it is shown.
func (u *unshown) clear() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.gone, u.entries, u.keys, u.cause = nil, nil, nil, nil
}

// some reports whether anything is in there.
func (u *unshown) some() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return len(u.gone)+len(u.entries)+len(u.keys) > 0
}

// count is of how many changes something is missing.
func (u *unshown) count() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	changes := make(map[events.ID]bool, len(u.gone)+len(u.entries))
	for _, e := range u.gone {
		changes[e.ID] = true
	}
	for _, e := range u.entries {
		changes[e.Event.ID] = true
	}
	return len(changes)
}

// lacks is an *unshownError where something is missing of an event like that.
func (u *unshown) lacks(like func(*events.Event) bool) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if slices.ContainsFunc(u.gone, like) || slices.ContainsFunc(u.entries, func(e projections.Entry) bool { return like(e.Event) }) {
		return &unshownError{u.cause}
	}
	return nil
}

// unshownError is ErrIncomplete of a change that was made here.
type unshownError struct{ cause error }

// Error says that nothing is lost, and what to do.
func (e *unshownError) Error() string {
	return fmt.Sprintf("a change that was made here is safe, but this PC cannot show it yet, and it may be what was asked for: make room on its disk, then it is shown by itself (%v)", e.cause)
}

// Is reports whether it is ErrIncomplete.
func (e *unshownError) Is(target error) bool { return target == ErrIncomplete }

// unseen is an error where something is missing of an event like that: among the changes that
// were made here before it was asked. Who asks the projection asks this first.
func (a *Agent) unseen(ctx context.Context, like func(*events.Event) bool) error {
	if err := a.store.Await(ctx); err != nil {
		return err
	}
	return a.unshown.lacks(like)
}

const warnUnshown = "projection-failed"

// showLater keeps changes that are safe and that the projection could not take in, unless the
// room that is kept for them is enough. writing is held, or landed not closed.
func (a *Agent) showLater(cause error, entries ...projections.Entry) {
	a.unshown.add(cause, nil, entries...)
	a.settleUnshown(cause)
}

// settleUnshown shows what was just noted, where it was for want of room; else that is said, and
// done when it can be.
func (a *Agent) settleUnshown(cause error) {
	if !a.roomHelps(cause) || a.show(context.Background()) != nil {
		a.tellUnshown(cause)
	}
}

// show lets the projection take in what it could not, also by the room that is kept for that.
// writing is held, or landed not closed.
func (a *Agent) show(ctx context.Context) error {
	gone, entries, keys := a.unshown.all()
	if len(gone)+len(entries)+len(keys) == 0 {
		return nil
	}
	err := a.takeIn(ctx, keys, gone, entries)
	if a.roomHelps(err) {
		err = a.takeIn(ctx, keys, gone, entries)
	}
	if err != nil {
		a.tellUnshown(err)
		return err
	}
	a.unshown.clear()
	a.clearWarning(warnUnshown)
	a.changed.fire()
	return nil
}

func (a *Agent) takeIn(ctx context.Context, keys []events.WrappedKey, gone []*events.Event, entries []projections.Entry) error {
	if err := a.putKeys(ctx, keys); err != nil {
		return err
	}
	for _, e := range gone {
		if err := a.store.Remove(ctx, e.ID); err != nil && !errors.Is(err, projections.ErrNotQueued) {
			return err
		}
	}
	if len(entries) == 0 {
		return nil
	}
	_, err := a.store.Apply(ctx, projections.Batch{Entries: entries})
	return err
}

// showTwins shows what the projection has in an older form, before anything is sent: it would else
// meet the newer one in the log.
func (a *Agent) showTwins(ctx context.Context) error {
	if gone, _, _ := a.unshown.all(); len(gone) == 0 {
		return nil
	}
	if err := a.lockWriting(ctx); err != nil {
		return err
	}
	defer a.unlockWriting()
	return a.show(ctx)
}

func (a *Agent) tellUnshown(cause error) {
	a.warn(warnUnshown, "A change is safe, but this PC cannot show it yet: %v. It is shown as soon as that is over: make room on this PC's disk if it is full. Until then what is read, searched or listed here may lack it, and no other change is taken.", cause)
	a.owing.fire()
}

// beginWriting is lockWriting for who will make a change: what an earlier one left to be
// shown is shown first, or the next would not see it.
func (a *Agent) beginWriting(ctx context.Context) error {
	if err := a.lockWriting(ctx); err != nil {
		return err
	}
	if a.ready() {
		return nil
	}
	if err := a.makeReady(ctx); err != nil {
		a.unlockWriting()
		return err
	}
	return nil
}

// ofDisk makes ErrDisk of what the projection says of the disk.
func ofDisk(err error) error {
	var failed *projections.DiskError
	if errors.As(err, &failed) {
		return fmt.Errorf("%w (%w)", ErrDisk, err)
	}
	return err
}
