package events

import (
	"errors"
	"fmt"
	"time"
)

// MaxObject is how large an object of the practice's object store may be, in bytes.
const MaxObject = 16 << 20

// Object says what is known of an object without reading it.
type Object struct {
	Name   string
	Size   int64     // bytes
	Stored time.Time // by the broker's clock
}

// ObjectPiece is what comes next of an object, and how far that was read with it.
type ObjectPiece struct {
	Data []byte
	Read ObjectPlace
}

// ObjectPlace is how far an object was read. Zero: nothing of it.
type ObjectPlace struct {
	Bytes    int64
	Sequence uint64 // of the piece that was read last, in the server's store
}

// ErrFull says that the server has no room for it: nothing was stored.
var ErrFull = errors.New("the server's store is full")

// DamagedError says that an object is not what was stored under its name.
type DamagedError struct {
	Name, Reason string
	// Gone says that it is not all there: it is ErrNoMessage too, since it may just be removed or replaced.
	Gone bool
}

// Is reports whether target is ErrNoMessage, of what is not all there.
func (e *DamagedError) Is(target error) bool { return e.Gone && target == ErrNoMessage }

// Error names the object.
func (e *DamagedError) Error() string {
	return fmt.Sprintf("object %s is damaged: %s", clip(e.Name), e.Reason)
}

// Lease is the right of one device to do what only one may do at a time. It holds
// until its time has passed and somebody else has taken it.
type Lease struct {
	Name, Device string
	Token        uint64    // grows with every change of the lease, whoever holds it
	Until        time.Time // by the broker's clock
}

// ErrLeaseLost says that the lease was taken by another, or is gone.
var ErrLeaseLost = errors.New("the lease is not held any more")

// LeaseTakenError says who holds a lease. It may be this device itself.
type LeaseTakenError struct {
	Name, Device string
	Until        time.Time // by the broker's clock
}

// Error says until when to wait at most.
func (e *LeaseTakenError) Error() string {
	return fmt.Sprintf("device %s is at work on it (%s); if it was cut off, others can begin after %s", clip(e.Device), clip(e.Name), e.Until.Format(time.RFC3339))
}
