package projections

import (
	"context"

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

const selectTip = `SELECT ifnull((SELECT sequence FROM dossier WHERE patient = ?), 0),
	ifnull(r.heads, 0), ifnull(r.shown_id, x''), ifnull((SELECT patient FROM dossier WHERE key = r.dossier), ''), ifnull(r.deleted, 0)
	FROM (SELECT 1) LEFT JOIN record r ON ` + named

// Tip is that of a record. The end is of the dossier of the patient given, which is
// where the next version is to go.
func (s *Store) Tip(ctx context.Context, r events.Record, patient string) (tip Tip, err error) {
	err = s.peek(ctx, "find what stands of "+r.String(), func(v *view) error {
		var shown []byte
		_, err := v.one(selectTip, append([]any{patient}, nameArgs(r)...), &tip.End, &tip.Heads, &shown, &tip.Patient, &tip.Deleted)
		copy(tip.Shown[:], shown)
		return err
	})
	return tip, err
}
