package publish

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
	"github.com/carelog/carelog/projections/sumehr"
	"github.com/carelog/carelog/projections/sumehr/check"
	"github.com/carelog/carelog/projections/sumehr/kmehr"
	"github.com/carelog/carelog/projections/sumehr/standing"
)

// recording is how long a record of what the hub has done may take, also where whoever
// wanted it has gone.
const recording = 30 * time.Second

// publication is what is recorded of a message of ours on the hub: what it says of itself, so
// that two desks that record the same write the same.
func (p *Publisher) publication(d dossier, uri string, message *kmehr.Element) standing.Publication {
	pub := standing.Publication{URI: uri, Hub: p.config.Hub.EHP, Digest: sumehr.Digest(message), At: madeAt(message)}
	if all := message.At("folder", "transaction", "author").All("hcparty"); len(all) > 0 {
		pub.Author = strings.TrimPrefix(all[len(all)-1].Local(check.LocalSystem), "Practitioner/")
	}
	if pub.Digest == d.facts.Digest {
		pub.Made = d.facts.Made // else the dossier has moved on, and what it was made from is not told
	}
	return pub
}

// madeAt is the moment of a message, in whole seconds.
func madeAt(message *kmehr.Element) time.Time {
	tx := message.At("folder", "transaction")
	at, err := time.Parse("2006-01-02T15:04:05Z07:00", tx.At("date").Value()+"T"+tx.At("time").Value())
	if err != nil {
		return time.Time{}
	}
	return at.UTC()
}

// record puts a publication into the dossier, on top of whatever is said there,
// as by the person who asked for it; nobody did where by is empty. Who answers for the Sumehr stands in it.
func (p *Publisher) record(ctx context.Context, d dossier, pub standing.Publication, by string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recording)
	defer cancel()
	pub.Record = events.Record{Type: "DocumentReference", ID: recordID(d.in.Patient)}
	if d.facts.Published != nil {
		pub.Record = d.facts.Published.Record
	}
	body, err := pub.Body(d.in.Patient)
	if err != nil {
		return err
	}
	for {
		draft := agent.Draft{Record: pub.Record, Patient: d.in.Patient, Author: cmp.Or(by, pub.Author), Body: body}
		state, err := p.config.Records.Record(ctx, pub.Record)
		if err != nil && !errors.Is(err, projections.ErrNotFound) {
			return fmt.Errorf("record what the hub holds: %w", err)
		}
		for _, h := range state.Heads {
			draft.Parents = append(draft.Parents, h.Event.ID)
		}
		_, err = p.config.Desk.Write(ctx, draft)
		var stale *agent.StaleError
		if err == nil || !errors.As(err, &stale) || ctx.Err() != nil {
			return unrecorded(err)
		}
	}
}

func unrecorded(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("record what the hub holds: %w", err)
}

// recordID is that of the record of a patient's publications.
func recordID(patient string) string {
	if id := "sumehr-" + patient; events.ValidateID("DocumentReference", id) == nil {
		return id
	}
	sum := sha256.Sum256([]byte(patient))
	return "sumehr-" + hex.EncodeToString(sum[:16])
}
