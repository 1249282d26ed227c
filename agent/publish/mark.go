package publish

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"io"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections/sumehr"
	"github.com/carelog/carelog/projections/sumehr/check"
	"github.com/carelog/carelog/projections/sumehr/kmehr"
)

// mark is what a message bears that was made in this practice: nobody else can make it, and
// it fits no other content. On the hub it is an identifier like any other.
func (p *Publisher) mark(patient string, digest events.Digest) string {
	h := hmac.New(sha256.New, p.config.Practice)
	_, _ = io.WriteString(h, "carelog sumehr mark 1\n"+patient+"\n"+digest.String()) // a hash takes everything
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// ours reports whether a message on the hub was made in this practice for the patient.
func (p *Publisher) ours(patient string, message *kmehr.Element) bool {
	want := p.mark(patient, sumehr.Digest(message))
	for _, id := range message.At("folder", "transaction").IDs("LOCAL") {
		if id.Attribute("SL") == check.LocalSystem && hmac.Equal([]byte(id.Value()), []byte(want)) {
			return true
		}
	}
	return false
}
