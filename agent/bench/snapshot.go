package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"

	"github.com/klauspost/compress/zstd"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/enrolment"
	"github.com/carelog/carelog/broker"
	"github.com/carelog/carelog/events"
)

// measureSnapshot is the first sync of a new desk from a snapshot of the whole log, from
// its start until all is there to be read. Beside it stands a download over plain HTTP
// of the same SQLite file, and one of its zstd form that is unpacked on the way; both
// are on the disk in the end. Each finds memory for the file that was in use just before.
func measureSnapshot(ctx context.Context, g *ground, report func(Figure) error) (err error) {
	folder := g.file("site")
	if err := os.Mkdir(folder, 0o700); err != nil {
		return err
	}
	made, err := g.makeSnapshot(ctx, filepath.Join(folder, plainFile))
	if err != nil {
		return err
	}
	if err := pack(filepath.Join(folder, plainFile), filepath.Join(folder, packedFile)); err != nil {
		return err
	}
	packedInfo, err := os.Stat(filepath.Join(folder, packedFile))
	if err != nil {
		return err
	}
	plainInfo, err := os.Stat(filepath.Join(folder, plainFile))
	if err != nil {
		return err
	}
	if err := g.keepFor(g.todo[1:]); err != nil { // what was copied is in the folder
		return err
	}
	site, err := serve(folder)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, site.close()) }()

	var ours, plain, packed series
	for range g.Rounds {
		for _, turn := range []func() error{
			func() error { return g.download(&plain, site.url+plainFile, false) },
			func() error { return g.download(&packed, site.url+packedFile, true) },
			func() error { return g.restore(ctx, made.Position.Sequence, &ours) },
		} {
			if err := errors.Join(g.useMemory(plainInfo.Size()), turn()); err != nil {
				return err
			}
		}
	}
	return errors.Join(
		report(inTime("snapshot", g.size, ours.median(), packed.median(), "HTTP download of the same file as zstd, unpacked")),
		report(inTime("snapshot-plain", g.size, ours.median(), plain.median(), "HTTP download of the same file as it is")),
		report(figure("disk-snapshot", g.size, float64(made.Stored)/float64(g.size), float64(packedInfo.Size())/float64(g.size), "bytes/event", "the same file as zstd")),
	)
}

// useMemory writes a file of so many bytes and removes it. A virtual machine gives memory that is free for
// some seconds back to its host, and the first touch after that takes longer than all that is done with it here: of three
// files written one after the other only the first would pay for it.
func (g *ground) useMemory(bytes int64) (err error) {
	f, err := os.Create(g.file("memory"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	block := make([]byte, 1<<20)
	for left := bytes; left > 0 && err == nil; left -= int64(len(block)) {
		_, err = f.Write(block[:min(left, int64(len(block)))])
	}
	return err
}

// makeSnapshot lets a desk that has the whole log make one, and copy the same file to a
// path. Its index is complete, as that of a desk in a practice is when it makes one.
func (g *ground) makeSnapshot(ctx context.Context, path string) (made agent.Snapshot, err error) {
	d, err := g.reader(ctx, 0, agent.Config{})
	if err != nil {
		return made, err
	}
	defer func() { err = errors.Join(err, d.close()) }()
	if err := d.settle(ctx); err != nil {
		return made, err
	}
	if err := completeIndex(ctx, d.Store()); err != nil {
		return made, err
	}
	if made, err = d.MakeSnapshot(ctx); err != nil {
		return made, err
	}
	return made, d.Store().Copy(ctx, path)
}

// restore clocks a new desk from its start until it has what the snapshot has. That it
// came from the snapshot is checked.
func (g *ground) restore(ctx context.Context, last uint64, took *series) error {
	e, err := g.sheet.Enrol(g.name("desk"), "A desk")
	if err != nil {
		return err
	}
	var objects atomic.Int64
	// A log that hardly grows is worth no snapshot, and one of a test is small.
	every := max(g.size/2, scribes)
	d, err := g.open(ctx, agent.Config{Enrolment: e, SnapshotEvery: every, Connect: counting(e, &objects)})
	if err != nil {
		return err
	}
	err = took.clock(func() error {
		d.run(ctx)
		return d.reach(ctx, last)
	})
	if err == nil && objects.Load() < 2 {
		err = fmt.Errorf("the desk fetched %d objects, and so took no snapshot", objects.Load())
	}
	return errors.Join(err, g.discard(d))
}

// countedLog counts the objects that a desk fetches over one of its connections.
type countedLog struct {
	agent.Log
	objects *atomic.Int64
}

// Object fetches and counts.
func (l countedLog) Object(ctx context.Context, name string) ([]byte, error) {
	l.objects.Add(1)
	return l.Log.Object(ctx, name)
}

// Sealed fetches and counts.
func (l countedLog) Sealed(ctx context.Context, name string, after events.ObjectPlace) iter.Seq2[events.ObjectPiece, error] {
	l.objects.Add(1)
	return l.Log.Sealed(ctx, name, after)
}

// counting connects a desk as it does by itself, and counts.
func counting(e enrolment.Enrolment, objects *atomic.Int64) func(context.Context, func(bool, error)) (agent.Log, error) {
	return func(ctx context.Context, report func(bool, error)) (agent.Log, error) {
		log, err := broker.Connect(ctx, broker.Config{
			Practice: e.Practice, Device: e.Device, URLs: e.URLs, JWT: e.JWT, Seed: e.Seed, OnConnection: report,
		})
		if err != nil {
			return nil, err
		}
		return countedLog{log, objects}, nil
	}
}

// Names of the files that are downloaded.
const (
	plainFile  = "record.db"
	packedFile = "record.db.zst"
)

// pack writes the zstd form of a file, at the level of the snapshots.
func pack(from, to string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	w, err := zstd.NewWriter(out, zstd.WithEncoderLevel(zstd.SpeedFastest))
	if err != nil {
		return err
	}
	_, err = io.Copy(w, in)
	return errors.Join(err, w.Close())
}

// site is an HTTP server on loopback.
type site struct {
	server http.Server
	url    string
	done   chan error
}

func serve(folder string) (*site, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &site{url: "http://" + listener.Addr().String() + "/", done: make(chan error, 1)}
	s.server.Handler = http.FileServer(http.Dir(folder))
	go func() { s.done <- s.server.Serve(listener) }()
	return s, nil
}

func (s *site) close() error {
	err := s.server.Close()
	if ended := <-s.done; !errors.Is(ended, http.ErrServerClosed) {
		err = errors.Join(err, ended)
	}
	return err
}

// download clocks a download to a file that is on the disk in the end.
func (g *ground) download(took *series, from string, packed bool) error {
	path := g.file("download")
	if err := took.clock(func() error { return download(from, path, packed) }); err != nil {
		return err
	}
	return os.Remove(path)
}

func download(from, path string, packed bool) (err error) {
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Get(from)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("download %s: %s", from, answer.Status)
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if packed {
		var r *zstd.Decoder
		if r, err = zstd.NewReader(answer.Body); err != nil {
			return err
		}
		defer r.Close()
		_, err = r.WriteTo(f)
	} else {
		_, err = io.Copy(f, answer.Body)
	}
	return errors.Join(err, f.Sync())
}
