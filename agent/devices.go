package agent

import (
	"context"
	"errors"
	"fmt"

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

// RevokeDevice shuts a desk out for ever: what it signs from that place in the log on
// is kept, and counts nowhere. It returns the public key with which the desk logs in
// to the broker, so that the broker can be told as well.
func (a *Agent) RevokeDevice(ctx context.Context, device, author string) (login string, w Written, err error) {
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
		return "", Written{}, fmt.Errorf("revoke device %s: %w", device, err)
	}
	if device == a.config.Enrolment.Device {
		return "", Written{}, fmt.Errorf("revoke device %s: a desk cannot revoke itself; do it at another one", device)
	}
	key.Active = false
	w, err = a.write(ctx, Draft{Record: state.Record, Author: author, Body: fhirjson.DeviceResource(device, key)})
	if err != nil {
		return "", Written{}, fmt.Errorf("revoke device %s: %w", device, err)
	}
	return key.Login, w, nil
}
