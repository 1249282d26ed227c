package broker

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/carelog/carelog/internal/localdisk"
)

// keptName is the file in which the keys stand that could be read of a damaged bucket, from before
// nats-server cuts them off until all are back: a broker that is killed between loses none.
// It stands in the stream's own folder, which nats-server does not look at, and is lost or restored with that.
const keptName = "carelog-sound-keys"

// keptKeys is the path of that file; "" has none.
type keptKeys string

// read returns what an earlier start has kept, by subject; nil: nothing. The file begins with a digest
// of the rest: it stands on a disk that has damaged another.
func (k keptKeys) read() (keys map[string][]byte, err error) {
	content, err := os.ReadFile(string(k))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	digest, list, _ := bytes.Cut(content, []byte("\n"))
	if err == nil && string(digest) != digestOf(list) {
		err = errors.New("the file is damaged")
	}
	if err == nil {
		err = json.Unmarshal(list, &keys)
	}
	if err != nil {
		return nil, fmt.Errorf("read the keys that an earlier start kept: %w", err)
	}
	return keys, nil
}

func (k keptKeys) write(keys map[string][]byte) error {
	content, err := json.Marshal(keys)
	if err == nil {
		err = localdisk.WriteFile(string(k), fmt.Appendf(nil, "%s\n%s", digestOf(content), content))
	}
	if err != nil {
		return fmt.Errorf("keep the keys that can be read: %w", err)
	}
	return nil
}

func digestOf(content []byte) string {
	digest := sha256.Sum256(content)
	return hex.EncodeToString(digest[:])
}

func (k keptKeys) remove() error {
	err := os.Remove(string(k))
	if k == "" || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = localdisk.SyncFolder(filepath.Dir(string(k)))
	}
	return err
}

// putBack stores keys that are not there: all with one sync to disk, or one after the other where
// a desk was faster with any of them.
func putBack(ctx context.Context, js jetstream.JetStream, subjects []string, keys map[string][]byte) error {
	if len(subjects) > 1 && putBackAtOnce(ctx, js, subjects, keys) == nil {
		return nil
	}
	for _, subject := range subjects {
		_, err := js.PublishMsg(ctx, backMessage(subject, keys))
		var refused *jetstream.APIError
		if err != nil && !(errors.As(err, &refused) && refused.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence) {
			return err
		}
	}
	return nil
}

func putBackAtOnce(ctx context.Context, js jetstream.JetStream, subjects []string, keys map[string][]byte) error {
	id, last := rand.Text()[:13], len(subjects)-1
	for i, subject := range subjects {
		m := backMessage(subject, keys)
		m.Header.Set(batchID, id)
		m.Header.Set(batchSequence, strconv.Itoa(i+1))
		if i == last {
			m.Header.Set(batchCommit, "1")
			_, err := js.PublishMsg(ctx, m)
			return err
		}
		if err := js.Conn().PublishMsg(m); err != nil {
			return err
		}
	}
	return nil
}

func backMessage(subject string, keys map[string][]byte) *nats.Msg {
	return &nats.Msg{Subject: subject, Data: keys[subject], Header: nats.Header{expectSubject: {"0"}}}
}
