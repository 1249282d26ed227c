package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/carelog/carelog/agent/intake"
)

// importCommand takes records in.
type importCommand struct {
	deskFlags `embed:""`
	Files     []string `arg:"" help:"FHIR Bundles, resources or NDJSON, or a Sumehr (.xml); plain, .gz or .zip." type:"existingfile"`
	JSON      bool     `help:"Print the result as one line of JSON." name:"json"`
}

// Run reads the files and gives their resources to the desk.
func (c *importCommand) Run(env *environment) error {
	d, err := c.connect()
	if err != nil {
		return err
	}
	in := newImporter(d)
	line := progressOn(env, c.JSON)
	defer line.end()
	for _, name := range c.Files {
		if err := in.file(env.ctx, name, line); err != nil {
			return err
		}
	}
	if err := in.flush(env.ctx); err != nil {
		return err
	}
	if c.JSON {
		if err := printJSON(env.stdout, in.total); err != nil {
			return err
		}
	} else {
		fmt.Fprintf(env.stdout, "%s written, %d were there already, %d refused\n", records(in.total.Written), in.total.Unchanged, len(in.total.Refused))
		if in.total.Kept > 0 {
			fmt.Fprintf(env.stdout, "%s left as they are now: changed or deleted here since they came in\n", records(in.total.Kept))
		}
		for _, w := range in.total.Warnings {
			fmt.Fprintf(env.stderr, "carelog: warning: %s: %s\n", w.Source, w.Text)
		}
		for _, r := range in.total.Refused {
			fmt.Fprintf(env.stderr, "carelog: %s: %s\n", r.Source, r.Error)
		}
	}
	if in.cut {
		return errors.New("a file was cut short: how many records of it were not taken in is not known")
	}
	if len(in.total.Refused) > 0 {
		return fmt.Errorf("%s not taken in", records(len(in.total.Refused)))
	}
	return nil
}

// importer gathers resources and sends them to a desk, many at a time.
type importer struct {
	desk  *desk
	batch bytes.Buffer
	count int
	total intake.Result
	cut   bool // a file was not whole
}

func newImporter(d *desk) *importer { return &importer{desk: d} }

func httpClient() *http.Client { return &http.Client{Timeout: 5 * time.Minute} }

// Bounds of one request.
const (
	importRecords = 500
	importBytes   = 4 << 20
)

func (in *importer) file(ctx context.Context, name string, line *progress) error {
	f, err := intake.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	f.Meet(in.desk.meet)
	began := time.Now()
	for item, err := range f.Items(ctx) {
		if err != nil {
			in.total.Refused = append(in.total.Refused, refused(item, err))
			in.cut = in.cut || errors.Is(err, intake.ErrCut)
			continue
		}
		if err := in.add(ctx, item); err != nil {
			return err
		}
		in.total.Unchanged += item.Here
		for _, text := range item.Warnings {
			in.total.Warnings = append(in.total.Warnings, intake.Warning{Source: item.Source, Text: text})
		}
		p := f.Progress()
		line.show(name, uint64(p.Bytes), uint64(p.Total), float64(p.Bytes)/time.Since(began).Seconds())
	}
	return ctx.Err()
}

// refused is what could not be read, and why; the reason alone, where it names the place as well.
func refused(item intake.Item, err error) intake.Refusal {
	var placed *intake.Error
	if errors.As(err, &placed) {
		err = placed.Err
	}
	return intake.Refusal{Source: item.Where(), Error: err.Error()}
}

func (in *importer) add(ctx context.Context, item intake.Item) error {
	if item.Letter {
		if err := in.flush(ctx); err != nil { // the order of the file
			return err
		}
		return in.send(ctx, intake.LetterPath(item.Type, item.ID, item.Where()), item.Body)
	}
	if err := printJSON(&in.batch, intake.Line{Source: item.Where(), Type: item.Type, ID: item.ID, Body: string(item.Body)}); err != nil {
		return err
	}
	if in.count++; in.count >= importRecords || in.batch.Len() >= importBytes {
		return in.flush(ctx)
	}
	return nil
}

func (in *importer) flush(ctx context.Context) error {
	if in.count == 0 {
		return nil
	}
	if err := in.send(ctx, intake.Path, in.batch.Bytes()); err != nil {
		return err
	}
	in.batch.Reset()
	in.count = 0
	return nil
}

func (in *importer) send(ctx context.Context, path string, body []byte) error {
	var result intake.Result
	if err := in.desk.do(ctx, http.MethodPost, path, bytes.NewReader(body), &result); err != nil {
		return err
	}
	in.total.Written += result.Written
	in.total.Unchanged += result.Unchanged
	in.total.Kept += result.Kept
	in.total.Refused = append(in.total.Refused, result.Refused...)
	in.total.Warnings = append(in.total.Warnings, result.Warnings...)
	return nil
}

// records counts them in words.
func records(n int) string {
	if n == 1 {
		return "1 record"
	}
	return strconv.Itoa(n) + " records"
}
