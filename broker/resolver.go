package broker

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nkeys"
)

// resolver gives the broker its accounts from the operator's folder, whenever it
// asks: a practice added while the broker runs is there at once.
type resolver struct {
	operator *Operator
	logger   *slog.Logger

	mu    sync.Mutex
	given map[string]string // what the broker has: JWT by account
}

func newResolver(o *Operator, logger *slog.Logger) *resolver {
	return &resolver{operator: o, logger: logger, given: make(map[string]string)}
}

// Fetch reads an account's JWT.
func (r *resolver) Fetch(name string) (string, error) {
	if !nkeys.IsValidPublicAccountKey(name) { // it becomes a file name
		return "", server.ErrMissingAccount
	}
	_, token, err := r.operator.readAccount(name)
	if errors.Is(err, os.ErrNotExist) {
		return "", server.ErrMissingAccount
	}
	if err == nil {
		r.give(name, token)
	}
	return token, err
}

// give notes what the broker has, and reports whether it is something new.
func (r *resolver) give(name, token string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.given[name] == token {
		return false
	}
	r.given[name] = token
	return true
}

// differs reports whether the broker has another JWT: the cheap question, since it
// is asked for every account all the time.
func (r *resolver) differs(name, token string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.given[name] != token
}

// known lists the accounts that the broker has asked for.
func (r *resolver) known() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Collect(maps.Keys(r.given))
}

// Store is not allowed: accounts are written by Operator.
func (r *resolver) Store(name, _ string) error {
	return fmt.Errorf("account %s: accounts are written by the operator's own commands", name)
}

func (r *resolver) IsReadOnly() bool           { return true }
func (r *resolver) Start(*server.Server) error { return nil }
func (r *resolver) IsTrackingUpdate() bool     { return false }
func (r *resolver) Reload() error              { return nil }
func (r *resolver) Close()                     {}

// watchInterval is how often the folder is looked at for changed accounts: the
// longest time that a revoked device stays connected.
const watchInterval = 500 * time.Millisecond

// watch tells the broker of accounts that changed in the folder, until stop is
// closed. The broker itself asks only for accounts that it does not know.
func (r *resolver) watch(s *server.Server, stop <-chan struct{}) {
	ticker := time.NewTicker(watchInterval)
	defer ticker.Stop()
	for {
		select {
		case <-stop:
			return
		case <-ticker.C:
		}
		for _, name := range r.known() {
			if err := r.update(s, name); err != nil {
				r.logger.Error("an account cannot be used", slog.String("account", name), slog.Any("error", err))
			}
		}
	}
}

// update makes the broker use an account's JWT as it is now; connections of users
// that it revokes are closed. What is as it was is not touched, since an update
// can lose answers that are under way.
func (r *resolver) update(s *server.Server, name string) error {
	now, err := os.ReadFile(r.operator.accountPath(name))
	if err != nil || !r.differs(name, string(now)) {
		return err
	}
	claims, token, err := r.operator.readAccount(name)
	if err != nil {
		return err
	}
	if !r.give(name, token) {
		return nil
	}
	account, err := s.LookupAccount(name)
	if err != nil {
		return err
	}
	s.UpdateAccountClaims(account, claims)
	return nil
}
