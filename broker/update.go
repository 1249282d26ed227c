package broker

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/nats-io/jwt/v2"
)

// UpdatePractice lets the devices of a practice do what this version lets them do: its
// account may be of an earlier one. Who was revoked stays so, and what else the operator put
// into the account stays as it is: while the signing key is exchanged there are several.
func (o *Operator) UpdatePractice(ctx context.Context, practice string) error {
	err := o.locked(ctx, func() error {
		data, desks, err := o.accounts(practice)
		if err != nil {
			return err
		}
		if updateData(data, practice) {
			if err := o.writeAccount(data); err != nil {
				return err
			}
		}
		if updateDesks(desks, data.Subject, practice) {
			return o.writeAccount(desks)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("bring the account of practice %s up to date: %w", practice, err)
	}
	return nil
}

// updateData adds what the account of the streams lacks.
func updateData(data *jwt.AccountClaims, practice string) (changed bool) {
	wanted := dataClaims(data.Subject, practice).Exports
	return update((*[]*jwt.Export)(&data.Exports), wanted, func(a, b *jwt.Export) bool {
		return a.Subject == b.Subject && a.Type == b.Type
	})
}

// updateDesks adds what the account of the devices lacks, and lets every key that enrols
// devices give them the same. The limits that the operator set to a key stay.
func updateDesks(desks *jwt.AccountClaims, data, practice string) (changed bool) {
	wanted := desksClaims(desks.Subject, data, AddPractice{ID: practice}).Imports
	changed = update((*[]*jwt.Import)(&desks.Imports), wanted, func(a, b *jwt.Import) bool {
		return a.Subject == b.Subject && a.Account == b.Account && a.Type == b.Type
	})
	for key, scope := range desks.SigningKeys {
		if s, ok := scope.(*jwt.UserScope); ok && s.Role == deviceRole {
			may := deviceScope(practice, key).Template.Permissions
			changed = changed || !sameJSON(s.Template.Permissions, may)
			s.Template.Permissions = may
		}
	}
	return changed
}

// update puts what is wanted in the place of the same of an earlier version, or behind all.
func update[T any](list *[]*T, wanted []*T, same func(a, b *T) bool) (changed bool) {
	for _, w := range wanted {
		switch i := slices.IndexFunc(*list, func(l *T) bool { return same(l, w) }); {
		case i < 0:
			*list, changed = append(*list, w), true
		case !sameJSON((*list)[i], w):
			(*list)[i], changed = w, true
		}
	}
	return changed
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
