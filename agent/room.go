package agent

import (
	"context"
	"errors"
	"fmt"
)

const warnDisk = "disk-full"

// roomHelps gives up the room that is kept, where it is for want of room that something failed.
func (a *Agent) roomHelps(err error) bool {
	if !errors.Is(ofDisk(err), ErrDisk) || !a.reserve.giveUp() {
		return false
	}
	a.owing.fire()
	return true
}

// ready reports whether all is shown, and there is room for the next change.
func (a *Agent) ready() bool { return !a.unshown.some() && a.reserve.whole.Load() }

// makeReady shows what could not be shown, and takes the room back that was given up for it:
// without it no change is begun. writing is held.
func (a *Agent) makeReady(ctx context.Context) error {
	if err := a.show(ctx); err != nil {
		return fmt.Errorf("show an earlier change, which is safe: %w", ofDisk(err))
	}
	return a.takeRoom()
}

// takeRoom takes the room back that was given up, and says so where it cannot. writing is held.
func (a *Agent) takeRoom() error {
	if err := a.reserve.take(); err != nil {
		a.warn(warnDisk, "The disk of this PC is full: carelog needs %.1f MB there. Until they are free no change is taken and nothing is read from the server. What is here can be read, and carelog goes on by itself.", float64(2*a.reserve.bytes)/1e6)
		return fmt.Errorf("%w (%w)", ErrDisk, err)
	}
	a.clearWarning(warnDisk)
	return nil
}

// keepReady tries again and again to make ready for the next change, until ctx ends.
func (a *Agent) keepReady(ctx context.Context) {
	for ctx.Err() == nil {
		owing := a.owing.wait()
		if a.ready() {
			select {
			case <-owing:
			case <-ctx.Done():
			}
			continue
		}
		if a.lockWriting(ctx) != nil {
			return
		}
		err := a.makeReady(ctx)
		a.unlockWriting()
		if err != nil {
			rest(ctx, a.config.Interval)
			continue
		}
		a.changed.fire() // the index, and whoever waits for the room
	}
}

// needRoom is ErrDisk while the room is not there that is kept: what is read from the server
// would take what is left for showing what was accepted here, and for the next opening.
func (a *Agent) needRoom(ctx context.Context) error {
	if a.reserve.whole.Load() {
		return nil
	}
	if err := a.lockWriting(ctx); err != nil {
		return err
	}
	defer a.unlockWriting()
	return a.takeRoom()
}

// whileRoom ends what reads from the server when the room is given up that is kept, until stop is
// called or ctx ends. stop waits.
func (a *Agent) whileRoom(ctx context.Context, end context.CancelCauseFunc) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	over := beside(func() error {
		for {
			owing := a.owing.wait()
			if !a.reserve.whole.Load() {
				end(ErrDisk)
				return nil
			}
			select {
			case <-owing:
			case <-ctx.Done():
				return nil
			}
		}
	})
	return func() {
		cancel()
		_ = over() // there is none
	}
}

// forWantOfRoom adds to what kept the desk from being opened how much room that takes, where
// there is less.
func (a *Agent) forWantOfRoom(err error) error {
	if little := enough(a.config.Data, a.reserve.bytes); little != nil && !errors.Is(err, ErrInUse) {
		return fmt.Errorf("%w: %w: what has no business there can go, such as old downloads; nothing was lost: %w", ErrDisk, little, err)
	}
	return err
}
