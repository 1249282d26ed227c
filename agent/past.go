package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/carelog/carelog/agent/light"
	"github.com/carelog/carelog/internal/localdisk"
)

// pastFile has the last synchronisations that ended, so that a start does not forget them. Nothing is decided by it.
const pastFile = "synchronisations.json"

// pastBytes is more than the file ever has; what is longer is not ours.
const pastBytes = 64 << 10

// kept is what stands in the file.
type kept struct {
	Synchronisations []light.Episode `json:"synchronisations"` // the newest first
}

// Past returns the last synchronisations, light.KeptEpisodes at most, the newest first; also those of before this start that had ended.
func (a *Agent) Past() []light.Episode { return a.light.Past() }

// openPast lets the light remember what the file has. One that cannot be read costs a list of what is over, and keeps no desk from starting.
func (a *Agent) openPast() {
	path := filepath.Join(a.config.Data, pastFile)
	past, err := readPast(path)
	if err != nil {
		a.log.Warn("the list of the last synchronisations is damaged and begins anew", "file", path, "err", err)
		if err := os.Remove(path); err != nil {
			a.log.Warn("the damaged list of the last synchronisations was not removed", "err", err)
		}
		return
	}
	a.light.Remember(past)
	if len(past) > 0 {
		a.keptPast = past[0]
	}
}

func readPast(path string) ([]light.Episode, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, pastBytes+1))
	if err != nil {
		return nil, err
	}
	if len(text) > pastBytes {
		return nil, fmt.Errorf("it has more than %d bytes", pastBytes)
	}
	var k kept
	err = json.Unmarshal(text, &k)
	return k.Synchronisations, err
}

// keepPast writes the file whenever a synchronisation has ended, until ctx ends.
func (a *Agent) keepPast(ctx context.Context) {
	for ctx.Err() == nil {
		lit := a.lit.wait()
		a.writePast()
		select {
		case <-lit:
		case <-ctx.Done():
		}
	}
}

// writePast writes what has ended since it was last written. On a disk that is full it waits: what room is left is for changes.
func (a *Agent) writePast() {
	past := a.light.Past()
	if len(past) > 0 && past[0].Ended.IsZero() {
		past = past[1:]
	}
	if len(past) == 0 || past[0] == a.keptPast || !a.reserve.whole.Load() {
		return
	}
	text, err := json.Marshal(kept{past})
	if err == nil {
		err = localdisk.WriteFile(filepath.Join(a.config.Data, pastFile), text)
	}
	if err != nil {
		a.log.Warn("the list of the last synchronisations was not kept", "err", err)
	}
	a.keptPast = past[0] // also where it failed: the next one tries again
}
