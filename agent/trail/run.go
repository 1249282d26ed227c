package trail

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/carelog/carelog/events"
)

// A run is lines of one desk, as they go to the server: an Ed25519 signature of 64 bytes, the
// id of its last entry, and its head and lines sealed (see events.Key) under a key that is
// derived from the practice's.
const (
	usualRun = 64 << 10 // of the lines, before they are packed
	maxRun   = 4 << 20  // no run is longer, whoever made it
)

// head says where a run stands: behind another, and in the files of its desk.
type head struct {
	Previous uint64 `json:"previous"` // sequence of the run before it; 0: it is the first
	From     place  `json:"from"`
	To       place  `json:"to"`
	// Highest is the greatest id in all runs before it; zero: none of them is higher than
	// this one. A desk whose folder came back from a copy, under a clock that is behind, has
	// forgotten ids that it sent, and gives lower ones.
	Highest events.ID `json:"highest,omitzero"`
}

// run is one that was opened.
type run struct {
	head
	sequence uint64 // its own
	entries  []Entry
}

// highest is the greatest id in it and in all before it.
func (r run) highest() events.ID {
	id := r.Highest
	for _, e := range r.entries {
		id = later(id, e.ID)
	}
	return id
}

// enough reports whether nothing that is wanted stands in the runs before.
func (r run) enough(q Query) bool {
	return len(r.entries) > 0 && q.over(r.entries[0].ID) && q.over(r.Highest)
}

func later(a, b events.ID) events.ID {
	if a.Compare(b) < 0 {
		return b
	}
	return a
}

// ErrForged says that a run was not made by the desk in whose name it stands.
var ErrForged = errors.New("looks stand in the name of a desk that did not sign them")

// runKey seals the runs of a practice.
func (p *Practice) runKey() (events.Key, error) {
	raw, err := hkdf.Key(sha256.New, p.Key, nil, "carelog looks v1\n"+p.ID+"\n", 32)
	if err != nil {
		return events.Key{}, err
	}
	return events.KeyFrom(raw)
}

func (p *Practice) signedText(device string, text []byte) []byte {
	return append(fmt.Appendf(nil, "carelog looks v1\n%s\n%s\n", p.ID, device), text...)
}

// runOf is what a run is sealed as: every desk has its own.
func runOf(device string) events.Record { return events.Record{Type: "AuditEvent", ID: device} }

// seal makes a run of lines.
func (p *Practice) seal(device string, h head, last events.ID, lines []byte) ([]byte, error) {
	key, err := p.runKey()
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(h)
	if err != nil {
		return nil, err
	}
	sealed, err := key.Seal(last, runOf(device), append(append(text, '\n'), lines...))
	if err != nil {
		return nil, err
	}
	body := append(last[:], sealed...)
	return append(ed25519.Sign(p.Sign, p.signedText(device, body)), body...), nil
}

// open opens a run that stands in the name of a device with that key.
func (p *Practice) open(device string, public ed25519.PublicKey, data []byte) (r run, err error) {
	const fore = ed25519.SignatureSize + len(events.ID{})
	if len(data) < fore {
		return r, &events.DamagedError{Name: "looks of " + device, Reason: fmt.Sprintf("they have %d bytes only", len(data))}
	}
	signature, body := data[:ed25519.SignatureSize], data[ed25519.SignatureSize:]
	if !ed25519.Verify(public, p.signedText(device, body), signature) {
		return r, fmt.Errorf("device %q: %w", device, ErrForged)
	}
	key, err := p.runKey()
	if err != nil {
		return r, err
	}
	plain, err := key.Open(events.ID(body), runOf(device), body[len(events.ID{}):])
	if err != nil {
		return r, fmt.Errorf("open looks of %s: %w", device, err)
	}
	return parseRun(device, plain)
}

// parseRun takes apart what was sealed. A line that is none is passed over.
func parseRun(device string, plain []byte) (r run, err error) {
	text, lines, _ := bytes.Cut(plain, []byte{'\n'})
	if err := json.Unmarshal(text, &r.head); err != nil {
		return r, &events.DamagedError{Name: "looks of " + device, Reason: err.Error()}
	}
	for line := range bytes.Lines(lines) {
		if e, ok := parse(line); ok {
			e.Device = device
			r.entries = append(r.entries, e)
		}
	}
	return r, nil
}
