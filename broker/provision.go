package broker

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/carelog/carelog/events"
)

// Access says how to reach a server as one who may make streams: an embedded
// broker by Operator.Access, an existing server or cluster by a credentials file of
// the practice's account, or by its URL alone where it has no accounts.
type Access struct {
	URLs        []string
	JWT, Seed   string // of a user; or
	Credentials string // path of a .creds file
}

// Errors of a broker that provisions nothing now.
var (
	// ErrNotReady says that it is there and gives no answer.
	ErrNotReady = errors.New("the broker gives no answer yet: where it or a node of its cluster was just started, try again in a minute")
	errNoLeader = &jetstream.APIError{ErrorCode: 10008}
)

// ErrNotLetIn says that a broker does not know who signed the access that it was shown.
var ErrNotLetIn = errors.New("the broker does not know this practice, or its operator")

// connect opens a connection that is closed by the caller.
func (a Access) connect(ctx context.Context) (*nats.Conn, error) {
	options := []nats.Option{nats.Name("carelog provision"), nats.NoReconnect(), greeted(a.URLs)}
	if deadline, ok := ctx.Deadline(); ok {
		options = append(options, nats.Timeout(max(time.Until(deadline), time.Millisecond)))
	}
	switch {
	case a.JWT != "":
		options = append(options, nats.UserJWTAndSeed(a.JWT, a.Seed))
	case a.Credentials != "":
		options = append(options, nats.UserCredentials(a.Credentials))
	}
	conn, err := nats.Connect(strings.Join(a.URLs, ","), options...)
	var network net.Error
	switch {
	case notLetIn(err):
		err = fmt.Errorf("%w: %w", ErrNotLetIn, err)
	case errors.Is(err, nats.ErrNoServers):
		err = fmt.Errorf("%w: is the broker running, and is this its address?", events.ErrOffline)
	case errors.Is(err, ErrNoBroker), errors.As(err, &network), errors.Is(err, nats.ErrTimeout):
		err = fmt.Errorf("%w: %w", events.ErrOffline, err)
	}
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", strings.Join(a.URLs, ", "), err)
	}
	return conn, nil
}

// jetStream opens a connection to make requests on; done closes it.
func (a Access) jetStream(ctx context.Context) (js jetstream.JetStream, done func(), err error) {
	conn, err := a.connect(ctx)
	if err != nil {
		return nil, nil, err
	}
	if js, err = jetstream.New(conn); err != nil {
		conn.Close()
		return nil, nil, err
	}
	return js, conn.Close, nil
}

// Provision makes the streams and buckets of a practice that are absent, and
// changes none that is there: where one is not as it should be, the error is a
// *DriftError that lists every difference, and nothing is made. It may be called
// again at any time. replicas is 1, or 3 or 5 on a cluster, and the least: a stream that has
// more copies is as it should be, and what is made beside a log that has more gets as many.
//
// Errors, beside that: events.ErrOffline, ErrNotLetIn, ErrNotReady.
func Provision(ctx context.Context, a Access, practice string, replicas int) error {
	if err := provision(ctx, a, practice, replicas); err != nil {
		return fmt.Errorf("provision practice %s: %w", practice, err)
	}
	return nil
}

func provision(ctx context.Context, a Access, practice string, replicas int) error {
	if err := events.ValidateName("practice", practice); err != nil {
		return err
	}
	if replicas < 1 || replicas > 5 {
		return fmt.Errorf("%d replicas: want 1 to 5", replicas)
	}
	js, done, err := a.jetStream(ctx)
	if err != nil {
		return err
	}
	defer done()
	var absent []jetstream.StreamConfig
	var drift DriftError
	for _, want := range streams(practice, replicas) {
		var got jetstream.Stream
		err := insist(ctx, func() (err error) {
			got, err = js.Stream(ctx, want.Name)
			return err
		})
		switch {
		case errors.Is(err, jetstream.ErrStreamNotFound):
			absent = append(absent, want)
		case err != nil:
			return fmt.Errorf("ask for stream %s: %w", want.Name, unready(ctx, err))
		default:
			if want.Name == streamRecords {
				replicas = max(replicas, got.CachedInfo().Config.Replicas)
			}
			drift.Drifts = append(drift.Drifts, compare(want, got.CachedInfo().Config)...)
		}
	}
	if len(drift.Drifts) > 0 {
		return &drift
	}
	for _, want := range absent {
		if want.Name != streamSnapshots { // which can be made again
			want.Replicas = replicas
		}
		// Two that provision at once ask for the same, and the server says yes to both;
		// but for the identity of the log, which only the first one gives.
		if err := makeStream(ctx, js, want); err != nil && !errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
			return fmt.Errorf("make stream %s: %w", want.Name, unready(ctx, err))
		}
	}
	return nil
}

// unready gives an error of a request its name, where the server or the leader of its cluster did not answer it.
func unready(ctx context.Context, err error) error {
	if ctx.Err() == nil && (errors.Is(err, context.DeadlineExceeded) || errors.Is(err, nats.ErrNoResponders) || errors.Is(err, errNoLeader)) {
		return fmt.Errorf("%w (%w)", ErrNotReady, err)
	}
	return err
}

