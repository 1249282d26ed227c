package projections

import (
	"context"
	"fmt"

	"github.com/carelog/carelog/events"
)

// Tip is where the next version of a record goes: what stands of it, and how far its
// dossier has come. It is what a writer asks first, so it opens no body and reads no event.
type Tip struct {
	Heads   int       // 0: no version of the record is here
	Shown   events.ID // the head shown, of which the next two are
	Patient string
	Deleted bool
	End     uint64 // highest place in the log that a message of the dossier is known to have; 0: none
}

var selectTip = &statement{`SELECT ifnull((SELECT sequence FROM dossier WHERE patient = ?), 0),
	ifnull(r.heads, 0), ifnull(r.shown_id, x''), ifnull((SELECT patient FROM dossier WHERE key = r.dossier), ''), ifnull(r.deleted, 0)
	FROM (SELECT 1) LEFT JOIN record r ON ` + named}

// Tip is that of a record. The end is of the dossier of the patient given, which is
// where the next version is to go. Where nobody is changing the file, the writer is asked: it
// has the pages in its memory, and a reader's first question after a change reads them anew.
func (s *Store) Tip(ctx context.Context, r events.Record, patient string) (tip Tip, err error) {
	what := "find what stands of " + r.String()
	var shown []byte
	args, into := append([]any{patient}, nameArgs(r)...), []any{&tip.End, &tip.Heads, &shown, &tip.Patient, &tip.Deleted}
	if err := s.awaitPromised(ctx); err != nil {
		return tip, fmt.Errorf("%s: %w", what, err)
	}
	if s.tryChanging() {
		defer s.unlockChanging()
		_, err = s.writer.one(selectTip, args, into...)
		err = s.explain(what, err)
	} else {
		err = s.peek(ctx, what, func(v *view) error {
			_, err := v.one(selectTip.text, args, into...)
			return err
		})
	}
	copy(tip.Shown[:], shown)
	return tip, err
}
