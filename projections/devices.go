package projections

import (
	"context"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections/fhirjson"
)

// deviceType is the type of the records that say who may sign.
const deviceType = "Device"

// Devices is every device that has a readable record, by id: who may sign, and until
// where in the log. Where heads differ on it, the one that revokes counts: a wrong
// "may sign" lets foreign events in, a wrong "may not" is seen and put right.
func (s *Store) Devices(ctx context.Context) ([]Device, error) {
	var list []Device
	err := s.view(ctx, "list the devices", func(v *view) error {
		states, err := v.states("WHERE r.type = ? ORDER BY r.id", deviceType)
		if err != nil {
			return err
		}
		for _, state := range states {
			d, ok, err := v.device(state)
			if err != nil {
				return err
			}
			if ok {
				list = append(list, d)
			}
		}
		return nil
	})
	return list, err
}

// device reads the key from the newest version that has one, and the revocation from
// the heads and what leads up to them.
func (v *view) device(state State) (Device, bool, error) {
	d := Device{ID: state.Record.ID, Active: true}
	versions := make(map[events.ID]Version)
	var newest events.ID
	if _, err := v.versions(eventTables+"WHERE r.type = ? AND r.id = ? AND "+versionOf+" ORDER BY e.id", []any{deviceType, d.ID}, func(got Version) error {
		versions[got.Event.ID] = got
		if _, ok := keyOf(got); ok {
			newest = got.Event.ID
		}
		return nil
	}); err != nil {
		return d, false, err
	}
	key, ok := keyOf(versions[newest])
	if shown, readable := keyOf(state.Shown); readable {
		key = shown
	}
	d.Name, d.PublicKey, d.Certificate = key.Name, key.Public, key.Certificate
	for _, head := range state.Heads {
		if !revokes(head) {
			continue
		}
		d.Active = false
		if at := revokedAt(head, versions); at != 0 && (d.RevokedAt == 0 || at < d.RevokedAt) {
			d.RevokedAt = at
		}
	}
	return d, ok, nil
}

// revokedAt goes back from a head that revokes, as long as its parents do, to the
// first place in the log where that was said.
func revokedAt(head Version, versions map[events.ID]Version) uint64 {
	at := head.Sequence
	seen := map[events.ID]bool{head.Event.ID: true}
	for todo := []Version{head}; len(todo) > 0; {
		v := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if v.Sequence != 0 && (at == 0 || v.Sequence < at) {
			at = v.Sequence
		}
		for _, id := range v.Event.Parents {
			if p, ok := versions[id]; ok && !seen[id] && revokes(p) {
				seen[id] = true
				todo = append(todo, p)
			}
		}
	}
	return at
}

// revokes reports whether a version of a Device record says that it may not sign. One
// that cannot be read says nothing.
func revokes(v Version) bool {
	if v.Deleted() {
		return true
	}
	key, ok := keyOf(v)
	return ok && !key.Active
}

func keyOf(v Version) (fhirjson.DeviceKey, bool) {
	if v.Body == nil {
		return fhirjson.DeviceKey{}, false
	}
	key, err := fhirjson.DeviceOf(v.Body)
	return key, err == nil
}
