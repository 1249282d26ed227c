package broker

import (
	"context"
	"slices"
	"strings"

	"github.com/nats-io/jwt/v2"
)

// Edit changes the accounts of a practice as an operator does with the tools of NATS.
func (o *Operator) Edit(ctx context.Context, practice string, f func(data, desks *jwt.AccountClaims)) error {
	return o.locked(ctx, func() error {
		data, desks, err := o.accounts(practice)
		if err != nil {
			return err
		}
		f(data, desks)
		if err := o.writeAccount(data); err != nil {
			return err
		}
		return o.writeAccount(desks)
	})
}

// BeforeLooks makes the accounts of a practice as they were before there were looks.
func (o *Operator) BeforeLooks(ctx context.Context, practice string) error {
	return o.Edit(ctx, practice, func(data, desks *jwt.AccountClaims) {
		data.Exports = slices.DeleteFunc(data.Exports, func(e *jwt.Export) bool { return IsOfLooks(string(e.Subject)) })
		desks.Imports = slices.DeleteFunc(desks.Imports, func(i *jwt.Import) bool { return IsOfLooks(string(i.Subject)) })
		for _, scope := range desks.SigningKeys {
			allow := &scope.(*jwt.UserScope).Template.Permissions.Pub.Allow
			*allow = slices.DeleteFunc(*allow, IsOfLooks)
		}
	})
}

// IsOfLooks reports whether a subject is one of looks.
func IsOfLooks(subject string) bool {
	return strings.Contains(subject, "looks") || strings.Contains(subject, "LOOKS")
}
