package broker

import (
	"fmt"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"

	"github.com/carelog/carelog/events"
)

// adminLifetime bounds the credentials with which streams are made.
const adminLifetime = 10 * time.Minute

// IssueUser makes the credentials of a device: signing is the seed's side of the
// practice's signing key, account the public key of its devices' account. What the device
// may do stands in the account (see AddPractice), not in the credentials.
func IssueUser(signing nkeys.KeyPair, account, practice, device string) (token, seed string, err error) {
	if err := events.ValidateName("practice", practice); err != nil {
		return "", "", err
	}
	if err := events.ValidateName("device", device); err != nil {
		return "", "", err
	}
	token, seed, err = issue(signing, account, device, func(u *jwt.UserClaims) {
		u.SetScoped(true)
		u.Tags.Add("practice:" + practice)
	})
	if err != nil {
		return "", "", fmt.Errorf("enrol device %s of practice %s at the broker: %w", device, practice, err)
	}
	return token, seed, nil
}

// UserKey returns the public key of the user that a JWT of IssueUser names, which
// is what Revoke wants.
func UserKey(token string) (string, error) {
	claims, err := jwt.DecodeUserClaims(token)
	if err != nil {
		return "", fmt.Errorf("read a user's credentials: %w", err)
	}
	return claims.Subject, nil
}

// Access returns credentials that may do all with a practice's streams, for
// Provision. They end after ten minutes and are kept nowhere.
func (o *Operator) Access(practice string, urls ...string) (Access, error) {
	if _, err := o.Account(practice); err != nil {
		return Access{}, err
	}
	identity, err := readKey(o.dataPath(practice))
	if err != nil {
		return Access{}, err
	}
	token, seed, err := issue(identity, "", "operator", func(u *jwt.UserClaims) {
		u.Expires = time.Now().Add(adminLifetime).Unix()
	})
	if err != nil {
		return Access{}, fmt.Errorf("make an administrator of practice %s: %w", practice, err)
	}
	return Access{URLs: urls, JWT: token, Seed: seed}, nil
}

// issue makes a new user and signs it. account is empty where signer is the account itself.
func issue(signer nkeys.KeyPair, account, name string, fill func(*jwt.UserClaims)) (token, seed string, err error) {
	user, err := nkeys.CreateUser()
	if err != nil {
		return "", "", err
	}
	public, err := user.PublicKey()
	if err != nil {
		return "", "", err
	}
	claims := jwt.NewUserClaims(public)
	claims.Name = name
	claims.IssuerAccount = account
	fill(claims)
	if token, err = claims.Encode(signer); err != nil {
		return "", "", err
	}
	raw, err := user.Seed()
	return token, string(raw), err
}
