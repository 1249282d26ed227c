package broker

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
)

// UpdatePractice lets the devices of a practice do what this version lets them do: its
// account may be of an earlier one. Who was revoked stays so.
func (o *Operator) UpdatePractice(ctx context.Context, practice string) error {
	err := o.locked(ctx, func() error {
		account, err := o.Account(practice)
		if err != nil {
			return err
		}
		data, _, err := o.readAccount(account.Data)
		if err != nil {
			return err
		}
		desks, _, err := o.readAccount(account.PublicKey)
		if err != nil {
			return err
		}
		if wanted := dataClaims(account.Data, practice); !sameJSON(data.Exports, wanted.Exports) {
			data.Exports = wanted.Exports
			if err := o.writeAccount(data); err != nil {
				return err
			}
		}
		for key := range desks.SigningKeys {
			wanted := desksClaims(account.PublicKey, account.Data, AddPractice{ID: practice, SigningKey: key})
			if sameJSON(desks.Imports, wanted.Imports) && sameJSON(desks.SigningKeys, wanted.SigningKeys) {
				continue
			}
			desks.Imports, desks.SigningKeys = wanted.Imports, wanted.SigningKeys
			return o.writeAccount(desks)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("bring the account of practice %s up to date: %w", practice, err)
	}
	return nil
}

// sameJSON compares parts of claims by what would be signed.
func sameJSON(a, b any) bool {
	x, err := json.Marshal(a)
	if err != nil {
		return false
	}
	y, err := json.Marshal(b)
	return err == nil && bytes.Equal(x, y)
}
