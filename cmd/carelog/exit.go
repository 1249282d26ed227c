package main

import (
	"errors"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/outbox"
	"github.com/carelog/carelog/broker"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
)

// Exit codes are a contract with scripts.
const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2
	exitUnreachable = 3
	exitConflict    = 4
	exitFound       = 5
	exitForeign     = 6
	exitInterrupted = 130
)

const exitHelp = `Exit status: 0 done; 1 failed; 2 wrong usage or configuration; 3 the desk or the broker cannot be reached, or lets nobody in with this token or enrolment; ` +
	`4 somebody else was first: the record was changed meanwhile, or another desk does the same at this moment; 5 audit verify found something; 6 a data folder or port is in use or not ours; 130 interrupted.`

// codedError carries the exit code that its cause deserves.
type codedError struct {
	code int
	error
}

func (e codedError) Unwrap() error { return e.error }

// usage is an error of what was asked for, not of what was done.
func usage(err error) error { return codedError{exitUsage, err} }

// exitCode finds the exit code of an error.
func exitCode(err error) int {
	var coded codedError
	var stale *agent.StaleError
	var foreign *projections.NotOursError
	var practice *projections.PracticeError
	var folder *broker.FolderInUseError
	var listen *broker.PortInUseError
	switch {
	case errors.As(err, &coded):
		return coded.code
	case errors.As(err, &stale):
		return exitConflict
	case errors.Is(err, events.ErrOffline), errors.Is(err, broker.ErrNotLetIn), errors.Is(err, broker.ErrNotReady):
		return exitUnreachable
	case errors.Is(err, agent.ErrInUse), errors.Is(err, outbox.ErrForeign), errors.As(err, &foreign), errors.As(err, &practice),
		errors.As(err, &folder), errors.As(err, &listen):
		return exitForeign
	}
	return exitFailed
}
