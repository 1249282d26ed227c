package broker

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/carelog/carelog/broker/internal/writing"
	"github.com/carelog/carelog/events"
)

// LookState asks which stream the looks of the practice are kept in, and which devices
// have any there, sorted.
func (l *Log) LookState(ctx context.Context) (identity string, devices []string, err error) {
	var info jetstream.StreamInfo
	prefix := looksOf(l.practice, "")
	filter := struct {
		Subjects string `json:"subjects_filter"`
	}{prefix + "*"}
	if err := l.request(ctx, "STREAM.INFO."+streamLooks, filter, &info); err != nil {
		return "", nil, fmt.Errorf("ask who has looks: %w", err)
	}
	for _, subject := range slices.Sorted(maps.Keys(info.State.Subjects)) {
		devices = append(devices, strings.TrimPrefix(subject, prefix))
	}
	return identityOf(&info), devices, nil
}

// PutLooks puts looks of this device behind those that stand at a sequence (0: there are
// none). Nothing is ever replaced. Errors: events.ErrTaken where others stand behind that
// by now, these same ones perhaps; events.ErrFull, events.ErrOffline, *events.RefusedError;
// events.ErrUnknownOutcome, after which it may be sent again: nothing is stored twice.
func (l *Log) PutLooks(ctx context.Context, data []byte, after uint64) (sequence uint64, err error) {
	sequence, err = l.publish(ctx, &nats.Msg{Subject: looksOf(l.practice, l.device), Data: data,
		Header: nats.Header{expectSubject: []string{strconv.FormatUint(after, 10)}}})
	if errors.Is(err, writing.ErrConflict) {
		err = events.ErrTaken
	}
	if err != nil {
		return 0, fmt.Errorf("store looks: %w", err)
	}
	return sequence, nil
}

// Looks reads what a device put at a sequence, or the last that it put (0);
// events.ErrNoMessage where there is nothing of it.
func (l *Log) Looks(ctx context.Context, device string, at uint64) (events.Stored, error) {
	ask, subject := getRequest{Sequence: at}, looksOf(l.practice, device)
	if at == 0 {
		ask = getRequest{LastFor: subject}
	}
	s, err := l.get(ctx, streamLooks, ask)
	if err == nil && s.Subject != subject {
		err = events.ErrNoMessage
	}
	if err != nil {
		return events.Stored{}, fmt.Errorf("read looks of %s at %d: %w", device, at, err)
	}
	return s, nil
}
