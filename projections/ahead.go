package projections

import (
	"context"

	"github.com/carelog/carelog/events"
)

// Farthest is the message with the highest place in the log of all that are here and
// behind a place: one that was read ahead, where that is the position. Zero where there
// is none, as nearly always.
func (s *Store) Farthest(ctx context.Context, after uint64) (at events.Stored, err error) {
	var sequence int64
	err = s.peek(ctx, "find the farthest message of the log", func(v *view) error {
		_, err := v.one(`SELECT max(ifnull((SELECT max(sequence) FROM event WHERE sequence <> 0), 0), ifnull((SELECT max(sequence) FROM stray), 0),
			ifnull((SELECT max(sequence) FROM repeat), 0))`, nil, &sequence)
		return err
	})
	if err != nil || sequence <= int64(after) {
		return events.Stored{}, err
	}
	for m, err := range s.Log(ctx, uint64(sequence)) {
		return m, err
	}
	return events.Stored{}, nil
}
