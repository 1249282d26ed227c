package bulk

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/carelog/carelog/internal/localdisk"
)

// asideFile is where lines wait that lack a content.
const asideFile = "aside"

// spare is what an export with contents leaves free on the disk, in bytes: people write
// there, and what it writes may be as much as all letters of the practice.
const spare = 512 << 20

// waiting is a line that lacks a content.
type waiting struct {
	typ, name, patient string
	line               []byte
}

// putAside keeps a line until the records were read: contents may come over a slow line
// from the server, and no transaction should be open as long.
func (w *writer) putAside(l waiting) (err error) {
	if w.aside == nil {
		if w.aside, err = os.OpenFile(filepath.Join(w.folder, asideFile), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600); err != nil {
			return fmt.Errorf("put lines of an export aside: %w", err)
		}
		w.late = bufio.NewWriterSize(w.aside, 64<<10)
	}
	if _, err := fmt.Fprintf(w.late, "%s %s %s %s\n", l.typ, l.name, l.patient, onALine(l.line)); err != nil {
		return fmt.Errorf("put lines of an export aside: %w", err)
	}
	return nil
}

// fill writes the lines that were put aside, with their contents.
func (w *writer) fill(ctx context.Context, each func()) error {
	if w.aside == nil {
		return nil
	}
	if err := w.late.Flush(); err != nil {
		return fmt.Errorf("put lines of an export aside: %w", err)
	}
	if _, err := w.aside.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("read what an export put aside: %w", err)
	}
	for r := bufio.NewReaderSize(w.aside, 64<<10); ; each() {
		text, err := r.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read what an export put aside: %w", err)
		}
		words := bytes.SplitN(bytes.TrimSuffix(text, []byte("\n")), []byte(" "), 4)
		if err := w.filled(ctx, waiting{string(words[0]), string(words[1]), string(words[2]), words[3]}); err != nil {
			return err
		}
	}
}

// filled writes a line with its contents.
func (w *writer) filled(ctx context.Context, l waiting) error {
	if err := w.room(); err != nil {
		return err
	}
	o, err := w.output(File{Kind: Output, Type: l.typ, Name: l.name})
	if err != nil {
		return err
	}
	o.Count++
	missing, err := w.format.Fill(ctx, o.out, l.patient, l.line)
	if err == nil {
		err = o.out.WriteByte('\n')
	}
	if err != nil {
		return fmt.Errorf("write %s of an export: %w", l.name, err)
	}
	for _, named := range missing {
		if err := w.line(Failed, "OperationOutcome", errorsFile, named); err != nil {
			return err
		}
	}
	return nil
}

// room is an error where the disk would be full for those who work here.
func (w *writer) room() error {
	free, err := localdisk.Free(w.folder)
	if err != nil {
		return fmt.Errorf("ask for the room on the disk: %w", err)
	}
	if free < spare {
		return fmt.Errorf("this PC's disk has %d MB free, and an export with its letters and scans would fill it: make room, or export fewer types at a time", free>>20)
	}
	return nil
}
