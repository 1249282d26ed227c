package projections

import (
	"context"

	"github.com/carelog/carelog/projections/fhirjson"
)

// Devices is every device that has a readable record, by id: who may sign, and until
// where in the log. A revocation is for ever: one version that says so is enough,
// whatever came after it. A wrong "may sign" lets foreign events in; a wrong "may not"
// is seen, and the device is enrolled anew.
func (s *Store) Devices(ctx context.Context) ([]Device, error) {
	var list []Device
	err := s.view(ctx, "list the devices", func(v *view) error {
		states, err := v.states("WHERE r.type = 'Device' ORDER BY r.id")
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

// device reads the key from the version shown, or the newest that has one, and the
// revocation from all of them.
func (v *view) device(state State) (Device, bool, error) {
	d := Device{ID: state.Record.ID, Active: true}
	key, found := keyOf(state.Shown)
	_, err := v.versions(eventTables+"WHERE "+named+" AND "+versionOf+" ORDER BY e.id DESC", nameArgs(state.Record), func(got Version) error {
		if !found {
			key, found = keyOf(got)
		}
		if got.Sequence != 0 && (d.FirstAt == 0 || got.Sequence < d.FirstAt) {
			d.FirstAt = got.Sequence
		}
		if !revokes(got) {
			return nil
		}
		d.Active = false
		if got.Sequence != 0 && (d.RevokedAt == 0 || got.Sequence < d.RevokedAt) {
			d.RevokedAt = got.Sequence
		}
		return nil
	})
	d.Name, d.PublicKey, d.Certificate = key.Name, key.Public, key.Certificate
	return d, found, err
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
