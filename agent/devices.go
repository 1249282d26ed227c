package agent

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
	"github.com/carelog/carelog/projections/fhirjson"
)

// ErrProtected says that a record is a desk of the practice, which no door changes.
var ErrProtected = errors.New("this Device is a desk of the practice: it is enrolled and revoked with `carelog device`, and not changed like other records")

func deviceRecord(id string) events.Record { return events.Record{Type: "Device", ID: id} }

// protect keeps the doors from letting a desk in or shutting one out by the way.
func (a *Agent) protect(ctx context.Context, d Draft) error {
	if d.Record.Type != "Device" {
		return nil
	}
	if _, err := fhirjson.DeviceOf(d.Body); err == nil {
		return ErrProtected
	}
	state, err := a.store.Record(ctx, d.Record)
	if errors.Is(err, projections.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, head := range state.Heads {
		if _, err := fhirjson.DeviceOf(head.Body); err == nil {
			return ErrProtected
		}
	}
	return nil
}

// readToEnd waits until all is here that the log has now.
func (a *Agent) readToEnd(ctx context.Context) error {
	s, err := a.awaitMeeting(ctx)
	if err != nil {
		return err
	}
	state, err := s.log.State(ctx)
	if err != nil {
		return err
	}
	return s.reach(ctx, state.Last)
}

// awaitMeeting is the session under way. Where one has just failed, or the program has just begun, the
// next is waited for within the patience: the server is there. events.ErrOffline says why there is none.
func (a *Agent) awaitMeeting(ctx context.Context) (*session, error) {
	patience := time.NewTimer(a.config.Patience)
	defer patience.Stop()
	for {
		changed := a.changed.wait()
		if a.chosenOffline() {
			return nil, fmt.Errorf("%w: %s", events.ErrOffline, reasonChosen)
		}
		a.mu.Lock()
		s := a.meeting
		a.mu.Unlock()
		if s != nil {
			return s, nil
		}
		select {
		case <-changed:
		case <-patience.C:
			return nil, fmt.Errorf("%w: %s", events.ErrOffline, a.light.State().Reason)
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for the server: %w", context.Cause(ctx))
		}
	}
}

// RevokeDevice shuts a desk out for ever: what it signs from that place in the log on
// is kept, and counts nowhere. It names the end of the desk's chain as it is in the log here, and is stored at the very end of
// that: what leads there counts wherever it stands, also where the broker loses it and is given it back behind this. It returns the
// public key with which the desk logs in to the broker, so that the broker can be told as well. events.ErrOffline where there is no session with the
// server, nor one within the patience: what the device had sent by now, and is not here, would not be named.
func (a *Agent) RevokeDevice(ctx context.Context, device, author string) (login string, w Written, err error) {
	if err := a.readToEnd(ctx); err != nil {
		return "", Written{}, fmt.Errorf("revoke device %s: a revocation names the last change that it lets stand, so all that the server has must be here: do it at a desk that is online: %w", device, err)
	}
	a.needAll(ctx, []Draft{{Record: deviceRecord(device)}})
	if err := a.beginWriting(ctx); err != nil {
		return "", Written{}, err
	}
	defer a.unlockWriting()
	state, err := a.store.Record(ctx, deviceRecord(device))
	if errors.Is(err, projections.ErrNotFound) {
		err = ErrNotFound
	}
	var key fhirjson.DeviceKey
	if err == nil {
		key, err = fhirjson.DeviceOf(state.Shown.Body)
	}
	if err != nil {
		switch {
		case !errors.Is(err, ErrNotFound):
		case a.leftOut(ctx, device):
			err = fmt.Errorf("%w: its certificate is not in the log, but %w", err, ErrNameUnknown)
		default:
			err = fmt.Errorf("%w: %w", err, ErrNameUnused)
		}
		return "", Written{}, fmt.Errorf("revoke device %s: %w", device, err)
	}
	if device == a.config.Enrolment.Device {
		return "", Written{}, fmt.Errorf("revoke device %s: a desk cannot revoke itself; do it at another one", device)
	}
	key.Active = false
	if w, err = a.revoke(ctx, device, author, key); err != nil {
		return "", Written{}, fmt.Errorf("revoke device %s: %w", device, err)
	}
	return key.Login, w, nil
}

// revoke stores a revocation at the very end of what was read, so that the ends which it names are those of all that
// stands before it. Where others were faster it is made anew; but a PC that fills the log must not keep
// itself from being revoked by that, so the last of the tries go anywhere, as other changes do.
func (a *Agent) revoke(ctx context.Context, device, author string, key fhirjson.DeviceKey) (w Written, err error) {
	for try := 1; ; try++ {
		d := Draft{Record: deviceRecord(device), Author: author}
		if try <= maxTries/2 {
			position, _, _ := a.replica.Position()
			d.end = position.Sequence
		}
		if key.Ends, err = a.store.ChainEnds(ctx, device, fhirjson.MaxDeviceEnds); err != nil {
			return Written{}, err
		}
		d.Body = fhirjson.DeviceResource(device, key)
		var stale *StaleError
		if w, err = a.write(ctx, d); try == maxTries || !errors.Is(err, events.ErrNotAtEnd) && !errors.As(err, &stale) {
			return w, err
		}
		if err := a.readLive(ctx); err != nil {
			return Written{}, err
		}
	}
}

// readLive waits until all is here that the log has now, within the patience. writing is held.
func (a *Agent) readLive(ctx context.Context) error {
	if a.live == nil {
		return nil // what is made next is queued
	}
	state, err := a.live.log.State(ctx)
	if err != nil {
		return err
	}
	return a.readUpTo(ctx, state.Last)
}

// ErrNameUnknown says that a name is in the log which no certificate belongs to.
var ErrNameUnknown = errors.New("changes in its name are: start all PCs of the practice; if none of them has this name, revoke it as one that is unknown (--unknown)")

// ErrNameUnused says that no device with this name has ever been in the log.
var ErrNameUnused = errors.New("no PC with this id has connected yet: to shut out an enrolment before it is used, revoke its id as one that is unknown (--unknown)")

// RevokeName shuts out a name that no certificate in the log belongs to: somebody
// made it up, its PC is gone with its certificate, or its enrolment was never used. What is in the log in its name is then not
// waited for any more; it stays in doubt. ErrNotFound where the name is that of a desk of the practice. Should its
// certificate come all the same, the desk is revoked from this place in the log on.
func (a *Agent) RevokeName(ctx context.Context, device, author string) (Written, error) {
	if err := a.beginWriting(ctx); err != nil {
		return Written{}, err
	}
	defer a.unlockWriting()
	switch state, err := a.store.Record(ctx, deviceRecord(device)); {
	case errors.Is(err, projections.ErrNotFound):
	case err != nil:
		return Written{}, fmt.Errorf("revoke the unknown name %s: %w", device, err)
	default:
		if _, err := fhirjson.DeviceOf(state.Shown.Body); err == nil {
			return Written{}, fmt.Errorf("revoke the unknown name %s: %w: it is a desk of the practice, which is revoked as one that is known", device, ErrNotFound)
		}
	}
	w, err := a.write(ctx, Draft{Record: deviceRecord(device), Author: author, Delete: true, unseen: true})
	if err != nil {
		return Written{}, fmt.Errorf("revoke the unknown name %s: %w", device, err)
	}
	return w, nil
}

// leftOut reports whether events wait for the certificate of a device.
func (a *Agent) leftOut(ctx context.Context, device string) bool {
	left, err := a.replica.LeftOut(ctx)
	return err == nil && left.Unvouched[device] > 0
}
