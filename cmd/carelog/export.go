package main

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// exportCommand writes records out.
type exportCommand struct {
	deskFlags `embed:""`
	Out       string   `help:"A folder, for a file per type; or a file that ends in .ndjson or .ndjson.gz, for all in one." required:"" placeholder:"PATH" type:"path"`
	Patients  bool     `help:"Only what is in a patient's dossier."`
	Type      []string `help:"Only resources of these types." placeholder:"TYPE"`
	Since     string   `help:"Only what came to this desk then or later: the \"at\" of an export before." placeholder:"TIME"`
	JSON      bool     `help:"Print the result as one line of JSON." name:"json"`
}

// exported says what was written.
type exported struct {
	At      string         `json:"at"`
	Records int            `json:"records"`
	Files   []exportedFile `json:"files"`
}

type exportedFile struct {
	Name  string `json:"name"`
	Kind  string `json:"kind"` // output, deleted or error
	Type  string `json:"type"`
	Count int    `json:"count"`
	url   string
}

// Run asks the desk for an export, and fetches it.
func (c *exportCommand) Run(env *environment) error {
	d, err := c.connect()
	if err != nil {
		return err
	}
	inOne := c.inOne()
	if inOne && c.Since != "" {
		return usage(errors.New("--since has deletions as well, which need a file of their own: give a folder as --out"))
	}
	if inOne {
		if err := absent(c.Out); err != nil {
			return err
		}
	}
	e := &exporter{desk: d, line: progressOn(env, c.JSON)}
	defer e.line.end()
	location, err := e.begin(env.ctx, c)
	if err != nil {
		return err
	}
	// Whatever happens, the desk need not keep the files any longer.
	defer func() { _ = d.do(context.WithoutCancel(env.ctx), http.MethodDelete, location, nil, nil) }()
	result, err := e.await(env.ctx, location)
	if err != nil {
		return err
	}
	if inOne {
		err = e.fetchIntoOne(env.ctx, result, c.Out)
	} else {
		err = e.fetchIntoFolder(env.ctx, result, c.Out)
	}
	if err != nil {
		return err
	}
	return c.say(env, result)
}

// inOne reports whether all goes into one file.
func (c *exportCommand) inOne() bool {
	return strings.HasSuffix(c.Out, ".ndjson") || strings.HasSuffix(c.Out, ".ndjson.gz")
}

// where is what fits a folder, or one file.
func (c *exportCommand) where(folder, file string) string {
	if c.inOne() {
		return file
	}
	return folder
}

func (c *exportCommand) say(env *environment, result exported) error {
	closed, conflicts := 0, 0
	for _, f := range result.Files {
		switch {
		case f.Kind == "error":
			closed += f.Count
		case f.Name == "conflicts.ndjson":
			conflicts = f.Count
		}
	}
	if c.JSON {
		if err := printJSON(env.stdout, result); err != nil {
			return err
		}
	} else {
		fmt.Fprintf(env.stdout, "%s written as at %s\n", records(result.Records), result.At)
		if conflicts > 0 {
			fmt.Fprintf(env.stdout, "%d of them were in conflict: %s\n", conflicts, c.where("conflicts.ndjson has all their versions", "a Bundle of each has all its versions"))
		}
	}
	if closed > 0 {
		return fmt.Errorf("%s cannot be opened at this desk, or not with the content: %s", records(closed), c.where("errors.ndjson names them", "an export into a folder names them"))
	}
	return nil
}

// exporter fetches one export.
type exporter struct {
	desk *desk
	line *progress
}

// begin asks for the export, and returns the path at which it is looked after.
func (e *exporter) begin(ctx context.Context, c *exportCommand) (path string, err error) {
	query := url.Values{}
	if len(c.Type) > 0 {
		query.Set("_type", strings.Join(c.Type, ","))
	}
	if c.Since != "" {
		query.Set("_since", c.Since)
	}
	path = "/fhir/$export"
	if c.Patients {
		path = "/fhir/Patient/$export"
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, e.desk.url+path+"?"+query.Encode(), nil)
	if err != nil {
		return "", err
	}
	r.Header.Set("Prefer", "respond-async")
	answer, err := e.desk.roundTrip(ctx, r)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	return pathOf(answer.Header.Get("Content-Location"))
}

// pathOf is the path of an address of the desk, which may have been reached by another name.
func pathOf(address string) (string, error) {
	u, err := url.Parse(address)
	if err != nil || u.Path == "" {
		return "", fmt.Errorf("the desk names no place of the export, but %q", address)
	}
	return u.EscapedPath(), nil
}

