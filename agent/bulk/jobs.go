package bulk

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/carelog/carelog/projections"
)

// MaxJobs is how many jobs there are at once, those that have ended included.
const MaxJobs = 3

// Keep is how long the files of a job stay after it ended.
const Keep = time.Hour

// Records is where the records are read.
type Records interface {
	// ReadOut reads the records wanted as they are at one moment.
	ReadOut(ctx context.Context, w projections.Want, out projections.ReadOut) error
}

// Format is how what is read becomes lines. Nil leaves it out.
type Format interface {
	Shown(projections.Listed) []byte
	Conflict(projections.State) []byte
	Deleted(projections.Version) []byte
	// Unreadable names a record that cannot be opened here.
	Unreadable(projections.Version) []byte
	// Refers reports whether a line of Shown or Conflict lacks a content that is kept
	// beside the records.
	Refers(line []byte) bool
	// Fill writes such a line, of that patient's dossier, with the contents in it. What
	// cannot be had is left out of it, and named by a line. The error is one of writing, or of ctx.
	Fill(ctx context.Context, w io.Writer, patient string, line []byte) (missing [][]byte, err error)
}

// Config says where jobs work.
type Config struct {
	// Folder is where they work. It is made where it is not there, and what an earlier
	// program left of its jobs in it is removed.
	Folder  string
	Records Records
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Logger hears of jobs that failed. Nil: nobody does.
	Logger *slog.Logger
}

// Request is what a job is asked for.
type Request struct {
	URL    string // as it was asked
	Want   projections.Want
	Format Format
}

// Errors of a job.
var (
	ErrBusy    = fmt.Errorf("%d exports are under way: wait for one to end, or delete one", MaxJobs)
	ErrUnknown = errors.New("there is no such export: it was deleted, or is too old, or the desk was started again since")
)

// Status says how far a job is.
type Status struct {
	Request Request
	At      time.Time // the moment that the files show; zero before it begins to read
	Read    int       // records that were read
	Total   int       // of so many live ones; those in conflict and deletions come on top
	Done    bool
	Err     error     // of a job that is done
	Expires time.Time // when its files go
	Files   []File
}

// File is one that a job wrote.
type File struct {
	Kind  Kind
	Type  string // of the resources in it
	Name  string
	Count int
}

// Kind says what a file is of.
type Kind string

// The kinds of files.
const (
	Output  Kind = "output"
	Deleted Kind = "deleted"
	Failed  Kind = "error"
)

// Jobs are the exports of a desk. Safe for use by several goroutines.
type Jobs struct {
	config Config
	wake   chan struct{}
	cancel context.CancelFunc
	done   chan struct{}

	mu   sync.Mutex
	jobs []*job // the oldest first
}

type job struct {
	id      string
	status  Status
	began   bool
	context context.Context
	cancel  context.CancelFunc
}

