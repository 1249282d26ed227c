package intake

import (
	"archive/zip"
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"sync"
	"sync/atomic"

	"github.com/carelog/carelog/agent/letters"
	"github.com/carelog/carelog/events"
)

// Item is one resource.
type Item struct {
	Source string // the file; in an archive, archive/file
	Line   int    // of NDJSON, from 1; 0 elsewhere
	Entry  int    // of a bundle, from 1; 0 elsewhere
	Type   string
	// ID is what the resource is to be stored under. The body may have none or another
	// one: fhirjson.Prepare puts it in.
	ID   string
	Body []byte // the caller's own
	// Letter is a resource that is larger than any other for a content that it has in itself: Body
	// has up to MaxLetter bytes then, and goes to the desk by itself (LetterPath).
	Letter bool
	// IfNoneExist is the search of a conditional create; empty where there is none.
	IfNoneExist string
	Conditional int      // references by search, such as Practitioner?identifier=…, kept as they are
	Dangling    int      // urn: references to nothing in the bundle, kept as they are
	Warnings    []string // what the file says and no resource does
	Here        int      // items of a Sumehr that are records already, and are not handed on
}

// Progress says how far the reading is.
type Progress struct {
	Bytes, Total int64 // of the file as it is stored; Total is 0 where nobody knows
	Items        int64 // resources handed on
	Broken       int64 // entries and lines that were none
	Skipped      int64 // files of an archive that are no JSON
}

// Error says where something could not be read, and why.
type Error struct {
	Source string
	Line   int // 0: not of a line
	Entry  int // 0: not of an entry
	Err    error
}

// Error names the file, and the line or entry in it.
func (e *Error) Error() string { return where(e.Source, e.Line, e.Entry) + ": " + e.Err.Error() }

// Where names the file, and the line or entry in it.
func (i Item) Where() string { return where(i.Source, i.Line, i.Entry) }

func where(source string, line, entry int) string {
	if line > 0 {
		source += fmt.Sprintf(", line %d", line)
	}
	if entry > 0 {
		source += fmt.Sprintf(", entry %d", entry)
	}
	return source
}

// Unwrap returns the reason.
func (e *Error) Unwrap() error { return e.Err }

// MaxLetter bounds a resource with a content in it, in bytes.
const MaxLetter = letters.MaxBody

// Bounds of what is read.
const (
	maxValue    = events.MaxPlain + 1<<20 // one resource with the entry around it
	maxBuffered = 256 << 20               // a bundle or archive that comes through a pipe
	maxEntries  = 5_000_000               // of one bundle
	maxFiles    = 100_000                 // of one archive
)

// Errors that a caller may ask for.
var (
	ErrTooLarge = errors.New("it is too large to be a resource")
	ErrBomb     = errors.New("it unpacks to far more than any record does")
	ErrNotFHIR  = errors.New("it holds no FHIR resource in JSON")
	ErrCut      = errors.New("it was cut short where it is packed, and what was behind that is not known: fetch the whole file and import it again")
)

// Source is one file, or what comes through a pipe.
type Source struct {
	name   string
	file   *os.File  // nil: stream
	pipe   io.Reader // used up once
	size   int64
	meter  meter
	lookup Lookup

	items, broken, skipped atomic.Int64
	close                  func() error
}

// Open opens a file. The caller closes it.
func Open(path string) (*Source, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open for import: %w", err)
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("it is no regular file")
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open %s for import: %w", path, err), f.Close())
	}
	return &Source{name: path, file: f, size: info.Size(), close: sync.OnceValue(f.Close)}, nil
}

// FromReader reads a pipe. NDJSON of any length is streamed; a bundle or an archive has to
// be read whole first and may have 256 MB. name stands in errors.
func FromReader(name string, r io.Reader) *Source {
	return &Source{name: name, pipe: r, close: func() error { return nil }}
}

// Read is Items of FromReader, for one reading.
func Read(ctx context.Context, r io.Reader, name string) iter.Seq2[Item, error] {
	return FromReader(name, r).Items(ctx)
}

