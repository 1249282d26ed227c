package main

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/carelog/carelog/agent/enrolment"
	"github.com/carelog/carelog/broker"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections/fhirjson"
)

// namesakePatience is how long the broker may take to tell of the other devices: an enrolment
// is made without it as well.
const namesakePatience = time.Second

// namesakes are the ids of other devices that are in use and have the name of an enrolment, as
// far as they have ever run. Whether they are who they say is for a desk to check.
func namesakes(ctx context.Context, e enrolment.Enrolment) (ids []string, err error) {
	ctx, cancel := context.WithTimeout(ctx, namesakePatience)
	defer cancel()
	practiceKey, err := events.KeyFrom(e.PracticeKey)
	if err != nil {
		return nil, err
	}
	log, err := reach(ctx, e, false)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	ring := events.NewKeyring(practiceKey)
	for m, err := range log.Dossier(ctx, "", 0) { // the practice's own records, of which devices are
		if err != nil {
			return nil, err
		}
		event, err := events.Decode(m.Message)
		if err != nil || event.Record.Type != "Device" || event.Record.ID == e.Device {
			continue
		}
		device, err := deviceIn(ctx, log, ring, event)
		if err != nil {
			continue // none of a desk, or none that can be read
		}
		ids = slices.DeleteFunc(ids, func(id string) bool { return id == event.Record.ID })
		if device.Active && device.Name == e.DeviceName {
			ids = append(ids, event.Record.ID)
		}
	}
	return ids, nil
}

// deviceIn opens the record of a device, with a key that is fetched where it is needed.
func deviceIn(ctx context.Context, log *broker.Log, ring *events.Keyring, e *events.Event) (fhirjson.DeviceKey, error) {
	body, err := ring.Open(e)
	if errors.Is(err, events.ErrNoKey) {
		var id events.KeyID
		var key events.WrappedKey
		if id, err = events.SealedBy(e.Sealed); err == nil {
			key, err = log.Key(ctx, e.Patient, id)
		}
		if err == nil {
			err = ring.Add(key)
		}
		if err == nil {
			body, err = ring.Open(e)
		}
	}
	if err != nil {
		return fhirjson.DeviceKey{}, err
	}
	return fhirjson.DeviceOf(body)
}
