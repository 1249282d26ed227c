package snapshot_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/carelog/carelog/agent/snapshot"
	"github.com/carelog/carelog/broker"
	"github.com/carelog/carelog/broker/brokertest"
)

// The file of 100,000 events of a kilobyte: BenchmarkFetch from the real broker stands
// beside BenchmarkDownload, which is plain HTTP and zstd, both with the disk's sync.
const benchEvents = 100_000

func BenchmarkFetch(b *testing.B) {
	ctx := context.Background()
	o := benchOffice(b)
	w := brokertest.Start(b)
	config := w.Device("one").Config()
	config.URLs, config.Timeout = []string{w.URL()}, 0 // past the proxy of the tests
	up := make(chan struct{}, 16)
	config.OnConnection = func(connected bool, _ error) {
		if connected {
			up <- struct{}{}
		}
	}
	l, err := broker.Connect(ctx, config)
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	<-up
	m, err := snapshot.Make(ctx, o.Config, l)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(m.Plain())
	b.ReportMetric(float64(m.Sealed())/float64(m.Plain()), "sealed/plain")
	for b.Loop() {
		path := filepath.Join(b.TempDir(), "got.db")
		if err := snapshot.Fetch(ctx, o.Config, l, m, path, nil); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDownload(b *testing.B) {
	o := benchOffice(b)
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest))
	if err != nil {
		b.Fatal(err)
	}
	packed := filepath.Join(b.TempDir(), "copy.zst")
	if err := os.WriteFile(packed, encoder.EncodeAll(o.file, nil), 0o600); err != nil {
		b.Fatal(err)
	}
	server := httptest.NewServer(http.FileServer(http.Dir(filepath.Dir(packed))))
	defer server.Close()
	b.SetBytes(int64(len(o.file)))
	for b.Loop() {
		if err := download(server.URL+"/copy.zst", filepath.Join(b.TempDir(), "got.db")); err != nil {
			b.Fatal(err)
		}
	}
}

func download(url, path string) (err error) {
	answer, err := http.Get(url)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	decoder, err := zstd.NewReader(answer.Body)
	if err != nil {
		return err
	}
	defer decoder.Close()
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := io.Copy(f, decoder); err != nil {
		return err
	}
	return f.Sync()
}
