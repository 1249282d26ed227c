package broker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/carelog/carelog/broker/internal/blocks"
)

// standing is a stream that nobody can make again, as it stood on the disk when the broker
// was not running yet.
type standing struct {
	practice, stream string
	folder           string // of the files
	files            []blocks.File
	aside            string // the folder for what is damaged
}

// said is the file in which stands what was said to be gone.
func (s standing) said() string { return filepath.Join(s.aside, s.stream+".gone") }

// stood lists the streams of all practices. One that has no file yet is left to whoever
// provisions it, and one that cannot be listed is logged: the broker starts without the examination.
func (s *Server) stood(data string, logger *slog.Logger) (all []standing) {
	practices, err := s.operator.Practices()
	if err != nil {
		logger.Error(notExamined, slog.Any("error", err))
	}
	for _, practice := range practices {
		logger := logger.With(slog.String("practice", practice))
		account, err := s.operator.Account(practice)
		if err != nil {
			logger.Error(notExamined, slog.Any("error", err))
			continue
		}
		for _, stream := range []string{streamRecords, streamAttachments} {
			folder := filepath.Join(streamFolder(data, account, stream), "msgs")
			files, err := blocks.List(folder, stream)
			if err != nil {
				logger.Error(notExamined, slog.String("stream", stream), slog.Any("error", err))
			}
			if len(files) > 0 {
				all = append(all, standing{practice: practice, stream: stream, folder: folder, files: files, aside: filepath.Join(data, damagedFolder, practice)})
			}
		}
	}
	return all
}

const notExamined = "a stream could not be examined"

// examine looks once, beside the work, at the files of what nobody can make again, and says
// what is gone. nats-server trusts its files when it starts; when it comes to a damaged place
// later, it cuts the file off there without a word.
func (s *Server) examine(ctx context.Context, all []standing, logger *slog.Logger) {
	for _, stood := range all {
		logger := logger.With(slog.String("practice", stood.practice), slog.String("stream", stood.stream))
		began := time.Now()
		places, err := stood.damaged(ctx)
		if errors.Is(err, blocks.ErrCompressed) {
			logger.Info("a stream is compressed: its files are not examined from the first one on that is", slog.Any("error", err))
			err = nil
		} else if err == nil {
			logger.Info("the files of a stream were examined", slog.Int("files", len(stood.files)), slog.Int("damaged", len(places)), slog.Duration("took", time.Since(began)))
		}
		if err == nil {
			err = s.report(ctx, stood, places, logger)
		}
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			logger.Error(notExamined, slog.Any("error", err))
		}
	}
}

// damage is a file that is not as it was written.
type damage struct {
	file blocks.File
	at   uint64 // the sequence of the first message that is affected
}

// rests is for how many times as long as the look at a file took the examination rests after
// it: three quarters of the disk and of a processor are for the desks.
const rests = 3

// damaged reads the stream's files, one at a time: it needs the memory of the largest, 8 MiB. An
// error comes with what was found before it.
func (s standing) damaged(ctx context.Context) ([]damage, error) {
	var found []damage
	var buffer []byte
	next := uint64(1)
	for _, file := range s.files {
		began := time.Now()
		v, err := file.Look(&buffer)
		if err != nil {
			return found, fmt.Errorf("examine %s: %w", file.Path, err)
		}
		next = max(next, v.Last+1)
		if v.Damaged {
			found = append(found, damage{file: file, at: next})
		}
		if err := sleep(ctx, rests*time.Since(began)); err != nil {
			return found, err
		}
	}
	return found, nil
}

// report lets nats-server look where a file is damaged, and says what is gone then.
func (s *Server) report(ctx context.Context, stood standing, found []damage, logger *slog.Logger) error {
	access, err := s.operator.Access(stood.practice, s.URL())
	if err != nil {
		return err
	}
	js, done, err := access.jetStream(ctx)
	if err != nil {
		return err
	}
	defer done()
	stream, err := js.Stream(ctx, stood.stream)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	before := stream.CachedInfo().State
	cut := 0
	for _, d := range found {
		if _, err := stream.GetMsg(ctx, max(d.at, before.FirstSeq)); err != nil && !errors.Is(err, jetstream.ErrMsgNotFound) {
			return err
		}
		v, err := d.file.Look(new([]byte))
		switch {
		case err != nil:
			return err
		case !v.Damaged:
			cut++
		default:
			logger.Error("a message on this broker's disk is damaged where nats-server does not notice it, and no desk can read it: have the disk looked at, "+
				"and start the broker again. What is damaged is cut out of the file then, and the desks give it back",
				slog.Uint64("message", d.at), slog.String("file", d.file.Path))
			if err := stood.askToMend(); err != nil {
				return err
			}
		}
	}
	lost, err := lostNow(ctx, stream, before, cut > 0)
	if err != nil || lost == 0 {
		return err
	}
	// What desks give back stands behind the end, so the places stay empty for ever: it is an
	// error once for each that is new.
	gone := fmt.Sprintf("%d messages of %s\n", lost, identityOf(stream.CachedInfo()))
	told, err := readOrNone(stood.said())
	if err != nil {
		return err
	}
	if string(told) == gone {
		logger.Info("places in a stream are empty from which messages are gone; it was said when it was found, and desks give back what they have", slog.Uint64("messages", lost))
		return nil
	}
	logger.Error("messages are gone from this broker's disk: leave the broker running and let every desk connect, they give back what they have; "+
		"then see with `carelog audit verify` what is missing still, and have the disk looked at", slog.Uint64("messages", lost))
	return putAside(stood.aside, map[string][]byte{filepath.Base(stood.said()): []byte(gone)})
}

// lostNow is how many messages a stream lacks. nats-server counts them a moment after it has
// cut off a file.
func lostNow(ctx context.Context, stream jetstream.Stream, before jetstream.StreamState, cut bool) (uint64, error) {
	const tries = 20
	for try := range tries {
		info, err := stream.Info(ctx)
		if err != nil {
			return 0, err
		}
		after := info.State
		if !cut || after.Msgs != before.Msgs || try == tries-1 {
			after.LastSeq = max(after.LastSeq, before.LastSeq) // a stream whose file was cut off may have forgotten it
			return lacks(after), nil
		}
		if err := sleep(ctx, retryDelay(0)); err != nil {
			return 0, err
		}
	}
	return 0, nil
}