// makeStream makes a stream.
func makeStream(ctx context.Context, js jetstream.JetStream, want jetstream.StreamConfig) error {
	return insist(ctx, func() error {
		_, err := js.CreateStream(ctx, want)
		return err
	})
}

// insist makes a request, again where the error is one that passes.
func insist(ctx context.Context, request func() error) error {
	const tries = 5
	for try := 0; ; try++ {
		err := request()
		if !passing(err) || try == tries-1 {
			return err
		}
		if err := sleep(ctx, retryDelay(try)); err != nil {
			return err
		}
	}
}

// passing reports whether nats-server (2.15.2) answers so for a moment only. When an account is used for the first
// time, it makes the folder of its streams, sees whether it can write there, and removes it, while the first stream
// may be asked for already (server/jetstream.go: EnableJetStream); and nobody hears requests of an account until then.
func passing(err error) bool {
	const noFolder = 10049
	var refused *jetstream.APIError
	return errors.Is(err, nats.ErrNoResponders) || errors.As(err, &refused) && refused.ErrorCode == noFolder
}

// ProvisionAll provisions every practice of this operator at the given broker, and lets its
// devices do what they need for that: accounts of an earlier version are brought up to date. Some can be left out.
// A practice whose streams somebody changed keeps no other from its own: the error has a *DriftError then, and names each
// such practice, those by whose settings something is deleted first; all others are provisioned.
func (o *Operator) ProvisionAll(ctx context.Context, url string, replicas int, but ...string) error {
	practices, err := o.Practices()
	if err != nil {
		return err
	}
	var drifts []error
	for _, practice := range practices {
		if slices.Contains(but, practice) {
			continue
		}
		if err := o.UpdatePractice(ctx, practice); err != nil {
			return err
		}
		access, err := o.Access(practice, url)
		if err != nil {
			return err
		}
		err = Provision(ctx, access, practice, replicas)
		switch drift := (*DriftError)(nil); {
		case errors.As(err, &drift) && drift.Deletes():
			drifts = slices.Insert(drifts, 0, err)
		case drift != nil:
			drifts = append(drifts, err)
		case err != nil:
			return err
		}
	}
	return errors.Join(drifts...)
}

// duplicateWindow is how long the broker knows the id of an event it has stored.
// It helps where one message arrives twice in short succession, and is not what
// keeps the log free of repeats: see package writing.
const duplicateWindow = 2 * time.Minute

// streams returns the streams of a practice as they should be.
func streams(practice string, replicas int) []jetstream.StreamConfig {
	base := func(name, description string, subjects ...string) jetstream.StreamConfig {
		return jetstream.StreamConfig{
			Name: name, Description: description, Subjects: subjects,
			Storage: jetstream.FileStorage, Retention: jetstream.LimitsPolicy, Discard: jetstream.DiscardOld,
			Replicas: replicas, Duplicates: duplicateWindow,
			MaxMsgs: -1, MaxBytes: -1, MaxMsgsPerSubject: -1, MaxConsumers: -1, MaxMsgSize: -1,
		}
	}
	records := base(streamRecords, "the log of practice "+practice, events.Subjects(practice))
	records.DenyDelete, records.DenyPurge, records.AllowAtomicPublish = true, true, true
	records.Metadata = map[string]string{identityKey: rand.Text()}

	trail := base(streamTrail, "where the devices of practice "+practice+" stand, and what they do alone",
		positionSubject(practice, "*"), leaseSubject(practice, "*"))
	trail.MaxMsgsPerSubject, trail.DenyDelete, trail.DenyPurge = 1, true, true

	// A key is written once: a second message on its subject is refused, and there
	// is no rollup that could replace it. A purge, by its subject, is the operator's.
	keys := base(streamKeys, "the wrapped patient keys of practice "+practice, keySubject+">")
	keys.MaxMsgsPerSubject, keys.Discard, keys.DiscardNewPerSubject, keys.DenyDelete = 1, jetstream.DiscardNew, true, true
	keys.AllowAtomicPublish = true

	snapshots := base(streamSnapshots, "sealed snapshots of practice "+practice,
		objectChunks+">", objectNames+">")
	snapshots.Discard, snapshots.AllowRollup, snapshots.AllowDirect, snapshots.Replicas = jetstream.DiscardNew, true, true, 1

	// Pieces are added and never taken away, as in the log: nobody can make them again.
	attachments := base(streamAttachments, "sealed attachments of practice "+practice, pieceSubjects(practice, "*")+"*")
	// Where somebody limits them, a full store says so and drops none.
	attachments.DenyDelete, attachments.DenyPurge, attachments.Discard = true, true, jetstream.DiscardNew
	attachments.Metadata = map[string]string{identityKey: rand.Text()}

	// Who looked at what is added and never taken away by a device, nor by a stream that is
	// full. How long it is kept is for the law to say: the operator may set max_age.
	looks := base(streamLooks, "who looked at what at the desks of practice "+practice, looksOf(practice, "*"))
	looks.DenyDelete, looks.DenyPurge, looks.Discard = true, true, jetstream.DiscardNew
	looks.Metadata = map[string]string{identityKey: rand.Text()}
	return []jetstream.StreamConfig{records, trail, keys, snapshots, attachments, looks}
}
