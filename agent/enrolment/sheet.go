package enrolment

import (
	"bufio"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/nats-io/nkeys"

	"github.com/carelog/carelog/broker"
	"github.com/carelog/carelog/events"
)

// Secret is what everything else of a practice follows from.
type Secret [32]byte

// Sheet is the recovery sheet of a practice.
type Sheet struct {
	Practice string   // id
	Name     string   // for people
	Account  string   // public key of the practice's account on the broker
	URLs     []string // of the broker
	Secret   Secret
}

// NewSecret makes a secret from crypto/rand.
func NewSecret() (s Secret) {
	rand.Read(s[:]) // never fails: it ends the program instead
	return s
}

func (s Secret) derive(use string) []byte {
	key, err := hkdf.Key(sha256.New, s[:], nil, "carelog "+use+" v1", 32)
	if err != nil {
		panic(err) // the length is a constant within HKDF's bounds
	}
	return key
}

// PracticeKey wraps the keys of the patients. Every enrolled device has it.
func (s Secret) PracticeKey() []byte { return s.derive("practice key") }

// RootKey certifies the devices of the practice.
func (s Secret) RootKey() ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(s.derive("root key"))
}

// AccountKey signs the log-ins of devices; the broker knows its public half.
func (s Secret) AccountKey() (nkeys.KeyPair, error) {
	seed, err := nkeys.EncodeSeed(nkeys.PrefixByteAccount, s.derive("account key"))
	if err != nil {
		return nil, fmt.Errorf("derive the account key: %w", err)
	}
	return nkeys.FromSeed(seed)
}

var letters = base32.StdEncoding.WithPadding(base32.NoPadding)

// String writes the secret as it is printed: 14 groups of four letters and digits,
// the last 20 bits of which are a check against typing errors.
func (s Secret) String() string {
	sum := sha256.Sum256(s[:])
	text := letters.EncodeToString(append(s[:], sum[:3]...))
	var groups []string
	for chunk := range strings.SplitSeq(text, "") {
		if n := len(groups); n > 0 && len(groups[n-1]) < 4 {
			groups[n-1] += chunk
			continue
		}
		groups = append(groups, chunk)
	}
	return strings.Join(groups, "-")
}

// ErrMistyped says that a secret does not match its own check.
var ErrMistyped = errors.New("the secret was mistyped or is incomplete: compare it with the recovery sheet, group by group")

// ParseSecret reads what String wrote; case, spaces and hyphens do not matter.
func ParseSecret(text string) (s Secret, err error) {
	text = strings.NewReplacer("-", "", " ", "", "0", "O", "1", "I", "8", "B").Replace(strings.ToUpper(text))
	raw, err := letters.DecodeString(text)
	if err != nil || len(raw) != len(s)+3 {
		return Secret{}, ErrMistyped
	}
	copy(s[:], raw)
	if sum := sha256.Sum256(s[:]); string(sum[:3]) != string(raw[len(s):]) {
		return Secret{}, ErrMistyped
	}
	return s, nil
}

// WriteTo writes the sheet as it is printed and read again.
func (s Sheet) WriteTo(w io.Writer) (int64, error) {
	n, err := fmt.Fprintf(w, `# carelog recovery sheet
#
# Print this page, put it in the safe of the practice, and delete the file.
# Whoever has it can enrol devices and read every dossier of the practice.
# Without it and without an enrolled device, nobody can.

practice: %s
name:     %s
account:  %s
broker:   %s
secret:   %s
`, s.Practice, s.Name, s.Account, strings.Join(s.URLs, ","), s.Secret)
	return int64(n), err
}

// ParseSheet reads a recovery sheet.
func ParseSheet(r io.Reader) (Sheet, error) {
	var s Sheet
	seen := make(map[string]bool)
	lines := bufio.NewScanner(io.LimitReader(r, 64<<10))
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		var err error
		switch name {
		case "practice":
			s.Practice, err = value, events.ValidateName("practice", value)
		case "name":
			s.Name = value
		case "account":
			s.Account = value
			if !nkeys.IsValidPublicAccountKey(value) {
				err = fmt.Errorf("account %q is no public key of an account", value)
			}
		case "broker":
			s.URLs = strings.Split(value, ",")
			for _, address := range s.URLs {
				err = errors.Join(err, broker.ValidateURL(address))
			}
		case "secret":
			s.Secret, err = ParseSecret(value)
		}
		if err != nil {
			return Sheet{}, fmt.Errorf("read the recovery sheet: %w", err)
		}
		seen[name] = true
	}
	if err := lines.Err(); err != nil {
		return Sheet{}, fmt.Errorf("read the recovery sheet: %w", err)
	}
	for _, name := range []string{"practice", "account", "broker", "secret"} {
		if !seen[name] {
			return Sheet{}, fmt.Errorf("read the recovery sheet: the line %q is missing", name+":")
		}
	}
	return s, nil
}
