package projections

import (
	"context"

	"github.com/carelog/carelog/events"
)

// Farthest is the message with the highest place in the log of all that are here: the
// one at the position or, where dossiers were read ahead of it, one after it. Zero
// where there is none.
func (s *Store) Farthest(ctx context.Context) (at events.Stored, err error) {
	var sequence int64
	err = s.view(ctx, "find the farthest message of the log", func(v *view) error {
		_, err := v.one(`SELECT max(ifnull((SELECT max(sequence) FROM event WHERE sequence <> 0), 0), ifnull((SELECT max(sequence) FROM stray), 0),
			ifnull((SELECT max(sequence) FROM repeat), 0))`, nil, &sequence)
		return err
	})
	if err != nil || sequence <= 0 {
		return events.Stored{}, err
	}
	for m, err := range s.Log(ctx, uint64(sequence)) {
		return m, err
	}
	return events.Stored{}, nil
}
