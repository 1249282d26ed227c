package intake

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"sync/atomic"
)

var (
	zipMagic  = []byte("PK\x03\x04")
	gzipMagic = []byte("\x1f\x8b")
	bom       = []byte("\xef\xbb\xbf")
)

// peekSize is how far a file is looked into to find out what it is.
const peekSize = 1 << 20

// wanted reports whether a file of an archive is read, by its name.
func wanted(name string) bool {
	base := path.Base(name)
	if strings.HasPrefix(base, ".") || strings.HasPrefix(name, "__MACOSX/") {
		return false
	}
	switch path.Ext(strings.TrimSuffix(base, ".gz")) {
	case ".json", ".ndjson", ".jsonl", ".xml":
		return true
	}
	return false
}

// packed is a reader that knows how many bytes went in, for the bound on what comes out.
type packed struct {
	io.Reader
	io.Closer
	size int64 // of what it was unpacked from; 0: it is as it was stored
}

// unpack takes off gzip where the content says so, and the mark of UTF-8.
func unpack(name string, r io.Reader) (io.ReadCloser, error) {
	outer, ok := r.(packed)
	if !ok {
		outer = packed{Reader: r, Closer: io.NopCloser(nil)}
	}
	counted := &counter{Reader: outer.Reader}
	guarded := &guard{r: counted, from: func() int64 { return max(outer.size, 1) }}
	if outer.size == 0 {
		guarded.from = func() int64 { return counted.n }
	}
	buffered := bufio.NewReader(guarded)
	if head, _ := buffered.Peek(2); bytes.Equal(head, gzipMagic) {
		unzipped, err := gzip.NewReader(buffered)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("unpack: %w", err), outer.Close())
		}
		buffered = bufio.NewReader(&guard{r: whole{unzipped}, from: guarded.from})
	}
	if head, _ := buffered.Peek(len(zipMagic)); bytes.Equal(head, zipMagic) {
		return nil, errors.Join(errors.New("it is an archive in an archive: unpack it first"), outer.Close())
	}
	if head, _ := buffered.Peek(len(bom)); bytes.Equal(head, bom) {
		buffered.Discard(len(bom)) // they are in the buffer
	}
	return struct {
		io.Reader
		io.Closer
	}{buffered, outer}, nil
}

// whole tells of what was packed and ends too early.
type whole struct{ io.Reader }

func (w whole) Read(p []byte) (int, error) {
	n, err := w.Reader.Read(p)
	if err == io.ErrUnexpectedEOF {
		err = ErrCut
	}
	return n, err
}

// Text of records packs 10 to 50 times; more than that, for long, is made to harm.
const bombRatio = 500

// bombFree is what may come before the ratio counts. Tests make it smaller.
var bombFree int64 = 64 << 20

// guard ends a stream that unpacks without end.
type guard struct {
	r    io.Reader
	from func() int64 // bytes that went in
	out  int64
}

func (g *guard) Read(p []byte) (int, error) {
	n, err := g.r.Read(p)
	if g.out += int64(n); g.out > bombFree && g.out/bombRatio > g.from() {
		return 0, ErrBomb
	}
	return n, err
}

type counter struct {
	io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n += int64(n)
	return n, err
}

// meter counts what was read of the file. A bundle is read twice, so each of its bytes
// counts once each time; what is read only once counts double.
type meter struct {
	read   atomic.Int64
	single atomic.Bool
}

func (m *meter) add(n int) {
	if m.single.Load() {
		n *= 2
	}
	m.read.Add(int64(n))
}

// begin is called where a file begins, and returns where the meter stands.
func (m *meter) begin() int64 {
	m.single.Store(false)
	return m.read.Load()
}

// once says that what has been read since is read once, like all that follows.
func (m *meter) once(since int64) {
	m.single.Store(true)
	m.read.Add(m.read.Load() - since)
}

// twice says that what has been read since was a look, and is read twice from now on.
func (m *meter) twice(since int64) { m.read.Store(since) }

func (m *meter) of(r io.Reader) io.Reader { return metered{r: r, m: m} }

func (m *meter) at(r io.ReaderAt) io.ReaderAt { return meteredAt{r: r, m: m} }

type metered struct {
	r io.Reader
	m *meter
}

func (r metered) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	r.m.add(n)
	return n, err
}

type meteredAt struct {
	r io.ReaderAt
	m *meter
}

func (r meteredAt) ReadAt(p []byte, off int64) (int, error) {
	n, err := r.r.ReadAt(p, off)
	r.m.add(n)
	return n, err
}

// readAll reads to the end, or to an error where there is more than most.
func readAll(r io.Reader, most int64) ([]byte, error) {
	all, err := io.ReadAll(io.LimitReader(r, most+1))
	if err == nil && int64(len(all)) > most {
		err = fmt.Errorf("it has more than %d MB: %w", most>>20, ErrTooLarge)
	}
	return all, err
}
