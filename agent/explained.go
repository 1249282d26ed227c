package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/internal/localdisk"
)

// explainedFile has the positions that other devices had stated of the log as it was before the
// server lost a part of it, and up to which this desk had read the same.
const explainedFile = "explained.json"

// explain notes, before the log is read again, which devices had read the same as this one. What
// the server lost and is given back has new places, so their words are of a log that is no more:
// a desk that is switched off, and cannot say a newer one, would be doubted until somebody
// switches it on, and two that heal at the same time would doubt each other. A server that cannot
// tell where they stand is healed all the same: a doubt ends when its device connects, and what
// the server lost is perhaps nowhere else than here.
func (s *session) explain(ctx context.Context) error {
	stated, err := s.log.Positions(ctx)
	if err != nil {
		if _, lost := s.log.State(ctx); lost != nil { // it is the line, and the next session asks again
			return fmt.Errorf("ask for the positions of the other devices: %w", err)
		}
		s.agent.log.Warn("the server does not tell where the other devices stand; what it lost is given back all the same", "err", err)
		return nil
	}
	a := s.agent
	agreed, err := a.replica.Agreed(ctx, stated)
	if err != nil {
		return err
	}
	for _, p := range stated { // what was explained before, and is still what the device says
		if a.isExplained(p) && !has(agreed, p) {
			agreed = append(agreed, p)
		}
	}
	text, err := json.Marshal(agreed)
	if err == nil {
		err = localdisk.WriteFile(filepath.Join(a.config.Data, explainedFile), text)
	}
	if err != nil {
		return fmt.Errorf("note up to where the other devices had read the same: %w", ofDisk(err))
	}
	a.explained = agreed
	return nil
}

func (a *Agent) isExplained(p events.SignedPosition) bool { return has(a.explained, p) }

// has reports whether a word is among others.
func has(words []events.SignedPosition, p events.SignedPosition) bool {
	return slices.ContainsFunc(words, func(e events.SignedPosition) bool {
		return e.Device == p.Device && e.Stream == p.Stream && e.Position == p.Position
	})
}

// openExplained reads what was noted. It holds for the copy of the log that it was noted beside: a
// new one has nothing that could be given back.
func (a *Agent) openExplained(ctx context.Context) error {
	path := filepath.Join(a.config.Data, explainedFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	position, _, _ := a.replica.Position()
	owes, err := a.replica.Owes(ctx)
	if err != nil {
		return err
	}
	if position.Sequence == 0 && !owes || json.Unmarshal(text, &a.explained) != nil {
		a.explained = nil // a file that cannot be read costs no more than a doubt that was explained
		return os.Remove(path)
	}
	return nil
}
