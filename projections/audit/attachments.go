package audit

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections/fhirjson"
)

// binaryType is the type of the records whose content is kept beside the log.
const binaryType = "Binary"

// attached is a content to which the log refers.
type attached struct {
	first place
	events.Attachment
}

// refers notes the content to which a Binary refers, once for each.
func (v *verifier) refers(it *item, at place) {
	if it.event.Record.Type != binaryType || len(it.body) == 0 || !it.standing.Counts() {
		return
	}
	b, err := fhirjson.BinaryOf(it.body)
	if err != nil || !b.Attached {
		return
	}
	if _, met := v.attached[b.Attachment.Name]; !met {
		v.attached[b.Attachment.Name] = attached{at, b.Attachment}
	}
}

// attachments asks for the pieces of every content. That what is there opens is found out
// by whoever reads it.
func (v *verifier) attachments(ctx context.Context) error {
	v.summary.Attachments = len(v.attached)
	if v.check.Pieces == nil {
		return nil
	}
	inOrder := slices.SortedFunc(maps.Values(v.attached), func(a, b attached) int { return cmp.Compare(a.first.sequence, b.first.sequence) })
	for _, a := range inOrder {
		there, err := v.check.Pieces(ctx, a.Name)
		if err != nil {
			return fmt.Errorf("look for the content of %s: %w", a.first.record, err)
		}
		missing := 0
		for number := range a.Pieces() {
			if !there[number] {
				missing++
			}
		}
		if missing > 0 {
			v.report(a.first.finding(AttachmentMissing, "%d of the %d pieces of its content (%d bytes) are not on the broker: the desk that wrote it, or one that read it, has them and sends them while it is online", missing, a.Pieces(), a.Size))
		}
	}
	return v.err
}
