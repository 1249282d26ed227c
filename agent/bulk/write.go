package bulk

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/carelog/carelog/projections"
)

// Files whose name is not that of a type.
const (
	conflictsFile = "conflicts.ndjson"
	deletedFile   = "deleted.ndjson"
	errorsFile    = "errors.ndjson"
)

// countEvery is how many records are read between two looks at how far a job is.
const countEvery = 256

// write reads the records out into files.
func (j *Jobs) write(one *job) (files []File, err error) {
	folder := filepath.Join(j.config.Folder, one.id)
	if err := os.Mkdir(folder, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of an export: %w", err)
	}
	r := one.status.Request
	w := &writer{folder: folder, format: r.Format, open: make(map[string]*output)}
	defer func() { err = errors.Join(err, w.close()) }()
	read := 0
	progress := func() {
		if read++; read%countEvery == 0 {
			j.mu.Lock()
			one.status.Read = read
			j.mu.Unlock()
		}
	}
	out := projections.ReadOut{
		Begin: func(at time.Time, records int) error {
			j.mu.Lock()
			defer j.mu.Unlock()
			one.status.At, one.status.Total = at, records
			return nil
		},
		Shown: func(v projections.Listed) error {
			if v.Doubt != "" {
				progress()
				return w.line(Failed, "OperationOutcome", errorsFile, r.Format.Unreadable(v.Version))
			}
			line, typ := r.Format.Shown(v), v.Event.Record.Type
			if r.Format.Refers(line) {
				return w.putAside(waiting{typ, typ + ".ndjson", v.Event.Patient, line})
			}
			progress()
			return w.line(Output, typ, typ+".ndjson", line)
		},
		Conflict: func(s projections.State) error {
			line := r.Format.Conflict(s)
			if r.Format.Refers(line) {
				return w.putAside(waiting{"Bundle", conflictsFile, s.Patient, line})
			}
			return w.line(Output, "Bundle", conflictsFile, line)
		},
	}
	if !r.Want.Since.IsZero() {
		out.Deleted = func(v projections.Version) error { return w.line(Deleted, "Bundle", deletedFile, r.Format.Deleted(v)) }
	}
	if err := j.config.Records.ReadOut(one.context, r.Want, out); err != nil {
		return nil, err
	}
	if err := w.fill(one.context, progress); err != nil {
		return nil, err
	}
	return w.list(), nil
}

// writer writes lines to the files of a job, of which there are no more than types. Lines
// that lack a content wait in one of their own until all records were read.
type writer struct {
	folder string
	format Format
	open   map[string]*output
	order  []*output
	aside  *os.File // nil: nothing was put aside
	late   *bufio.Writer
}

type output struct {
	File
	file *os.File
	out  *bufio.Writer
}

// line writes a resource as a line; nil is left out.
func (w *writer) line(kind Kind, typ, name string, resource []byte) error {
	if resource == nil {
		return nil
	}
	o, err := w.output(File{Kind: kind, Type: typ, Name: name})
	if err != nil {
		return err
	}
	o.Count++
	if _, err := o.out.Write(onALine(resource)); err != nil {
		return fmt.Errorf("write %s of an export: %w", name, err)
	}
	return o.out.WriteByte('\n')
}

// onALine changes a resource to stand on one line: a line break between two values is
// white space; in a text there is none.
func onALine(resource []byte) []byte {
	for i, c := range resource {
		if c == '\n' || c == '\r' {
			resource[i] = ' '
		}
	}
	return resource
}

// output is the file that is called so.
func (w *writer) output(f File) (*output, error) {
	if o := w.open[f.Name]; o != nil {
		return o, nil
	}
	file, err := os.OpenFile(filepath.Join(w.folder, f.Name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("make %s of an export: %w", f.Name, err)
	}
	o := &output{File: f, file: file, out: bufio.NewWriterSize(file, 64<<10)}
	w.open[f.Name], w.order = o, append(w.order, o)
	return o, nil
}

func (o *output) close() error {
	if err := errors.Join(o.out.Flush(), o.file.Close()); err != nil {
		return fmt.Errorf("write %s of an export: %w", o.Name, err)
	}
	return nil
}

func (w *writer) close() error {
	var errs []error
	for _, o := range w.order {
		errs = append(errs, o.close())
	}
	if w.aside != nil {
		errs = append(errs, w.aside.Close(), os.Remove(w.aside.Name()))
	}
	return errors.Join(errs...)
}

func (w *writer) list() (files []File) {
	for _, o := range w.order {
		files = append(files, o.File)
	}
	return files
}
