package broker

import (
	"context"
	"slices"
	"strings"

	"github.com/nats-io/jwt/v2"
)

// BeforeLooks makes the accounts of a practice as they were before there were looks.
func (o *Operator) BeforeLooks(ctx context.Context, practice string) error {
	return o.locked(ctx, func() error {
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
		data.Exports = slices.DeleteFunc(data.Exports, func(e *jwt.Export) bool { return isOfLooks(string(e.Subject)) })
		desks.Imports = slices.DeleteFunc(desks.Imports, func(i *jwt.Import) bool { return isOfLooks(string(i.Subject)) })
		for _, scope := range desks.SigningKeys {
			allow := &scope.(*jwt.UserScope).Template.Permissions.Pub.Allow
			*allow = slices.DeleteFunc(*allow, isOfLooks)
		}
		if err := o.writeAccount(data); err != nil {
			return err
		}
		return o.writeAccount(desks)
	})
}

func isOfLooks(subject string) bool {
	return strings.Contains(subject, "looks") || strings.Contains(subject, "LOOKS")
}
