package agent

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/carelog/carelog/agent/attachments"
	"github.com/carelog/carelog/agent/light"
	"github.com/carelog/carelog/agent/outbox"
	"github.com/carelog/carelog/agent/replica"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/internal/localdisk"
	"github.com/carelog/carelog/projections"
	"github.com/carelog/carelog/projections/fhirjson"
)

// Files of the data folder.
const (
	OutboxFile     = "outbox.db"
	ProjectionFile = "record.db"
	lockFile       = "lock"
)

// Agent is one desk. Open it, Run it, Close it.
type Agent struct {
	config      Config
	log         *slog.Logger
	clock       *events.Clock
	key         ed25519.PrivateKey // the device's own: making it of its seed costs as much as a signature
	lock        *localdisk.Lock
	practice    events.Key // wraps the keys of patients
	ring        *events.Keyring
	saved       []events.WrappedKey // out of a projection that is damaged, for the next one
	store       *projections.Store
	outbox      *outbox.Outbox
	attachments *attachments.Store
	replica     *replica.Replica
	light       *light.Light
	changed     *signal // light, store or outbox
	lit         *signal // the light
	choice      *signal // to work offline or online
	work        *signal // something waits in the outbox, or somebody wants a proof
	proved      *signal // the light was found green once more
	proofs      proofs
	opened      time.Time
	ahead       ahead
	busy        busy
	dossiers    *openDossiers

	// writing is held while a change is made, since the chain has one end. It is a
	// channel so that a caller whose context ends stops waiting.
	writing  chan struct{}
	landed   <-chan struct{}    // guarded by writing: closed when the last change is in the projection, or in unshown
	land     func()             // guarded by writing: lets that be at once
	live     *session           // guarded by writing: the session that takes writes; nil: they are queued
	unsent   map[events.ID]bool // since Open: changes that are only in the projection, and are damaged there
	owesKeys atomic.Bool        // keys may be in the outbox that the server does not have
	acked    uint64             // guarded by writing: where the live session has put our last change

	unshown unshown
	reserve *reserve
	owing   *signal // the desk may not be ready for a change

	// Of the goroutine of Run alone.
	doubtful  replica.Loss      // why the next session reads the log again
	doubted   map[string]doubt  // by device: what it was read again for
	refused   map[string]string // by snapshot: why it cannot be taken
	explained []events.SignedPosition
	making    making // of snapshots, by itself

	keptPast light.Episode // the newest in pastFile; of the goroutine of keepPast, and of Run when that has ended

	mu       sync.Mutex
	server   ServerStatus
	meeting  *session // the session under way; nil: none
	warnings map[string]Warning
	spoilt   map[string]error     // snapshots, by id, that were found damaged here
	offline  bool                 // the user's choice
	stated   map[string]statement // by device; see noteStated
}

// Open opens a desk without a network. What the outbox holds is in the projection
// when it returns.
func Open(ctx context.Context, c Config) (*Agent, error) {
	if err := c.Validate(); err != nil {
		return nil, fmt.Errorf("open the agent: %w", err)
	}
	landed := make(chan struct{})
	close(landed)
	a := &Agent{
		config: c, log: c.Logger.With("practice", c.Enrolment.Practice, "device", c.Enrolment.Device),
		clock: events.NewClock(c.Now, nil), key: c.Enrolment.SigningKey(), light: light.New(c.Now, "starting"),
		changed: newSignal(), lit: newSignal(), choice: newSignal(), dossiers: newOpenDossiers(), work: newSignal(), proved: newSignal(),
		writing: make(chan struct{}, 1), landed: landed, land: func() {}, warnings: make(map[string]Warning), spoilt: make(map[string]error), doubted: make(map[string]doubt), refused: make(map[string]string),
		reserve: newReserve(c.Data, c.Reserve), owing: newSignal(),
	}
	a.opened, a.ahead.opened, a.ahead.agenda.changed = c.Now(), newSignal(), newSignal()
	a.ahead.agenda.path = filepath.Join(c.Data, agendaFile)
	a.server.URL = c.Enrolment.URLs[0]
	if err := a.open(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open the agent in %s: %w", c.Data, a.forWantOfRoom(err)), a.Close())
	}
	return a, nil
}

