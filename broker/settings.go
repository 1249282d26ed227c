package broker

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/minio/highwayhash"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/carelog/carelog/internal/localdisk"
)

// The files in a stream's folder in which nats-server keeps its settings, and their checksum. It
// does not start a stream where one of them is missing or not as it was written.
const (
	settingsFile = "meta.inf"
	settingsSum  = "meta.sum"
)

// damagedFolder is where what was found damaged is put aside, within the broker's data folder.
const damagedFolder = "damaged"

// mendSettings writes the settings of the streams anew where they are missing or damaged, before
// nats-server starts on them. They are what Provision gives, so the messages beside them are all that
// must be kept. What cannot be mended is logged, and Start says then that the stream does not run.
func (s *Server) mendSettings(data string, logger *slog.Logger) {
	practices, err := s.operator.Practices()
	if err != nil {
		logger.Error(notExamined, slog.Any("error", err))
	}
	for _, practice := range practices {
		account, err := s.operator.Account(practice)
		if err != nil {
			logger.Error(notExamined, slog.String("practice", practice), slog.Any("error", err))
			continue
		}
		for _, want := range streams(practice, 1) {
			x := settings{folder: streamFolder(data, account, want.Name), want: want}
			logger := logger.With(slog.String("practice", practice), slog.String("stream", want.Name), slog.String("folder", x.folder))
			aside := filepath.Join(data, damagedFolder, practice, want.Name+"-"+time.Now().UTC().Format("20060102T150405.000000000"))
			if err := x.mend(aside, logger); err != nil {
				logger.Error("the settings of a stream are damaged and could not be written anew: "+howToMove, slog.Any("error", err))
			}
		}
	}
}

// howToMove is what to do with a stream whose folder is of no use any more.
const howToMove = "stop the broker, move this folder to another place (do not delete it: what no desk has is there alone), and start the broker: " +
	"it makes the stream anew, and the desks give back what they have when they connect"

// streamFolder is where nats-server keeps a stream of a practice.
func streamFolder(data string, account Account, stream string) string {
	return filepath.Join(data, "jetstream", account.Data, "streams", stream)
}

// settings are those of one stream on the disk.
type settings struct {
	folder string
	want   jetstream.StreamConfig
}

// mend does nothing where they are sound, or where there is no such stream yet.
func (x settings) mend(aside string, logger *slog.Logger) error {
	if _, err := os.Stat(x.folder); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	raw, err := readOrNone(filepath.Join(x.folder, settingsFile))
	if err != nil {
		return err
	}
	sum, err := readOrNone(filepath.Join(x.folder, settingsSum))
	if err != nil {
		return err
	}
	is, err := x.sum(raw)
	if err != nil || len(raw) > 0 && is == string(sum) {
		return err
	}
	next, known, err := x.anew(raw)
	if err != nil {
		return err
	}
	if is, err = x.sum(next); err != nil {
		return err
	}
	if err := putAside(aside, map[string][]byte{settingsFile: raw, settingsSum: sum}); err != nil {
		return err
	}
	// The sum comes last: a broker that is killed before it begins again.
	if err := localdisk.WriteFile(filepath.Join(x.folder, settingsFile), next); err != nil {
		return err
	}
	if err := localdisk.WriteFile(filepath.Join(x.folder, settingsSum), []byte(is)); err != nil {
		return err
	}
	said := "the settings of a stream were missing or damaged on this broker's disk and were written anew; its messages are as they were. " +
		"What an operator had set beside, such as how long looks are kept, must be set again; and have the disk looked at"
	switch {
	case x.want.Name == streamKeys && (!known || len(sum) > 0): // what can be read may be damaged, too
		said += ". Which keys were erased is not known for certain any more, and a desk that has one of them may give it back: erase the keys of those patients again"
	case known:
	case x.want.Name == streamRecords:
		said += ". Each desk reads the whole log again, since it cannot tell it from another one: let every desk connect"
	}
	logger.Error(said, slog.String("aside", aside))
	return nil
}

// anew are the settings as Provision would give them, with what can still be read of the names and
// marks that stood there: the identity of the log, the keys that were erased.
func (x settings) anew(raw []byte) (next []byte, known bool, err error) {
	config, err := json.Marshal(x.want)
	if err != nil {
		return nil, false, err
	}
	var info, before server.FileStreamInfo
	if err := json.Unmarshal(config, &info.StreamConfig); err != nil {
		return nil, false, err
	}
	if err := json.Unmarshal(raw, &before); err == nil && before.Name == x.want.Name && before.Metadata != nil {
		info.Metadata, known = maps.Clone(before.Metadata), true
		for name, value := range x.want.Metadata {
			info.Metadata[name] = cmp.Or(info.Metadata[name], value)
		}
	}
	info.Created = time.Now().UTC()
	next, err = json.Marshal(info)
	return next, known, err
}

// sum is what nats-server writes beside settings.
func (x settings) sum(raw []byte) (string, error) {
	key := sha256.Sum256([]byte(x.want.Name))
	hash, err := highwayhash.NewDigest64(key[:])
	if err != nil {
		return "", err
	}
	_, _ = hash.Write(raw) // never fails
	return hex.EncodeToString(hash.Sum(nil)), nil
}

func readOrNone(path string) ([]byte, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return data, err
}

// putAside keeps what is about to be written over; what is empty is not.
func putAside(folder string, files map[string][]byte) error {
	for name, data := range files {
		if len(data) == 0 {
			continue
		}
		if err := os.MkdirAll(folder, 0o700); err != nil {
			return err
		}
		if err := localdisk.WriteFile(filepath.Join(folder, name), data); err != nil {
			return fmt.Errorf("put aside what is damaged: %w", err)
		}
	}
	return nil
}

// unrecovered is a stream that nats-server could not start. What needs it waits, at the desks of that practice
// alone: nobody makes it anew in a folder that still has what no desk may have.
type unrecovered struct{ practice, account, stream, folder string }

// outOfService finds those streams, and says of each what to do. It is an error where no practice is left to work for.
func (s *Server) outOfService(data string, logger *slog.Logger) error {
	practices, err := s.operator.Practices()
	if err != nil {
		return err
	}
	ill, out, list := s.ills(), 0, ""
	for _, practice := range practices {
		account, err := s.operator.Account(practice)
		if err != nil {
			continue // it is not let in either
		}
		before := len(s.out)
		for _, e := range ill {
			if e.Type != server.HealthzErrorStream || e.Account != account.Data {
				continue
			}
			x := unrecovered{practice, account.Data, e.Stream, streamFolder(data, account, e.Stream)}
			s.out = append(s.out, x)
			logger.Error("a stream could not be started: its practice is out of service, and its desks keep what they write; the other practices go on. To mend it: "+howToMove,
				slog.String("practice", practice), slog.String("stream", x.stream), slog.String("folder", x.folder))
			list += fmt.Sprintf("\n  stream %s of practice %s, in the folder %s: %s", x.stream, practice, x.folder, howToMove)
		}
		if len(s.out) > before {
			out++
		}
	}
	if out > 0 && out == len(practices) {
		return fmt.Errorf("no practice can be served, since these streams could not be started:%s", list)
	}
	return nil
}

// OutOfService are the practices that this broker could not start a stream of. It has said so, and what to do.
func (s *Server) OutOfService() (practices []string) {
	for _, x := range s.out {
		practices = append(practices, x.practice)
	}
	return slices.Compact(practices)
}
