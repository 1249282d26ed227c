package broker

import (
	"context"
	"errors"
	"log/slog"

	"github.com/nats-io/nats.go/jetstream"
)

// lookEvery is how many messages of a stream stand for one look at its file: nats-server reads
// a file of up to 8 MiB whole when one message of it is asked for, and finds what is damaged.
const lookEvery = 1000

// examine looks once, beside the work, at the files of what nobody can make again, and says
// what is gone. nats-server trusts its files when it starts; when it comes to a damaged place
// later, it cuts the file off there without a word.
func (s *Server) examine(ctx context.Context, practices []string, logger *slog.Logger) {
	for _, practice := range practices {
		for _, stream := range []string{streamRecords, streamAttachments} {
			switch lost, err := s.lost(ctx, practice, stream); {
			case ctx.Err() != nil:
				return
			case err != nil:
				logger.Warn("a stream could not be examined", slog.String("practice", practice), slog.String("stream", stream), slog.Any("error", err))
			case lost > 0:
				logger.Error("messages are gone from this broker's disk: leave the broker running and let every desk connect, they give back what they have; "+
					"then see with `carelog audit verify` what is missing still, and have the disk looked at",
					slog.String("practice", practice), slog.String("stream", stream), slog.Uint64("messages", lost))
			}
		}
	}
}

// lost is how many messages are gone from a stream; 0 where there is no such stream yet.
func (s *Server) lost(ctx context.Context, practice, name string) (uint64, error) {
	access, err := s.operator.Access(practice, s.URL())
	if err != nil {
		return 0, err
	}
	conn, err := access.connect(ctx)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		return 0, err
	}
	stream, err := js.Stream(ctx, name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	before := stream.CachedInfo().State
	for at := max(before.FirstSeq, 1); at <= before.LastSeq; at += lookEvery {
		if _, err := stream.GetMsg(ctx, at); err != nil && !errors.Is(err, jetstream.ErrMsgNotFound) {
			return 0, err
		}
	}
	info, err := stream.Info(ctx)
	if err != nil {
		return 0, err
	}
	after := info.State
	after.LastSeq = max(after.LastSeq, before.LastSeq) // a stream whose file was cut off may have forgotten it
	return lacks(after), nil
}