func (a *Agent) open(ctx context.Context) (err error) {
	c := a.config
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return err
	}
	if a.lock, err = lockFolder(c.Data); err != nil {
		return err
	}
	a.reserve.makeWay()
	a.openPast()
	if a.outbox, err = outbox.Open(ctx, filepath.Join(c.Data, OutboxFile), c.Enrolment.Practice, c.Enrolment.Device); err != nil {
		return err
	}
	if a.practice, err = events.KeyFrom(c.Enrolment.PracticeKey); err != nil {
		return err
	}
	a.ring = events.NewKeyring(a.practice)
	if a.offline, err = a.outbox.Offline(ctx); err != nil {
		return err
	}
	if err := a.openOrRebuild(ctx); err != nil {
		return err
	}
	if err := a.openExplained(ctx); err != nil {
		return err
	}
	if err := a.openAhead(ctx); err != nil {
		return err
	}
	if err := a.openAttachments(); err != nil {
		return err
	}
	_ = a.makeReady(ctx) // else the desk is read only, says so, and goes on by itself
	return a.register(ctx)
}

// openOrRebuild opens the projection. A damaged one is put aside and built anew from
// the log: nothing that the server does not have is only there.
func (a *Agent) openOrRebuild(ctx context.Context) error {
	err := a.openProjection(ctx)
	if !a.damaged(err) {
		return err
	}
	if err := a.putAside(ctx, err); err != nil {
		return err
	}
	return a.openProjection(ctx)
}

// openProjection opens the projection and all that is learned from it. The keys come
// first: all else may need them.
func (a *Agent) openProjection(ctx context.Context) (err error) {
	e := a.config.Enrolment
	options := projections.Options{Practice: e.Practice, Opener: a.ring.Open, Now: a.config.Now}
	if a.store, err = projections.Open(ctx, a.projection(), options); err != nil {
		return err
	}
	if err := a.loadKeys(ctx); err != nil {
		return err
	}
	if a.replica, err = replica.Open(ctx, replica.Config{
		Practice: e.Practice, Device: e.Device, Root: e.Root, Store: a.store, Ring: a.ring, Applied: a.applied,
		Judged: a.work.fire, // the light waits for it, and should not for the next tick
		Warn:   func(code, text string) { a.warn(code, "%s", text) },
	}); err != nil {
		return err
	}
	return a.replayOutbox(ctx)
}

// damaged reports whether an error of opening the projection is one of a file that was
// ours. Beside an outbox that this device has used, what is no database any more was
// the projection; elsewhere it is somebody else's file.
func (a *Agent) damaged(err error) bool {
	var corrupt *projections.CorruptError
	var alien *projections.NotOursError
	return errors.As(err, &corrupt) || errors.As(err, &alien) && a.outbox.Next().Counter > 1
}

func (a *Agent) projection() string { return filepath.Join(a.config.Data, ProjectionFile) }

// Warnings of a projection that was damaged: beside an outbox that has all that the server does
// not have, and without one.
const (
	warnRebuilt     = "projection-rebuilt"
	warnNothingKept = "projection-and-outbox-lost"
)

// putAside takes a damaged projection out of the way, and keeps it.
func (a *Agent) putAside(ctx context.Context, damage error) error {
	if a.store != nil {
		_ = a.store.Close() // it cannot be closed well any more
	}
	a.saveKeys(ctx)
	aside := a.projection() + ".damaged-" + a.config.Now().UTC().Format("20060102T150405.000")
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Rename(a.projection()+suffix, aside+suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("put the damaged projection aside: %w", err)
		}
	}
	if a.outbox.Next().Counter == 1 {
		a.warn(warnNothingKept, "The local copy of the dossiers was damaged and is being built again from the server, and the file %s beside it has nothing that was typed on this PC. If anything was, that file was lost, and what had not reached the server is in the damaged file at best, which is kept as %s. Compare what was entered last with what is shown once all is read. Have this PC's disk checked.", OutboxFile, filepath.Base(aside))
	} else {
		a.warn(warnRebuilt, "The local copy of the dossiers was damaged and is being built again from the server; what you typed is safe. The damaged file is kept as %s. Have this PC's disk checked.", filepath.Base(aside))
	}
	var alien *projections.NotOursError
	if errors.As(damage, &alien) { // whose advice is for who leaves it as it is
		damage = errors.New(alien.Reason)
	}
	a.log.Warn("projection damaged, rebuilding", "err", damage, "kept", aside)
	return nil
}

