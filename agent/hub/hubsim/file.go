package hubsim

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/carelog/carelog/projections/sumehr/kmehr"
)

// kept is what the file of a hub holds.
type kept struct {
	Last      int                       `json:"last"`
	Documents map[string][]keptDocument `json:"documents"`
}

type keptDocument struct {
	ID       string        `json:"id"`
	Revoked  bool          `json:"revoked"`
	Versions []keptVersion `json:"versions"`
}

type keptVersion struct {
	Message string    `json:"message"`
	Author  string    `json:"author"`
	At      time.Time `json:"at"`
}

// Open returns a hub that holds what is in a file, and keeps there what it is given. It is
// made where it is not there.
func Open(c Config, file string) (*Hub, error) {
	h := New(c)
	h.file = file
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return h, nil
	}
	var k kept
	if err == nil {
		err = json.Unmarshal(text, &k)
	}
	if err != nil {
		return nil, fmt.Errorf("read what the hub holds: %w", err)
	}
	h.last = max(h.last, k.Last)
	for patient, documents := range k.Documents {
		for _, d := range documents {
			one := &document{id: d.ID, revoked: d.Revoked}
			for _, v := range d.Versions {
				message, err := kmehr.Read([]byte(v.Message))
				if err != nil {
					return nil, fmt.Errorf("read what the hub holds in %s: document %s: %w", file, d.ID, err)
				}
				one.versions = append(one.versions, version{message, v.Author, v.At})
			}
			if len(one.versions) == 0 {
				return nil, fmt.Errorf("read what the hub holds in %s: document %s has no version", file, d.ID)
			}
			h.documents[patient] = append(h.documents[patient], one)
		}
	}
	return h, nil
}

// save keeps what the hub holds, if it has a file. h.mu is held.
func (h *Hub) save() error {
	if h.file == "" {
		return nil
	}
	k := kept{Last: h.last, Documents: map[string][]keptDocument{}}
	for patient, documents := range h.documents {
		for _, d := range documents {
			one := keptDocument{ID: d.id, Revoked: d.revoked}
			for _, v := range d.versions {
				one.Versions = append(one.Versions, keptVersion{string(kmehr.Write(v.message)), v.author, v.at})
			}
			k.Documents[patient] = append(k.Documents[patient], one)
		}
	}
	text, err := json.Marshal(k)
	if err == nil {
		err = os.WriteFile(h.file+".new", text, 0o600)
	}
	if err == nil {
		err = os.Rename(h.file+".new", h.file)
	}
	if err != nil {
		return fmt.Errorf("keep what the hub holds: %w", err)
	}
	return nil
}
