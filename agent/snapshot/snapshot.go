package snapshot

import (
	"context"
	"crypto/ed25519"
	"errors"
	"iter"
	"time"

	"github.com/carelog/carelog/events"
)

// Objects is what is needed of the server's object store. An object is stored whole or
// not at all. PutObject fails with events.ErrFull where there is no room, Object with
// events.ErrNoMessage where there is none of that name, *events.DamagedError too where its content is not all there. Sealed is Object by pieces, those that
// come after a place, and may leave it to the seal to show what was damaged.
type Objects interface {
	PutObject(ctx context.Context, name string, data []byte) error
	Object(ctx context.Context, name string) ([]byte, error)
	Sealed(ctx context.Context, name string, after events.ObjectPlace) iter.Seq2[events.ObjectPiece, error]
	ObjectNames(ctx context.Context) ([]string, error)
	ObjectInfo(ctx context.Context, name string) (events.Object, error)
	DeleteObject(ctx context.Context, name string) error
}

// Config says whose snapshots these are.
type Config struct {
	Practice string
	Stream   string // identity of the log; a snapshot of another one is not taken
	Device   string // this one
	Key      []byte // the practice key
	Sign     ed25519.PrivateKey
	// Trusted gives the key of a device whose snapshots are taken, or says why they are not.
	Trusted func(device string) (ed25519.PublicKey, error)
	// InLog compares a snapshot's position with the server's log, which may have lost
	// what was there. What speaks against the snapshot is an *UnfitError; after another
	// error nothing is known. nil: not compared.
	InLog func(ctx context.Context, m Manifest) error
	// Refused are snapshots, by id, that were found damaged here, with the reason.
	Refused map[string]error
	// Copy writes the projection to a new file; projections.Store.Copy. Only for Make.
	Copy func(ctx context.Context, path string) error
	// Dir is where the maker's copy stands while it is made. Only for Make.
	Dir string
}

// Part of a snapshot: a piece of the file, sealed.
type Part struct {
	Plain  int64         `json:"plain"`  // bytes of the file
	Sealed int64         `json:"sealed"` // bytes in the store
	Digest events.Digest `json:"digest"` // SHA-256 of the plain bytes
}

// Manifest says what a snapshot is.
type Manifest struct {
	ID       string          `json:"id"`
	Practice string          `json:"practice"`
	Device   string          `json:"device"` // that made it
	Stream   string          `json:"stream"` // identity of the log
	Position events.Position `json:"position"`
	Before   events.Digest   `json:"before"` // rolling hash before the message at the position
	Schema   int             `json:"schema"`
	Events   int             `json:"events"`
	Parts    []Part          `json:"parts"`
	Stored   time.Time       `json:"-"` // by the server's clock
}

// Plain is the size of the file in bytes.
func (m Manifest) Plain() (n int64) {
	for _, p := range m.Parts {
		n += p.Plain
	}
	return n
}

// largest is the size of its largest part in bytes.
func (m Manifest) largest() (n int64) {
	for _, p := range m.Parts {
		n = max(n, p.Plain)
	}
	return n
}

// Sealed is how many bytes its parts have in the store.
func (m Manifest) Sealed() (n int64) {
	for _, p := range m.Parts {
		n += p.Sealed
	}
	return n
}

// Rejected is a snapshot in the store that cannot be taken.
type Rejected struct {
	ID     string
	Reason error
}

// Reasons for which a snapshot is not taken, beside *events.DamagedError and those of Config.Trusted.
var (
	ErrIncomplete = errors.New("some of its parts are missing")
	ErrForeign    = errors.New("it is of another log, or of another practice")
	ErrNewer      = errors.New("a newer carelog made it: update this one")
	ErrForged     = errors.New("it is not signed by the device that it names")
)

// UnfitError says that a snapshot is not of the log that the server has.
type UnfitError struct{ Reason string }

// Error is the reason.
func (e *UnfitError) Error() string { return e.Reason }

// ErrNoRoom says that this PC's disk cannot hold the file.
var ErrNoRoom = errors.New("there is no room on this PC's disk for the snapshot")