// saveKeys takes what can be read of the keys out of a damaged projection, for the next one: nobody else has them here, and usually
// it is another part of the file that is damaged.
func (a *Agent) saveKeys(ctx context.Context) {
	for k, err := range projections.KeysIn(ctx, a.projection()) {
		if err == nil {
			err = a.ring.Check(k)
		}
		if err != nil {
			a.log.Warn("a key in the damaged projection is lost", "err", err)
			continue
		}
		a.saved = append(a.saved, k)
	}
	a.log.Info("keys saved from the damaged projection", "keys", len(a.saved))
}

// loadKeys lets the ring have the keys that are here. Those of patients are looked for when they are needed; the practice's own
// say who may sign, which nothing must keep from being known.
func (a *Agent) loadKeys(ctx context.Context) error {
	a.ring.Keep(a.store.KeysOf)
	if _, err := a.ring.Has(""); err != nil {
		return err
	}
	made, err := a.outbox.Keys(ctx)
	if err != nil {
		return err
	}
	for _, k := range made {
		if err := a.ring.Add(k); err != nil {
			return err
		}
	}
	erased, err := a.store.ErasedKeys(ctx)
	if err != nil {
		return err
	}
	for name := range erased {
		k, err := events.ParseWrappedKey(name, nil)
		if err != nil {
			return err
		}
		a.ring.Retire(k)
	}
	a.tellRefusedKeys()
	if err := a.store.PutKeys(ctx, made...); err != nil { // on the ring they stay: the file may have one, and spoilt
		return err
	}
	saved := a.saved
	a.saved = nil
	return a.putKeys(ctx, saved)
}

// replayOutbox shows what is queued, also where the projection was lost, or the
// program was killed between the two. Where it was the outbox that was lost, what the
// projection has of it is queued again.
func (a *Agent) replayOutbox(ctx context.Context) error {
	discarded, err := a.outbox.Discarded(ctx)
	if err != nil {
		return err
	}
	for _, id := range discarded {
		if err := a.store.Remove(ctx, id); err != nil && !errors.Is(err, projections.ErrNotQueued) {
			return err
		}
	}
	if err := a.restoreQueue(ctx); err != nil {
		return fmt.Errorf("put back what the outbox lost: %w", err)
	}
	queued, err := a.allQueued(ctx)
	if err != nil {
		return err
	}
	return a.applyQueued(ctx, queued...)
}

// allQueued is what waits in the outbox.
func (a *Agent) allQueued(ctx context.Context) ([]*events.Event, error) {
	entries, err := a.outbox.All(ctx)
	if err != nil {
		return nil, err
	}
	return outbox.Events(entries)
}

func (a *Agent) applyQueued(ctx context.Context, list ...*events.Event) error {
	entries, err := a.asQueued(list)
	if err != nil || len(entries) == 0 {
		return err
	}
	_, err = a.store.Apply(ctx, projections.Batch{Entries: entries})
	if errors.Is(ofDisk(err), ErrDisk) {
		a.showLater(err, entries...)
		return nil
	}
	return err
}

// asQueued opens queued events for the projection.
func (a *Agent) asQueued(list []*events.Event) ([]projections.Entry, error) {
	entries := make([]projections.Entry, len(list))
	for i, e := range list {
		entries[i].Event = e
		var err error
		if entries[i].Body, err = a.ring.Open(e); errors.Is(err, events.ErrNoKey) {
			// The projection was lost, and the key with it: the server has it.
			entries[i].Doubt, entries[i].Reason = projections.DoubtUnopened, err.Error()
		} else if err != nil {
			return nil, err
		}
	}
	return entries, nil
}

