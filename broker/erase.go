package broker

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/carelog/carelog/events"
)

// erasedKey begins the metadata of KEYS that name a key which was erased, with the time. They
// stand in another file than the keys, and only the operator writes them: by them a device
// tells what was erased from what the server has lost, and gives only the second back.
const erasedKey = "carelog-erased-"

// maxErased bounds them, in bytes; nats-server takes 128 KiB of metadata for a stream.
const maxErased = 120 << 10

// EraseKeys removes every wrapped key of a patient, so that nobody can open the
// patient's events again, and returns how many there were. It cannot be undone. Before it
// removes them it writes down their names, so that no device gives them back; a key that
// the server has lost before is not among them. It is not for two at once.
func EraseKeys(ctx context.Context, a Access, practice, patient string) (int, error) {
	n, err := eraseKeys(ctx, a, keySubject+events.SubjectToken(patient)+".*", func() {})
	if err != nil {
		return 0, fmt.Errorf("erase the keys of a patient of practice %s: %w", practice, err)
	}
	return n, nil
}

// eraseKeys tells when keys are noted that are not removed yet.
func eraseKeys(ctx context.Context, a Access, subject string, noted func()) (n int, err error) {
	js, done, err := a.jetStream(ctx)
	if err != nil {
		return 0, err
	}
	defer done()
	stream, err := js.Stream(ctx, streamKeys)
	if err != nil {
		return 0, err
	}
	for range eraseAttempts {
		keys, err := stream.Info(ctx, jetstream.WithSubjectFilter(subject))
		if err != nil {
			return n, err
		}
		if len(keys.State.Subjects) == 0 {
			return n, nil
		}
		if err := noteErased(ctx, js, keys); err != nil {
			return n, err
		}
		noted()
		upTo := jetstream.WithPurgeSequence(keys.State.LastSeq + 1) // what came since is not noted
		if err := stream.Purge(ctx, jetstream.WithPurgeSubject(subject), upTo); err != nil {
			return n, err
		}
		n += len(keys.State.Subjects)
	}
	return n, errors.New("a desk makes new keys of the patient all the time: call it again")
}

// eraseAttempts bounds how often is looked for keys that came while others were erased.
const eraseAttempts = 5

// noteErased writes the names of the keys that were asked for into the metadata of the stream.
func noteErased(ctx context.Context, js jetstream.JetStream, keys *jetstream.StreamInfo) error {
	config := keys.Config
	config.Metadata = maps.Clone(config.Metadata)
	if config.Metadata == nil {
		config.Metadata = make(map[string]string)
	}
	for subject := range keys.State.Subjects {
		config.Metadata[erasedKey+strings.TrimPrefix(subject, keySubject)] = time.Now().UTC().Format(time.DateOnly)
	}
	size := 0
	for name, value := range config.Metadata {
		size += len(name) + len(value)
	}
	if size > maxErased {
		return errors.New("the bucket cannot note any more erased keys: nothing was erased")
	}
	if _, err := js.UpdateStream(ctx, config); err != nil {
		return fmt.Errorf("note which keys are erased: %w", err)
	}
	return nil
}

// erasedNames are the names of the erased keys in the metadata of KEYS, sorted.
func erasedNames(metadata map[string]string) (names []string) {
	for entry := range metadata {
		if name, ok := strings.CutPrefix(entry, erasedKey); ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// KeyState asks the leader of the bucket of keys how many there are, and which were
// erased: one request, whatever the number of keys. *events.RefusedError: the account of this
// practice was made by an earlier version, and the next provisioning lets devices ask.
func (l *Log) KeyState(ctx context.Context) (events.KeyState, error) {
	var info jetstream.StreamInfo
	if err := l.request(ctx, "STREAM.INFO."+streamKeys, nil, &info); err != nil {
		return events.KeyState{}, fmt.Errorf("ask for the state of the keys: %w", err)
	}
	return events.KeyState{Counted: info.State.LastSeq, Held: info.State.Msgs, Erased: erasedNames(info.Config.Metadata)}, nil
}
