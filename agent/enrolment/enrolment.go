package enrolment

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/nats-io/nkeys"

	"github.com/carelog/carelog/broker"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/internal/localdisk"
)

// Enrolment is all that a device needs to be part of its practice. It is a secret.
type Enrolment struct {
	Version     int      `json:"version"` // 1
	Practice    string   `json:"practice"`
	Name        string   `json:"practice_name"`
	Device      string   `json:"device"`
	DeviceName  string   `json:"device_name"`
	URLs        []string `json:"broker"`
	JWT         string   `json:"jwt"`          // the broker's permission
	Seed        string   `json:"seed"`         // of the nkey that the permission is for
	SigningSeed []byte   `json:"signing_seed"` // Ed25519, 32 bytes
	PracticeKey []byte   `json:"practice_key"` // AES-256, 32 bytes
	Root        []byte   `json:"root"`         // public half of the practice's root key
	Certificate []byte   `json:"certificate"`  // of the signing key, by the root key
}

const version = 1

// Enrol makes the enrolment of a new device. Its id must not have been used before
// in the practice: a device that is set up again is a new device.
func (s Sheet) Enrol(device, name string) (Enrolment, error) {
	if err := events.ValidateName("device", device); err != nil {
		return Enrolment{}, fmt.Errorf("enrol a device: %w", err)
	}
	if strings.TrimSpace(name) == "" {
		return Enrolment{}, errors.New("enrol a device: give it a name that people know it by")
	}
	account, err := s.Secret.AccountKey()
	if err != nil {
		return Enrolment{}, fmt.Errorf("enrol device %s: %w", device, err)
	}
	jwt, seed, err := broker.IssueUser(account, s.Account, s.Practice, device)
	if err != nil {
		return Enrolment{}, fmt.Errorf("enrol device %s: %w", device, err)
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return Enrolment{}, fmt.Errorf("enrol device %s: %w", device, err)
	}
	root := s.Secret.RootKey()
	return Enrolment{
		Version: version, Practice: s.Practice, Name: s.Name, Device: device, DeviceName: name, URLs: s.URLs,
		JWT: jwt, Seed: seed, SigningSeed: private.Seed(), PracticeKey: s.Secret.PracticeKey(),
		Root: root.Public().(ed25519.PublicKey), Certificate: events.Certify(root, s.Practice, device, public),
	}, nil
}

// SigningKey is the device's own key.
func (e Enrolment) SigningKey() ed25519.PrivateKey { return ed25519.NewKeyFromSeed(e.SigningSeed) }

// User is the public key with which the device logs in to the broker.
func (e Enrolment) User() (string, error) {
	pair, err := nkeys.FromSeed([]byte(e.Seed))
	if err != nil {
		return "", fmt.Errorf("the enrolment of device %s is damaged: %w", e.Device, err)
	}
	return pair.PublicKey()
}

// Validate reports what is wrong with the enrolment.
func (e Enrolment) Validate() error {
	if e.Version == 0 {
		return errors.New("it is not a file that `carelog device enrol` made")
	}
	if e.Version != version {
		return fmt.Errorf("the enrolment has form %d, and this carelog knows form %d: update carelog", e.Version, version)
	}
	if len(e.SigningSeed) != ed25519.SeedSize || len(e.PracticeKey) != 32 || len(e.Root) != ed25519.PublicKeySize {
		return errors.New("the enrolment is damaged: a key has the wrong length; enrol the device again")
	}
	if len(e.URLs) == 0 {
		return errors.New("the enrolment names no broker: enrol the device again")
	}
	if err := errors.Join(events.ValidateName("practice", e.Practice), events.ValidateName("device", e.Device)); err != nil {
		return fmt.Errorf("the enrolment is damaged: %w", err)
	}
	public := e.SigningKey().Public().(ed25519.PublicKey)
	return events.VerifyCertificate(e.Root, e.Practice, e.Device, public, e.Certificate)
}

// Save writes the enrolment to a new file that only its owner can read.
func (e Enrolment) Save(path string) error {
	text, err := json.MarshalIndent(e, "", "  ")
	if err != nil {
		return fmt.Errorf("save enrolment %s: %w", path, err)
	}
	return WriteSecret(path, append(text, '\n'))
}

// Load reads an enrolment and checks it.
func Load(path string) (Enrolment, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Enrolment{}, fmt.Errorf("there is no enrolment at %s: make one with `carelog device enrol`: %w", path, err)
	}
	if err != nil {
		return Enrolment{}, fmt.Errorf("load enrolment: %w", err)
	}
	var e Enrolment
	if err := json.Unmarshal(text, &e); err != nil {
		return Enrolment{}, fmt.Errorf("load enrolment %s: it is not a file that `carelog device enrol` made: %w", path, err)
	}
	if err := e.Validate(); err != nil {
		return Enrolment{}, fmt.Errorf("load enrolment %s: %w", path, err)
	}
	return e, nil
}

// takenError says that a file stands under the name of a new secret.
type takenError struct{ path string }

// Error says what to do.
func (e takenError) Error() string {
	return e.path + " is there already, and is left as it is: give another name"
}

// Unwrap returns fs.ErrExist.
func (takenError) Unwrap() error { return fs.ErrExist }

// WriteSecret writes a new file that only its owner can read, as a whole or not at all, on
// disk when it returns. A file that exists is left alone.
func WriteSecret(path string, text []byte) error {
	if _, err := os.Lstat(path); err == nil {
		return takenError{path}
	}
	if err := localdisk.WriteFile(path, text); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}
