package audit

import (
	"bytes"
	"cmp"
	"crypto/ed25519"
	"fmt"
	"slices"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections/fhirjson"
)

// Standing says whether an event counts: only one that stands, or that could not be
// judged at all, is a version of its record.
type Standing string

// How an event can stand.
const (
	Stands        Standing = ""              // signed by a certified device that was not revoked
	NotJudged     Standing = "not-judged"    // there were no keys to judge it by
	NotCertified  Standing = "not-certified" // no certified key is known for its device
	NotSigned     Standing = "not-signed"    // the signature is not its device's
	SignedRevoked Standing = "revoked"       // its device was revoked by then
)

// Counts reports whether such an event is a version of its record.
func (s Standing) Counts() bool { return s == Stands || s == NotJudged }

// deviceType is the resource type of the records that say who may sign.
const deviceType = "Device"

// trust is what the log says of its devices. A device is let in by a certificate of the practice
// for the key that it has for ever, wherever in the log that stands: one that was lost and given
// back stands behind what it vouches for. It is shut out for ever by the first version of its
// record that is inactive or deleted, from there on: a PC that is set up again is a new device,
// so no later version has to be believed. What its chain vouches for counts all the same: it was sent before, was lost,
// and was given back.
type trust struct {
	practice string
	root     ed25519.PublicKey
	devices  map[string]*deviceTrust
	chains   chainsOf
}

type deviceTrust struct {
	key     ed25519.PublicKey
	revoked bool
	at      uint64          // place of the revocation that decides, once it is revoked
	vouched map[uint64]bool // see chainsOf.vouched
}

func newTrust(k Keys) *trust {
	return &trust{practice: k.Practice, root: k.Root, devices: make(map[string]*deviceTrust)}
}

// of returns the key of the device of an event, nil where none is certified, and whether it is
// revoked at this point of the log, and nothing vouches for the event.
func (t *trust) of(it *item) (key ed25519.PublicKey, revoked bool) {
	d := t.devices[it.event.Device]
	if d == nil {
		return nil, false
	}
	return d.key, d.revoked && !(it.event.Replaces.IsZero() && d.vouched[t.chains.hash(it.fingerprint)])
}

// introduces reports whether an event is a version of a record that can say who may
// sign: one of the practice's own. A patient's pacemaker is a Device too.
func introduces(e *events.Event) bool {
	return e.Record.Type == deviceType && e.Patient == "" && e.Type.InGraph()
}

// isFirst reports whether an event is how a device comes into the practice.
func isFirst(e *events.Event) bool {
	return e.Chain.Counter == 1 && e.Type == events.Written && e.Patient == "" &&
		e.Record == events.Record{Type: deviceType, ID: e.Device}
}

// problem is what is wrong with a Device record, or new in it.
type problem struct {
	code Code
	text string
}

// meet lets in the devices whose certificates stand in a log, whoever brings them: each is the word of
// the practice's root key. What a device signed of itself comes before what others have of it.
func (t *trust) meet(list []introduction) {
	for _, own := range []bool{true, false} {
		for _, it := range list {
			id := it.event.Record.ID
			if t.devices[id] != nil || own && it.event.Device != id {
				continue
			}
			key, err := t.certified(it.body, id)
			if err == nil && (!own || judge(it.event, key, false) == Stands) {
				t.devices[id] = &deviceTrust{key: key}
			}
		}
	}
}

// introduction is a Device record that may bring a certificate.
type introduction struct {
	event *events.Event
	body  []byte
}

// learn judges an event that introduces and takes in what it says. Its body is nil where
// it is a deletion or does not open.
func (t *trust) learn(it *item) (Standing, []problem) {
	e := it.event
	key, revoked := t.of(it)
	d := t.devices[e.Record.ID]
	if d == nil {
		if !isFirst(e) {
			return judge(e, key, revoked), nil // some other apparatus of the practice
		}
		own, err := t.certified(it.body, e.Device)
		if err != nil {
			return NotCertified, []problem{{BadCertificate, fmt.Sprintf("the practice does not vouch for this device: %v", err)}}
		}
		return judge(e, own, false), nil
	}
	if standing := judge(e, key, revoked); standing != Stands {
		return standing, nil
	}
	return Stands, t.change(d, it)
}

// certified returns the key in the body of a Device record that the practice vouches for.
func (t *trust) certified(body []byte, device string) (ed25519.PublicKey, error) {
	said, err := fhirjson.DeviceOf(body)
	if err != nil {
		return nil, err
	}
	if err := events.VerifyCertificate(t.root, t.practice, device, said.Public, said.Certificate); err != nil {
		return nil, err
	}
	return bytes.Clone(said.Public), nil
}

// change takes in a later version of the record of a device that is in.
func (t *trust) change(d *deviceTrust, it *item) (problems []problem) {
	device := it.event.Record.ID
	if it.body != nil {
		if said, err := fhirjson.DeviceOf(it.body); err != nil || !bytes.Equal(said.Public, d.key) {
			problems = append(problems, problem{OtherKey, fmt.Sprintf("this version of device %s does not have its key; the first one stays", device)})
		}
	}
	shut, ends := shutsOut(it.event, it.body)
	if shut && !d.revoked {
		d.revoked, d.at, d.vouched = true, it.stored.Sequence, t.chains.vouched(device, it.stored.Sequence, ends)
		problems = append(problems, problem{DeviceRevoked, fmt.Sprintf("device %s is revoked: what it adds to the log from here on does not count", device)})
	}
	if shut && len(ends) > 0 {
		end := slices.MaxFunc(ends, func(a, b events.Chain) int { return cmp.Compare(a.Counter, b.Counter) }).Counter
		if n := t.chains.late(device, it.stored.Sequence, end, d); n > 0 {
			problems = append(problems, problem{RevocationLate, fmt.Sprintf("%d events of device %s count and stand before this revocation, but were sent after it was made, while the log did not have it: "+
				"they have the numbers from %d on; a person must look whether they are right", n, device, end)})
		}
	}
	return problems
}

// shutsOut reports whether a version of a Device record shuts its device out, and which ends of its chain it lets stand.
func shutsOut(e *events.Event, body []byte) (shut bool, ends []events.Chain) {
	if e.Type == events.Deleted {
		return true, nil
	}
	said, err := fhirjson.DeviceOf(body)
	return body != nil && err == nil && !said.Active, said.Ends
}

// judge says how an event stands under its device's key.
func judge(e *events.Event, key ed25519.PublicKey, revoked bool) Standing {
	switch {
	case key == nil:
		return NotCertified
	case e.Verify(key) != nil:
		return NotSigned
	case revoked:
		return SignedRevoked
	}
	return Stands
}