// register makes the device's own record, with its certificate, the first event of
// its chain.
func (a *Agent) register(ctx context.Context) error {
	if a.outbox.Next().Counter != 1 {
		return nil
	}
	e := a.config.Enrolment
	login, err := e.User()
	if err != nil {
		return fmt.Errorf("register the device: %w", err)
	}
	body := fhirjson.DeviceResource(e.Device, fhirjson.DeviceKey{
		Public: a.key.Public().(ed25519.PublicKey), Certificate: e.Certificate, Login: login, Name: e.DeviceName, Active: true,
	})
	if err := a.lockWriting(ctx); err != nil {
		return err
	}
	defer a.unlockWriting()
	if _, err := a.write(ctx, Draft{Record: deviceRecord(e.Device), Body: body}); err != nil {
		return fmt.Errorf("register the device: %w", err)
	}
	return nil
}

// Close closes the files and frees the data folder. Run must have returned.
func (a *Agent) Close() error {
	var errs []error
	a.land()
	<-a.landed
	if a.store != nil {
		errs = append(errs, a.store.Close())
	}
	if a.outbox != nil {
		errs = append(errs, a.outbox.Close())
	}
	if a.lock != nil {
		errs = append(errs, a.lock.Close())
	}
	return errors.Join(errs...)
}

// Store is the projection, for reading.
func (a *Agent) Store() *projections.Store { return a.store }

// Changed returns a channel that is closed at the next change of the light, the
// projection or the outbox. Take it before reading what may change.
func (a *Agent) Changed() <-chan struct{} { return a.changed.wait() }

// Light is the state of the light now.
func (a *Agent) Light() light.State { return a.light.State() }

// Status is the state of the desk now.
func (a *Agent) Status(ctx context.Context) (Status, error) {
	concerns, err := a.store.Concerns(ctx)
	if err != nil {
		return Status{}, fmt.Errorf("read the status: %w", err)
	}
	index, err := a.indexed(ctx)
	if err != nil {
		return Status{}, fmt.Errorf("read the status: %w", err)
	}
	position, _, _ := a.replica.Position()
	s := Status{
		State: a.light.State(), Outbox: a.outbox.Len(), Attachments: a.attachments.Owed(), SetAside: a.outbox.CountSetAside(), Conflicts: concerns.Conflicts,
		Position: position, Practice: a.config.Enrolment.Practice,
		Device: a.config.Enrolment.Device, DeviceName: a.config.Enrolment.DeviceName,
		Incomplete: a.readsFirst() || a.unshown.some(), Unshown: a.unshown.count(), Prefetch: a.ahead.agenda.state(), Index: index,
		ByChoice: a.chosenOffline(), Doubts: concerns.Doubts,
	}
	if s.Warnings, s.Acknowledged, err = a.sortWarnings(ctx); err != nil {
		return Status{}, fmt.Errorf("read the status: %w", err)
	}
	s.Problem = problemOf(causeIn(s.Reason))
	a.mu.Lock()
	s.Server = a.server
	a.mu.Unlock()
	s.Server.Sequence = max(s.Server.Sequence, position.Sequence)
	return s, nil
}

// Outbox lists the events of this device that the server does not have.
func (a *Agent) Outbox(ctx context.Context) ([]Queued, error) {
	entries, err := a.outbox.All(ctx)
	if err != nil {
		return nil, err
	}
	list := make([]Queued, len(entries))
	for i, entry := range entries {
		e, err := entry.Event()
		if err != nil {
			return nil, err
		}
		list[i] = Queued{
			ID: e.ID, Type: e.Record.Type, RecordID: e.Record.ID, Patient: e.Patient,
			Author: e.Author, Time: e.Time, Deleted: e.Type == events.Deleted,
			Attempts: entry.Attempts, LastError: entry.LastError, SetAside: entry.SetAside,
		}
		if i > 0 && list[i-1].LastError == entry.LastError { // as a batch that failed has it
			list[i].Problem = list[i-1].Problem
		} else {
			list[i].Problem = problemOf(entry.LastError)
		}
		if !entry.Together.IsZero() {
			list[i].Transaction = entry.Together.String()
		}
	}
	return list, nil
}
