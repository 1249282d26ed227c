package bench

import (
	"context"
	"errors"
	"os"
	"path/filepath"
)

// measureDisk is how many bytes an event takes at both ends: the files of the log beside
// the bytes of its messages on the wire, and all files of a desk, with keys, history,
// search and outbox, beside the file of a bare table of the same messages.
func measureDisk(ctx context.Context, g *ground, report func(Figure) error) error {
	account, err := g.operator.Account(g.sheet.Practice)
	if err != nil {
		return err
	}
	log, err := diskUse(filepath.Join(g.brokerData(), "jetstream", account.Data, "streams", recordStream))
	if err != nil {
		return err
	}
	if len(g.desks) == 0 {
		var unused series
		if err := g.replay(ctx, &unused); err != nil {
			return err
		}
	}
	files, err := diskUse(g.deskData(g.desks[0]))
	if err != nil {
		return err
	}
	path, err := g.bareFile(ctx)
	if err != nil {
		return err
	}
	bare, err := os.Stat(path)
	if err != nil {
		return err
	}
	each := func(n int64) float64 { return float64(n) / float64(g.size) }
	return errors.Join(
		report(figure("disk-broker", g.size, each(log), each(g.bytes), "bytes/event", "its messages on the wire")),
		report(figure("disk-desk", g.size, each(files), each(bare.Size()), "bytes/event", "a bare table of the same messages")),
	)
}