// Close closes the file. It may be called more than once.
func (s *Source) Close() error { return s.close() }

// Progress may be asked for at any time, by any goroutine.
func (s *Source) Progress() Progress {
	p := Progress{
		Bytes: s.meter.read.Load() / 2, Total: s.size,
		Items: s.items.Load(), Broken: s.broken.Load(), Skipped: s.skipped.Load(),
	}
	if p.Total > 0 {
		p.Bytes = min(p.Bytes, p.Total) // an archive's directory is read as well
	}
	return p
}

// Items reads the resources. With an error the item says only where it is, and reading
// goes on unless the context has ended. What comes through a pipe can be read once; a
// Source is read by one goroutine at a time.
func (s *Source) Items(ctx context.Context) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		r := &reader{Source: s, ctx: ctx, yield: yield, look: bufio.NewReaderSize(nil, peekSize)}
		r.source()
		if err := ctx.Err(); err != nil && !r.stopped {
			yield(Item{Source: s.name}, err)
		}
	}
}

// reader is one reading of a source.
type reader struct {
	*Source
	ctx     context.Context
	yield   func(Item, error) bool
	look    *bufio.Reader // of the file that is being read
	stopped bool          // the caller has enough
}

// done reports whether to go on makes no sense.
func (r *reader) done() bool { return r.stopped || r.ctx.Err() != nil }

func (r *reader) item(i Item) {
	if r.done() {
		return
	}
	r.items.Add(1)
	r.stopped = !r.yield(i, nil)
}

func (r *reader) fail(at Item, err error) {
	if r.done() {
		return
	}
	r.broken.Add(1)
	at = Item{Source: at.Source, Line: at.Line, Entry: at.Entry}
	r.stopped = !r.yield(at, &Error{Source: at.Source, Line: at.Line, Entry: at.Entry, Err: err})
}

// source reads the file or the pipe, whatever it is packed in.
func (r *reader) source() {
	if r.file != nil {
		head := make([]byte, len(zipMagic))
		if n, _ := r.file.ReadAt(head, 0); bytes.Equal(head[:n], zipMagic) {
			r.archive(r.file, r.size)
			return
		}
		r.part(part{name: r.name, open: func() (io.ReadCloser, error) {
			return unpack(r.name, r.meter.of(io.NewSectionReader(r.file, 0, r.size)))
		}})
		return
	}
	buffered := bufio.NewReader(r.pipe)
	if head, _ := buffered.Peek(len(zipMagic)); bytes.Equal(head, zipMagic) {
		all, err := readAll(buffered, maxBuffered)
		if err != nil {
			r.fail(Item{Source: r.name}, fmt.Errorf("read the archive from a pipe: %w", err))
			return
		}
		r.archive(bytes.NewReader(all), int64(len(all)))
		return
	}
	r.part(part{name: r.name, once: true, open: func() (io.ReadCloser, error) {
		return unpack(r.name, r.meter.of(buffered))
	}})
}

// archive reads the files of a zip in their order.
func (r *reader) archive(at io.ReaderAt, size int64) {
	z, err := zip.NewReader(r.meter.at(at), size)
	if err != nil {
		r.fail(Item{Source: r.name}, fmt.Errorf("read the archive: %w", err))
		return
	}
	if len(z.File) > maxFiles {
		r.fail(Item{Source: r.name}, fmt.Errorf("the archive has %d files: at most %d", len(z.File), maxFiles))
		return
	}
	for _, f := range z.File {
		if r.done() {
			return
		}
		if !wanted(f.Name) {
			if !f.FileInfo().IsDir() {
				r.skipped.Add(1)
			}
			continue
		}
		name := r.name + "/" + f.Name
		r.part(part{name: name, kept: true, open: func() (io.ReadCloser, error) {
			opened, err := f.Open()
			if err != nil {
				return nil, err
			}
			// The file may say of itself that it was packed to more than the archive has.
			return unpack(name, packed{Reader: opened, Closer: opened, size: int64(min(f.CompressedSize64, uint64(size)))})
		}})
	}
}
