package logtest

import (
	"context"
	"iter"
	"testing"
	"time"

	"github.com/carelog/carelog/events"
)

// Log is what broker.Log and memlog.Log have in common.
type Log interface {
	State(ctx context.Context) (events.LogState, error)
	Read(ctx context.Context, from uint64) iter.Seq2[events.Stored, error]
	Get(ctx context.Context, sequence uint64) (events.Stored, error)
	Dossier(ctx context.Context, patient string, after uint64) iter.Seq2[events.Stored, error]
	Append(ctx context.Context, m events.Message) (uint64, error)
	AppendAfter(ctx context.Context, m events.Message, after uint64) (uint64, error)
	AppendAtEnd(ctx context.Context, m events.Message, last uint64) (uint64, error)
	AppendBatch(ctx context.Context, list []events.Appending) (uint64, error)
	Announce(list []events.Appending)
	PutKey(ctx context.Context, k events.WrappedKey) error
	PutKeys(ctx context.Context, keys []events.WrappedKey) error
	Key(ctx context.Context, patient string, id events.KeyID) (events.WrappedKey, error)
	Keys(ctx context.Context) iter.Seq2[events.WrappedKey, error]
	KeysAfter(ctx context.Context, read events.KeyMark, take func(keys []events.WrappedKey, now events.KeyMark) error) error
	KeyState(ctx context.Context) (events.KeyState, error)
	PutPosition(ctx context.Context, p events.SignedPosition) error
	Positions(ctx context.Context) ([]events.SignedPosition, error)
	PutObject(ctx context.Context, name string, data []byte) error
	Object(ctx context.Context, name string) ([]byte, error)
	Sealed(ctx context.Context, name string, after events.ObjectPlace) iter.Seq2[events.ObjectPiece, error]
	ObjectNames(ctx context.Context) ([]string, error)
	ObjectInfo(ctx context.Context, name string) (events.Object, error)
	DeleteObject(ctx context.Context, name string) error
	AttachmentState(ctx context.Context) (events.LogState, error)
	Pieces(ctx context.Context, name string) (map[int]bool, error)
	PutPiece(ctx context.Context, name string, number int, data []byte, after uint64) error
	Piece(ctx context.Context, name string, number int, from uint64) (events.Stored, error)
	LookState(ctx context.Context) (identity string, devices []string, err error)
	PutLooks(ctx context.Context, data []byte, after uint64) (uint64, error)
	Looks(ctx context.Context, device string, at uint64) (events.Stored, error)
	TakeLease(ctx context.Context, name string, length time.Duration) (events.Lease, error)
	RenewLease(ctx context.Context, lease events.Lease, length time.Duration) (events.Lease, error)
	ReleaseLease(ctx context.Context, lease events.Lease) error
	Connected() bool
	Close() error
}

// Faults breaks one device's line; Mend ends all of them.
type Faults interface {
	Cut()
	CutIncoming()
	CutOutgoing()
	LoseAcks(n int)
	LoseSends(n int)
	CutAfterStoring()
	CutBeforeCommit()
	Mend()
}

// Device is one device of the practice and its line.
type Device interface {
	Log
	Faults
	Await(connected bool) // until Connected says so
}

// World is a server with one practice, p1. Its methods fail the test themselves.
type World interface {
	Device(name string) Device // connected
	Stop()
	Start()
	Restart()
	Mark()     // remembers the log as it is
	RollBack() // to the last Mark
	Wipe()
	EraseKeys(patient string)
	LimitObjects(bytes int64)     // 0: no limit
	LimitAttachments(bytes int64) // 0: no limit
	LimitEvents(bytes int32)      // the size of each; 0: no limit
	DamageObject(name string)
	LoseObject(name string)  // its content
	Stored() []events.Stored // the whole log, past all lines
}

// Practice is the practice of every World.
const Practice = "p1"

// Run runs the suite. setup calls test once with a new world, and ends it then.
func Run(t *testing.T, setup func(t *testing.T, test func(t *testing.T, w World))) {
	for _, group := range []map[string]func(*testing.T, World){appendCases(), batchCases(), announceCases(), objectCases(), pieceCases(), lookCases(), leaseCases(), faultCases(), readCases(), keyCases()} {
		for name, test := range group {
			t.Run(name, func(t *testing.T) { setup(t, test) })
		}
	}
}
