package main

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/outbox"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
	"github.com/carelog/carelog/projections/audit"
)

type auditCommand struct {
	Log    auditLogCommand    `cmd:"" help:"List the events of the log."`
	Show   auditShowCommand   `cmd:"" help:"Show a record or a dossier as the log had it."`
	Verify auditVerifyCommand `cmd:"" help:"Verify chains, signatures, parents, bodies and hashes of the whole log, that the contents of letters and scans are on the broker, and the projection."`
}

func (f auditFlags) printer(env *environment) audit.Printer {
	if f.JSON {
		return audit.NewLines(env.stdout)
	}
	return audit.NewTable(env.stdout)
}

// auditLogCommand lists events.
type auditLogCommand struct {
	auditFlags `embed:""`
	Follow     bool   `help:"Wait for more, until interrupted." short:"f"`
	Patient    string `help:"Only the dossier of this patient." placeholder:"ID"`
	Record     string `help:"Only this record." placeholder:"TYPE/ID"`
	User       string `help:"Only what this Practitioner wrote." placeholder:"ID"`
	Device     string `help:"Only what this device wrote." placeholder:"ID"`
	Since      moment `help:"Only what the broker stored at this time or later." placeholder:"RFC3339"`
	Before     moment `help:"Only what the broker stored before this time." placeholder:"RFC3339"`
	From       uint64 `help:"Only from this sequence on." placeholder:"N"`
	To         uint64 `help:"Only up to this sequence." placeholder:"N"`
}

// moment is a time as it is given on a command line.
type moment struct{ time.Time }

// UnmarshalText reads it.
func (m *moment) UnmarshalText(text []byte) (err error) {
	if m.Time, err = time.Parse(time.RFC3339, string(text)); err != nil {
		return fmt.Errorf("%s is no time: want a time like 2026-11-02T15:04:05Z", text)
	}
	return nil
}

// filter says which events are wanted.
func (c *auditLogCommand) filter() (f audit.Filter, err error) {
	f = audit.Filter{Patient: c.Patient, Author: c.User, Device: c.Device, Since: c.Since.Time, Before: c.Before.Time, First: c.From, Last: c.To}
	if c.Record != "" {
		if f.Record, err = events.ParseRecord(c.Record); err != nil {
			return f, err
		}
	}
	for _, one := range []struct {
		what, name string
		validate   func(what, name string) error
	}{{"patient", c.Patient, events.ValidateID}, {"user", c.User, events.ValidateID}, {"device", c.Device, events.ValidateName}} {
		if one.name == "" {
			continue
		}
		if err := one.validate(one.what, one.name); err != nil {
			return f, err
		}
	}
	return f, nil
}

// Run lists them.
func (c *auditLogCommand) Run(env *environment) (err error) {
	filter, err := c.filter()
	if err != nil {
		return usage(err)
	}
	source, err := c.open(env)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, source.close()) }()
	// Reading begins behind the end at the latest, where a live log waits for what comes.
	begin := min(max(c.From, 1), source.last+1)
	log := source.read(env.ctx, begin)
	if !c.Follow {
		log = audit.Until(log, source.last)
		if begin > source.last {
			return nil
		}
	}
	printer := c.printer(env)
	for row, err := range audit.Rows(log, filter, source.keys.Open) {
		if err != nil {
			if c.Follow && env.ctx.Err() != nil {
				return nil
			}
			return err
		}
		if err := printer.Row(row); err != nil {
			return err
		}
	}
	return nil
}

// auditShowCommand shows a dossier as it was.
type auditShowCommand struct {
	auditFlags `embed:""`
	What       string `arg:"" help:"Type/id of a record, or the id of a patient for the whole dossier."`
	At         string `help:"Sequence or RFC 3339 time; by default now." placeholder:"WHEN"`
}

// Run shows it.
func (c *auditShowCommand) Run(env *environment) (err error) {
	question, err := c.question()
	if err != nil {
		return usage(err)
	}
	source, err := c.open(env)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, source.close()) }()
	view, err := audit.Show(env.ctx, audit.Until(source.read(env.ctx, 1), source.last), question, source.keys)
	if err != nil {
		return err
	}
	return c.printer(env).View(view)
}

func (c *auditShowCommand) question() (q audit.Question, err error) {
	if r, err := events.ParseRecord(c.What); err == nil {
		q.Record = r
	} else if events.ValidateID("patient", c.What) == nil {
		q.Patient = c.What
	} else {
		return q, err
	}
	if c.At == "" {
		return q, nil
	}
	if q.Time, err = time.Parse(time.RFC3339, c.At); err == nil {
		return q, nil
	}
	if q.At, err = strconv.ParseUint(c.At, 10, 64); err != nil || q.At == 0 {
		return q, fmt.Errorf("--at %s: want a sequence from 1 on, or a time like 2026-11-02T15:04:05Z", c.At)
	}
	return q, nil
}

// auditVerifyCommand verifies the log.
type auditVerifyCommand struct {
	auditFlags `embed:""`
}

// errFound says that verify found something.
var errFound = codedError{exitFound, errors.New("the log is not clean: see the findings")}

// Run verifies, and fails with an exit code of its own where something is found.
func (c *auditVerifyCommand) Run(env *environment) (err error) {
	source, err := c.open(env)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, source.close()) }()
	printer := c.printer(env)
	check := audit.Check{Keys: source.keys, Last: source.end, Pieces: source.pieces}
	if progress := progressOn(env, c.JSON); progress != nil {
		check.Progress = func(p audit.Progress) { progress.show("verify", p.Done, p.Total, p.Rate) }
		defer progress.end()
	}
	summary, err := audit.Verify(env.ctx, audit.Until(source.read(env.ctx, 1), source.last), check, printer.Finding)
	if err != nil {
		return err
	}
	differs := 0
	if c.File {
		if differs, err = c.compare(env, source, printer); err != nil {
			return err
		}
	}
	if err := printer.Summary(summary); err != nil {
		return err
	}
	if !summary.Clean() || differs > 0 {
		return errFound
	}
	return nil
}

// compare replays the desk's copy of the log and compares the result with its
// projection. A running desk changes it meanwhile, so that it must stand still; and what
// waits to be indexed in it is indexed first, so that it is opened as its desk opens it.
func (c *auditVerifyCommand) compare(env *environment, source *auditSource, printer audit.Printer) (found int, err error) {
	lock, err := agent.Lock(c.Data)
	if errors.Is(err, agent.ErrInUse) {
		fmt.Fprintln(env.stderr, "carelog: the desk is running, so its projection was not compared with a replay: stop it for that")
		return 0, nil
	}
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) {
		fmt.Fprintf(env.stderr, "carelog: nothing may be written in %s, so its projection was not compared with a replay: copy the folder to where it can be written for that\n", c.Data)
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	store, err := projections.Open(env.ctx, filepath.Join(c.Data, agent.ProjectionFile), projections.Options{Practice: source.enrolment.Practice, Opener: source.keys.Open})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	queue, err := outbox.Open(env.ctx, filepath.Join(c.Data, agent.OutboxFile), source.enrolment.Practice, source.enrolment.Device)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, queue.Close()) }()
	entries, err := queue.All(env.ctx)
	if err != nil {
		return 0, err
	}
	p := audit.Projection{Replica: store, Log: store.Log(env.ctx, 1), Keys: source.keys, Folder: c.Data}
	if p.Queued, err = outbox.Events(entries); err != nil {
		return 0, err
	}
	err = audit.VerifyProjection(env.ctx, p, func(f audit.Finding) error { found++; return printer.Finding(f) })
	return found, err
}
