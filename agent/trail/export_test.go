package trail

import (
	"crypto/ed25519"
	"io"

	"github.com/carelog/carelog/events"
)

// SetRunSize makes runs of fewer bytes than usual.
func (t *Trail) SetRunSize(bytes int) { t.runSize = bytes }

// SetEntropy has the chance in the ids come from r.
func (t *Trail) SetEntropy(r io.Reader) { t.clock = events.NewClock(t.config.Now, r) }

// ParseRun is what a desk reads of a run that was opened.
func ParseRun(plain []byte) ([]Entry, error) {
	r, err := parseRun("a", plain)
	return r.entries, err
}

// OpenRun opens a run of a device.
func (p *Practice) OpenRun(device string, public ed25519.PublicKey, data []byte) (list []Entry, previous uint64, err error) {
	r, err := p.open(device, public, data)
	return r.entries, r.Previous, err
}
