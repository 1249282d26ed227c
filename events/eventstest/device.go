package eventstest

import (
	"crypto/ed25519"
	"slices"
	"strings"

	"github.com/carelog/carelog/events"
)

// Device is one PC of the practice.
type Device struct {
	Name   string
	Key    ed25519.PrivateKey
	Next   events.Chain  // what its next event carries; a test may turn it back
	Record *events.Event // the latest version of its Device record
	in     *Practice
}

// Change is what an event is made of. The zero values of Type and Author mean a
// writing by "dr-1".
type Change struct {
	Type     events.Type
	Record   string // Type/id
	Patient  string // empty for the practice's own records
	Author   string
	Body     string // empty: none, as in a deletion
	Parents  []events.ID
	Replaces events.Digest
	Extra    []events.Attribute
}

// Enrol adds a device and pushes its Device record, the first event of its chain.
func (p *Practice) Enrol(name string) *Device {
	p.tb.Helper()
	d := p.Stranger(name)
	d.Record = d.Make(Change{Record: "Device/" + name, Body: d.body(true)})
	p.Push(d.Record)
	return d
}

// Stranger returns a device with a key of its own that nobody certified: it has
// pushed nothing yet.
func (p *Practice) Stranger(name string) *Device {
	return &Device{Name: name, Key: signingKey(name), Next: events.Chain{Counter: 1}, in: p}
}

// Make makes and signs the device's next event. It is not in the log until Push.
func (d *Device) Make(c Change) *events.Event {
	d.in.tb.Helper()
	e := d.draft(c)
	e.Sign(d.Key)
	d.Next = e.Follows()
	return e
}

// Write makes and pushes a version of a record, with a body that says note.
func (d *Device) Write(record, patient, note string, parents ...events.ID) *events.Event {
	d.in.tb.Helper()
	e := d.Make(Change{Record: record, Patient: patient, Body: Resource(record, patient, note), Parents: parents})
	d.in.Push(e)
	return e
}

// Delete makes and pushes the deletion of a record.
func (d *Device) Delete(record, patient string, parents ...events.ID) *events.Event {
	d.in.tb.Helper()
	e := d.Make(Change{Type: events.Deleted, Record: record, Patient: patient, Parents: parents})
	d.in.Push(e)
	return e
}

// Erase pushes the erasure of a patient and drops the patient's keys.
func (d *Device) Erase(patient string) *events.Event {
	d.in.tb.Helper()
	e := d.Make(Change{Type: events.Erased, Record: "Patient/" + patient, Patient: patient})
	d.in.Push(e)
	d.in.Ring.Forget(patient)
	d.in.Keys = slices.DeleteFunc(d.in.Keys, func(k events.WrappedKey) bool { return k.Patient == patient })
	return e
}

// Revoke pushes a version of the other device's record that is no longer active.
func (d *Device) Revoke(other *Device) *events.Event {
	d.in.tb.Helper()
	other.Record = d.Make(Change{
		Record: "Device/" + other.Name, Body: other.body(false), Parents: []events.ID{other.Record.ID},
	})
	d.in.Push(other.Record)
	return other.Record
}

// SetAside pushes the stub of an event that was made and that the server refused:
// it has the event's own place on the chain.
func (d *Device) SetAside(e *events.Event) *events.Event {
	d.in.tb.Helper()
	stub := d.draft(Change{Type: events.SetAside, Record: e.Record.String(), Patient: e.Patient, Replaces: e.Link()})
	stub.Chain = e.Chain
	stub.Sign(d.Key)
	d.in.Push(stub)
	return stub
}

// Resource returns a small resource of the record that says note.
func Resource(record, patient, note string) string {
	typ, id, _ := strings.Cut(record, "/")
	subject := ""
	if patient != "" && typ != "Patient" {
		subject = `,"subject":{"reference":"Patient/` + patient + `"}`
	}
	return `{"resourceType":"` + typ + `","id":"` + id + `"` + subject + `,"text":{"div":"` + note + `"}}`
}

// draft makes the event as it will be, without a signature.
func (d *Device) draft(c Change) *events.Event {
	d.in.tb.Helper()
	d.in.tick()
	record, err := events.ParseRecord(c.Record)
	d.in.check(err)
	id, err := d.in.ids.Next(c.Parents...)
	d.in.check(err)
	e := &events.Event{
		ID: id, Type: c.Type, Practice: d.in.ID, Device: d.Name, Record: record, Patient: c.Patient,
		Time: d.in.now, Author: c.Author, Chain: d.Next, Replaces: c.Replaces, Extra: c.Extra,
		Parents: slices.Compact(slices.SortedFunc(slices.Values(c.Parents), events.ID.Compare)),
	}
	if e.Type == "" {
		e.Type = events.Written
	}
	if e.Author == "" {
		e.Author = "dr-1"
	}
	if c.Body != "" {
		e.ContentType = events.ContentFHIR
		d.in.seal(e, []byte(c.Body))
	}
	return e
}

func (d *Device) body(active bool) string {
	public := d.Key.Public().(ed25519.PublicKey)
	return string(d.in.body(d.Name, public, events.Certify(d.in.Root, d.in.ID, d.Name, public), active))
}
