package events

import (
	"encoding/json"
	"errors"
	"fmt"
)

// Opened is a dossier that is open at a desk, and who has it open there.
type Opened struct {
	Patient string `json:"patient"`
	Author  string `json:"author"`
}

// MaxOpened is how many dossiers a desk says it has open; of more it says these.
const MaxOpened = 32

// openedBlock is what the plain text is filled up to a multiple of, so that its size does not
// tell how many dossiers are open.
const openedBlock = 512

// maxOpenedSealed bounds what is worth opening.
const maxOpenedSealed = 16 << 10

// SealOpened seals what a device has open, for the devices of its practice: k is the key of the
// practice. It is no event: nothing keeps it.
func (k Key) SealOpened(practice, device string, list []Opened) ([]byte, error) {
	plain, err := json.Marshal(list[:min(len(list), MaxOpened)])
	if err != nil {
		return nil, fmt.Errorf("seal what is open: %w", err)
	}
	for len(plain)%openedBlock != 0 {
		plain = append(plain, ' ')
	}
	return k.box(plain, openedData(practice, device)), nil
}

// ReadOpened reverses SealOpened. An error says that it is not that device's, or not fit to be
// shown.
func (k Key) ReadOpened(practice, device string, sealed []byte) (list []Opened, err error) {
	if len(sealed) > maxOpenedSealed {
		return nil, errors.New("what a desk says it has open is too long")
	}
	plain, err := k.unbox(nil, sealed, openedData(practice, device))
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(plain, &list); err != nil {
		return nil, fmt.Errorf("what a desk says it has open cannot be read: %w", err)
	}
	if len(list) > MaxOpened {
		return nil, fmt.Errorf("a desk says it has %d dossiers open: at most %d are said", len(list), MaxOpened)
	}
	for _, o := range list {
		if err := ValidateID("patient", o.Patient); err != nil {
			return nil, err
		}
		if o.Author != "" {
			if err := ValidateID("author", o.Author); err != nil {
				return nil, err
			}
		}
	}
	return list, nil
}

func openedData(practice, device string) []byte {
	return []byte("carelog open v1\n" + practice + "\n" + device + "\n")
}
