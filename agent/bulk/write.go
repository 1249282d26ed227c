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
	w := &writer{folder: folder, open: make(map[string]*output)}
	defer func() { err = errors.Join(err, w.close()) }()
	r := one.status.Request
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
			progress()
			if v.Doubt != "" {
				return w.line(Failed, "OperationOutcome", errorsFile, r.Format.Unreadable(v.Version))
			}
			typ := v.Event.Record.Type
			return w.line(Output, typ, typ+".ndjson", r.Format.Shown(v))
		},
		Conflict: func(s projections.State) error {
			return w.line(Output, "Bundle", conflictsFile, r.Format.Conflict(s))
		},
	}
	if !r.Want.Since.IsZero() {
		out.Deleted = func(v projections.Version) error { return w.line(Deleted, "Bundle", deletedFile, r.Format.Deleted(v)) }
	}
	if err := j.config.Records.ReadOut(one.context, r.Want, out); err != nil {
		return nil, err
	}
	return w.list(), nil
}

// writer writes lines to the files of a job, of which there are no more than types.
type writer struct {
	folder string
	open   map[string]*output
	order  []*output
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
	o := w.open[name]
	if o == nil {
		var err error
		if o, err = w.create(File{Kind: kind, Type: typ, Name: name}); err != nil {
			return err
		}
	}
	o.Count++
	for i, c := range resource { // a line break between two values is white space; in a text there is none
		if c == '\n' || c == '\r' {
			resource[i] = ' '
		}
	}
	if _, err := o.out.Write(resource); err != nil {
		return fmt.Errorf("write %s of an export: %w", name, err)
	}
	return o.out.WriteByte('\n')
}

func (w *writer) create(f File) (*output, error) {
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
	return errors.Join(errs...)
}

func (w *writer) list() (files []File) {
	for _, o := range w.order {
		files = append(files, o.File)
	}
	return files
}
