package broker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/internal/localdisk"
)

// Operator is the folder with the keys of whoever runs the broker:
//
//	operator.seed                signs accounts
//	operator.jwt                 makes an existing NATS server trust this operator
//	system.seed                  the broker's own account
//	accounts/<key>.jwt           an account, as the broker reads it
//	practices/<id>.seed          the identity of the account with a practice's streams
//	practices/<id>.desks.seed    and of the account with its devices
//
// All files are for this user only. Nothing here opens a record: the keys of the
// patients and of the practice are not the operator's.
type Operator struct {
	dir    string
	key    nkeys.KeyPair
	claims *jwt.OperatorClaims
	system string // public key
}

const (
	seedSuffix = ".seed"
	jwtSuffix  = ".jwt"
)

// OpenOperator opens the folder; on first use it makes the folder, its keys and
// the system account. Several processes may have it open at once.
func OpenOperator(dir string) (*Operator, error) {
	o, err := openOperator(dir)
	if err != nil {
		return nil, fmt.Errorf("open the operator folder %s: %w", dir, err)
	}
	return o, nil
}

// NoOperatorError says that a folder holds no operator.
type NoOperatorError struct{ Folder string }

// Error names the folder.
func (e *NoOperatorError) Error() string {
	return fmt.Sprintf("no operator of a broker is in %s", e.Folder)
}

// FindOperator is OpenOperator for a folder that is one already; where it is none, nothing is
// made, and the error is a *NoOperatorError.
func FindOperator(dir string) (*Operator, error) {
	there, err := exists(filepath.Join(dir, "operator"+seedSuffix))
	if err == nil && !there {
		err = &NoOperatorError{Folder: dir}
	}
	if err != nil {
		return nil, err
	}
	return OpenOperator(dir)
}

func openOperator(dir string) (*Operator, error) {
	for _, d := range []string{dir, filepath.Join(dir, "accounts"), filepath.Join(dir, "practices")} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return nil, err
		}
	}
	o := &Operator{dir: dir}
	return o, o.locked(context.Background(), func() error {
		var err error
		if o.key, err = keyFile(filepath.Join(dir, "operator"+seedSuffix), nkeys.PrefixByteOperator); err != nil {
			return err
		}
		public, err := o.key.PublicKey()
		if err != nil {
			return err
		}
		system, err := keyFile(filepath.Join(dir, "system"+seedSuffix), nkeys.PrefixByteAccount)
		if err != nil {
			return err
		}
		if o.system, err = system.PublicKey(); err != nil {
			return err
		}
		o.claims = jwt.NewOperatorClaims(public)
		o.claims.Name, o.claims.SystemAccount = "carelog", o.system
		if err := o.writeOperator(); err != nil {
			return err
		}
		if there, err := exists(o.accountPath(o.system)); err != nil || there {
			return err
		}
		account := jwt.NewAccountClaims(o.system)
		account.Name = "SYS"
		return o.writeAccount(account)
	})
}

// writeOperator signs the operator's own claims and, where there are none yet, writes
// them where the configuration of an existing NATS server finds them.
func (o *Operator) writeOperator() error {
	token, err := o.claims.Encode(o.key)
	if err != nil {
		return err
	}
	path := filepath.Join(o.dir, "operator"+jwtSuffix)
	if there, err := exists(path); err != nil || there {
		return err
	}
	return localdisk.WriteFile(path, []byte(token))
}

// AddPractice is a practice to be let in.
type AddPractice struct {
	ID string
	// SigningKey is the public key ("A...") of the practice's own signing key. Who
	// holds its seed enrols the practice's devices, and can do no more than that.
	SigningKey string
	// Before is called, if it is not nil, when the practice gets its account and does not
	// have it yet, with the public key that Account.PublicKey will be: what must not be lost
	// is written here. After an error there is no account.
	Before func(account string) error
}

// Account is what the broker knows of a practice. It is two accounts: see accounts.go.
type Account struct {
	Practice  string
	PublicKey string // "A...": of the account of its devices, which IssueUser wants
	JWT       string // of the same
	Data      string // "A...": of the account with its streams
	DataJWT   string
}

// PracticeExistsError says that a practice has an account with another signing key.
type PracticeExistsError struct{ Practice string }

// Error says what to do.
func (e *PracticeExistsError) Error() string {
	return fmt.Sprintf("practice %s was added to this broker before, with the recovery sheet that was made then: enrol devices with that sheet, make streams that are missing with carelog practice provision, and choose another id for another practice", e.Practice)
}

// AddPractice makes the account of a practice, or returns the one that is there.
// A running broker lets it in at once. Its streams are made by Provision.
func (o *Operator) AddPractice(ctx context.Context, p AddPractice) (Account, error) {
	if err := events.ValidateName("practice", p.ID); err != nil {
		return Account{}, err
	}
	if !nkeys.IsValidPublicAccountKey(p.SigningKey) {
		return Account{}, fmt.Errorf("signing key of practice %s: want the public key of an account, which begins with A", p.ID)
	}
	var account Account
	err := o.locked(ctx, func() (err error) {
		account, err = o.addPractice(p)
		return err
	})
	if err != nil {
		return Account{}, fmt.Errorf("add practice %s: %w", p.ID, err)
	}
	return account, nil
}