// Open removes what an earlier program left in the folder, and starts.
func Open(c Config) (*Jobs, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if err := errors.Join(os.MkdirAll(c.Folder, 0o700), tidy(c.Folder)); err != nil {
		return nil, fmt.Errorf("make room for exports: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	j := &Jobs{config: c, wake: make(chan struct{}, 1), cancel: cancel, done: make(chan struct{})}
	go j.run(ctx)
	return j, nil
}

// Close ends the job under way, and removes all files.
func (j *Jobs) Close() error {
	j.cancel()
	<-j.done
	err := tidy(j.config.Folder)
	_ = os.Remove(j.config.Folder) // stays where something of others is in it
	return err
}

// jobName is what the folder of a job is called; see rand.Text.
var jobName = regexp.MustCompile(`^[a-z2-7]{26}$`)

// tidy removes the folders of jobs, and nothing else: somebody may have put a thing of
// their own beside them.
func tidy(folder string) error {
	entries, err := os.ReadDir(folder)
	errs := []error{err}
	for _, e := range entries {
		if e.IsDir() && jobName.MatchString(e.Name()) {
			errs = append(errs, os.RemoveAll(filepath.Join(folder, e.Name())))
		}
	}
	return errors.Join(errs...)
}

// Start asks for a job and returns its id. ErrBusy where there are too many.
func (j *Jobs) Start(r Request) (id string, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.sweep()
	if len(j.jobs) >= MaxJobs {
		i := slices.IndexFunc(j.jobs, func(one *job) bool { return one.status.Done })
		if i < 0 {
			return "", ErrBusy
		}
		j.drop(i)
	}
	one := &job{id: strings.ToLower(rand.Text()), status: Status{Request: r}}
	one.context, one.cancel = context.WithCancel(context.Background())
	j.jobs = append(j.jobs, one)
	j.rouse()
	return one.id, nil
}

// Status says how far a job is; ErrUnknown where there is none of that id.
func (j *Jobs) Status(id string) (Status, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.sweep()
	i := j.index(id)
	if i < 0 {
		return Status{}, ErrUnknown
	}
	s := j.jobs[i].status
	s.Files = slices.Clone(s.Files)
	return s, nil
}

// File opens a file of a job that is done.
func (j *Jobs) File(id, name string) (*os.File, error) {
	s, err := j.Status(id)
	if err != nil {
		return nil, err
	}
	if !s.Done || !slices.ContainsFunc(s.Files, func(f File) bool { return f.Name == name }) {
		return nil, ErrUnknown
	}
	return os.Open(filepath.Join(j.config.Folder, id, name))
}

// Delete ends a job and removes its files.
func (j *Jobs) Delete(id string) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	i := j.index(id)
	if i < 0 {
		return ErrUnknown
	}
	j.drop(i)
	return nil
}

// rouse wakes run.
func (j *Jobs) rouse() {
	select {
	case j.wake <- struct{}{}:
	default:
	}
}

func (j *Jobs) index(id string) int {
	return slices.IndexFunc(j.jobs, func(one *job) bool { return one.id == id })
}

// sweep drops jobs that are too old. mu is held.
func (j *Jobs) sweep() {
	for i := len(j.jobs) - 1; i >= 0; i-- {
		if s := j.jobs[i].status; s.Done && !j.config.Now().Before(s.Expires) {
			j.drop(i)
		}
	}
}

// drop ends a job. The files of one that is being written go when it has stopped. mu is held.
func (j *Jobs) drop(i int) {
	one := j.jobs[i]
	j.jobs = slices.Delete(j.jobs, i, i+1)
	one.cancel()
	if one.status.Done || !one.began {
		j.remove(one)
	}
}

func (j *Jobs) remove(one *job) {
	if err := os.RemoveAll(filepath.Join(j.config.Folder, one.id)); err != nil {
		j.config.Logger.Warn("the files of an export are still there; they go at the next start", "err", err)
	}
}

// run does one job after the other, and lets go of old ones.
func (j *Jobs) run(ctx context.Context) {
	defer close(j.done)
	tick := time.NewTicker(Keep / 12)
	defer tick.Stop()
	for ctx.Err() == nil {
		if one := j.next(); one != nil {
			stop := context.AfterFunc(ctx, one.cancel)
			j.work(one)
			stop()
			continue
		}
		select {
		case <-ctx.Done():
		case <-j.wake:
		case <-tick.C:
		}
	}
}

// next takes the oldest job that has not begun; nil where there is none.
func (j *Jobs) next() *job {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.sweep()
	for _, one := range j.jobs {
		if !one.began {
			one.began = true
			return one
		}
	}
	return nil
}

// work does one job.
func (j *Jobs) work(one *job) {
	defer one.cancel()
	files, err := j.write(one)
	j.mu.Lock()
	defer j.mu.Unlock()
	one.status.Done, one.status.Files, one.status.Err = true, files, err
	one.status.Expires = j.config.Now().Add(Keep)
	switch {
	case err == nil:
		j.config.Logger.Info("export done", "job", one.id, "files", len(files))
	case one.context.Err() == nil:
		j.config.Logger.Error("export failed", "job", one.id, "err", err)
	}
	if err != nil || j.index(one.id) < 0 {
		one.status.Files = nil
		j.remove(one)
	}
}