// await waits until the export is done.
func (e *exporter) await(ctx context.Context, path string) (result exported, err error) {
	began := time.Now()
	for pause := 20 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		answer, err := e.desk.send(ctx, http.MethodGet, path, "application/json", nil)
		if err != nil {
			return result, err
		}
		if answer.StatusCode == http.StatusOK {
			defer answer.Body.Close()
			return readManifest(answer.Body)
		}
		answer.Body.Close()
		var done, total uint64
		if _, err := fmt.Sscanf(answer.Header.Get("X-Progress"), "%d of %d", &done, &total); err == nil {
			e.line.show("read", done, total, float64(done)/time.Since(began).Seconds())
		}
		select {
		case <-ctx.Done():
			return result, ctx.Err()
		case <-time.After(pause):
		}
	}
}

// fileName is what an export may call a file.
var fileName = regexp.MustCompile(`^[A-Za-z]+\.ndjson$`)

func readManifest(body io.Reader) (result exported, err error) {
	type file struct {
		Type, URL string
		Count     int
	}
	var m struct {
		TransactionTime        string
		Output, Deleted, Error []file
	}
	if err := json.NewDecoder(body).Decode(&m); err != nil {
		return result, fmt.Errorf("read what the export has: %w", err)
	}
	result.At, result.Files = m.TransactionTime, []exportedFile{}
	for _, list := range []struct {
		kind  string
		files []file
	}{{"output", m.Output}, {"deleted", m.Deleted}, {"error", m.Error}} {
		for _, f := range list.files {
			path, err := pathOf(f.URL)
			name := path[strings.LastIndex(path, "/")+1:]
			if err != nil || !fileName.MatchString(name) {
				return result, fmt.Errorf("the export has a file at %q, which is no name to write to", f.URL)
			}
			if list.kind == "output" && name == f.Type+".ndjson" {
				result.Records += f.Count
			}
			result.Files = append(result.Files, exportedFile{Name: name, Kind: list.kind, Type: f.Type, Count: f.Count, url: path})
		}
	}
	return result, nil
}

// fetchIntoFolder writes a file per type. Nothing that is there is written over.
func (e *exporter) fetchIntoFolder(ctx context.Context, result exported, folder string) error {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return fmt.Errorf("make the folder of the export: %w", err)
	}
	for _, f := range result.Files { // before anything is written
		if err := absent(filepath.Join(folder, f.Name)); err != nil {
			return err
		}
	}
	for _, f := range result.Files {
		if err := writeWhole(filepath.Join(folder, f.Name), func(w io.Writer) error { return e.fetch(ctx, f, w) }); err != nil {
			return err
		}
	}
	return nil
}

// fetchIntoOne writes all resources into one file.
func (e *exporter) fetchIntoOne(ctx context.Context, result exported, path string) error {
	return writeWhole(path, func(w io.Writer) error {
		var z *gzip.Writer
		if strings.HasSuffix(path, ".gz") {
			z = gzip.NewWriter(w)
			w = z
		}
		for _, f := range result.Files {
			if f.Kind != "output" {
				continue
			}
			if err := e.fetch(ctx, f, w); err != nil {
				return err
			}
		}
		if z == nil {
			return nil
		}
		return z.Close()
	})
}

// fetch copies a file of the export. It may have all letters of a practice: there is no
// time in which that must be done.
func (e *exporter) fetch(ctx context.Context, f exportedFile, w io.Writer) error {
	unhurried := *e.desk
	unhurried.http = &http.Client{}
	answer, err := unhurried.send(ctx, http.MethodGet, f.url, "application/json", nil)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	n, err := io.Copy(w, answer.Body)
	if err == nil && answer.ContentLength >= 0 && n != answer.ContentLength {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return fmt.Errorf("fetch %s: %w", f.Name, err)
	}
	return nil
}

// absent is an error where something has a name already.
func absent(path string) error {
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s is there already: choose another --out, so that nothing is written over", path)
	}
	return nil
}

// writeWhole makes a file that is there whole, and on the disk, or not at all.
func writeWhole(path string, write func(io.Writer) error) (err error) {
	if err := absent(path); err != nil {
		return err
	}
	part := path + ".part"
	f, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("make %s: %w", path, err)
	}
	err = write(f)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", path, err), os.Remove(part))
	}
	return os.Rename(part, path)
}