// addPractice writes the account of the devices last: with it the practice is there.
func (o *Operator) addPractice(p AddPractice) (Account, error) {
	var public [2]string
	for i, path := range []string{o.dataPath(p.ID), o.desksPath(p.ID)} {
		key, err := keyFile(path, nkeys.PrefixByteAccount)
		if err != nil {
			return Account{}, err
		}
		if public[i], err = key.PublicKey(); err != nil {
			return Account{}, err
		}
	}
	data, desks := public[0], public[1]
	there, err := exists(o.accountPath(desks))
	if err != nil {
		return Account{}, err
	}
	if !there {
		if p.Before != nil {
			if err := p.Before(desks); err != nil {
				return Account{}, err
			}
		}
		if err := o.writeAccount(dataClaims(data, p.ID)); err != nil {
			return Account{}, err
		}
		if err := o.writeAccount(desksClaims(desks, data, p)); err != nil {
			return Account{}, err
		}
	}
	claims, _, err := o.readAccount(desks)
	if err != nil {
		return Account{}, err
	}
	if !claims.SigningKeys.Contains(p.SigningKey) {
		return Account{}, &PracticeExistsError{Practice: p.ID}
	}
	return o.Account(p.ID)
}

// Account returns the account of a practice; an error that wraps fs.ErrNotExist
// where there is none.
func (o *Operator) Account(practice string) (Account, error) {
	a := Account{Practice: practice}
	if err := events.ValidateName("practice", practice); err != nil {
		return Account{}, err
	}
	for _, part := range []struct {
		path       string
		key, token *string
	}{{o.dataPath(practice), &a.Data, &a.DataJWT}, {o.desksPath(practice), &a.PublicKey, &a.JWT}} {
		identity, err := readKey(part.path)
		if err == nil {
			*part.key, err = identity.PublicKey()
		}
		if err == nil {
			_, *part.token, err = o.readAccount(*part.key)
		}
		if errors.Is(err, os.ErrNotExist) {
			return Account{}, fmt.Errorf("practice %s has no account on this broker: %w", practice, err)
		}
		if err != nil {
			return Account{}, fmt.Errorf("read the account of practice %s: %w", practice, err)
		}
	}
	return a, nil
}

// Practices returns the ids of all practices that have an account, sorted.
func (o *Operator) Practices() ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(o.dir, "practices"))
	if err != nil {
		return nil, fmt.Errorf("list the practices: %w", err)
	}
	var ids []string
	for _, e := range entries {
		id, ok := strings.CutSuffix(e.Name(), seedSuffix)
		if !ok || events.ValidateName("practice", id) != nil {
			continue
		}
		if _, err := o.Account(id); errors.Is(err, os.ErrNotExist) {
			continue // AddPractice was interrupted; it goes on when it is called again
		} else if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids, nil
}

// Revoke takes the access of one user of a practice away: of its connections at
// once, where the broker runs, and for ever. What it wrote stays.
func (o *Operator) Revoke(ctx context.Context, practice, userPublicKey string) error {
	if !nkeys.IsValidPublicUserKey(userPublicKey) {
		return fmt.Errorf("revoke a user of practice %s: want the user's public key, which begins with U", practice)
	}
	err := o.locked(ctx, func() error {
		_, desks, err := o.accounts(practice)
		if err != nil {
			return err
		}
		desks.Revoke(userPublicKey)
		return o.writeAccount(desks)
	})
	if err != nil {
		return fmt.Errorf("revoke user %s of practice %s: %w", userPublicKey, practice, err)
	}
	return nil
}

// accounts reads what the two accounts of a practice say, to be changed.
func (o *Operator) accounts(practice string) (data, desks *jwt.AccountClaims, err error) {
	account, err := o.Account(practice)
	if err != nil {
		return nil, nil, err
	}
	if data, _, err = o.readAccount(account.Data); err != nil {
		return nil, nil, err
	}
	desks, _, err = o.readAccount(account.PublicKey)
	return data, desks, err
}

// readAccount reads an account's JWT and checks that this operator signed it.
func (o *Operator) readAccount(public string) (*jwt.AccountClaims, string, error) {
	data, err := os.ReadFile(o.accountPath(public))
	if err != nil {
		return nil, "", err
	}
	claims, err := jwt.DecodeAccountClaims(string(data))
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w", o.accountPath(public), err)
	}
	if claims.Issuer != o.claims.Subject || claims.Subject != public {
		return nil, "", fmt.Errorf("%s is not an account of this operator", o.accountPath(public))
	}
	return claims, string(data), nil
}

// writeAccount signs an account and puts it where the broker looks.
func (o *Operator) writeAccount(claims *jwt.AccountClaims) error {
	token, err := claims.Encode(o.key)
	if err != nil {
		return err
	}
	return localdisk.WriteFile(o.accountPath(claims.Subject), []byte(token))
}

func (o *Operator) accountPath(public string) string {
	return filepath.Join(o.dir, "accounts", public+jwtSuffix)
}

func (o *Operator) dataPath(practice string) string {
	return filepath.Join(o.dir, "practices", practice+seedSuffix)
}

func (o *Operator) desksPath(practice string) string {
	return filepath.Join(o.dir, "practices", practice+".desks"+seedSuffix)
}

// locked runs f while no other process changes the folder.
func (o *Operator) locked(ctx context.Context, f func() error) (err error) {
	lock, err := waitForFolder(ctx, o.dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	return f()
}

// keyFile reads a key's seed from a file, or makes both.
func keyFile(path string, kind nkeys.PrefixByte) (nkeys.KeyPair, error) {
	key, err := readKey(path)
	if err == nil {
		if public, err := key.PublicKey(); err != nil || nkeys.Prefix(public) != kind {
			return nil, fmt.Errorf("%s holds a key of another kind", path)
		}
		return key, nil
	}
	if !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	if key, err = nkeys.CreatePair(kind); err != nil {
		return nil, err
	}
	seed, err := key.Seed()
	if err != nil {
		return nil, err
	}
	return key, localdisk.WriteFile(path, seed)
}

// readKey reads a key's seed from a file.
func readKey(path string) (nkeys.KeyPair, error) {
	seed, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	key, err := nkeys.FromSeed(seed)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return key, nil
}
