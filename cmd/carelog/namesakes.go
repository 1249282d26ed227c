package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
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
// far as they have ever run; met are all that have, also where the rest could not be read. Whether
// they are who they say is for a desk to check.
func namesakes(ctx context.Context, e enrolment.Enrolment) (ids []string, met map[string]bool, err error) {
	met = make(map[string]bool)
	ctx, cancel := context.WithTimeout(ctx, namesakePatience)
	defer cancel()
	practiceKey, err := events.KeyFrom(e.PracticeKey)
	if err != nil {
		return nil, met, err
	}
	log, err := reach(ctx, e, false)
	if err != nil {
		return nil, met, err
	}
	defer log.Close()
	ring := events.NewKeyring(practiceKey)
	for m, err := range log.Dossier(ctx, "", 0) { // the practice's own records, of which devices are
		if err != nil {
			return nil, met, err
		}
		event, err := events.Decode(m.Message)
		if err != nil || event.Record.Type != "Device" || event.Record.ID == e.Device {
			continue
		}
		device, err := deviceIn(ctx, log, ring, event)
		if err != nil {
			continue // none of a desk, or none that can be read
		}
		met[event.Record.ID] = true
		ids = slices.DeleteFunc(ids, func(id string) bool { return id == event.Record.ID })
		if device.Active && device.Name == e.DeviceName {
			ids = append(ids, event.Record.ID)
		}
	}
	return ids, met, nil
}

// maxEnrolment is how many bytes of a file are an enrolment at most.
const maxEnrolment = 16 << 10

// lyingBeside are the files beside an enrolment that enrol another device under the same name:
// nobody may have heard of that one, since it has not been started.
func lyingBeside(path string, e enrolment.Enrolment, met map[string]bool) (files []string) {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return nil
	}
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil || !info.Mode().IsRegular() || info.Size() > maxEnrolment {
			continue
		}
		file := filepath.Join(filepath.Dir(path), entry.Name())
		other, err := enrolment.Load(file)
		if err == nil && other.Practice == e.Practice && other.DeviceName == e.DeviceName && other.Device != e.Device && !met[other.Device] {
			files = append(files, fmt.Sprintf("%s, of device %s", file, other.Device))
		}
	}
	return files
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
