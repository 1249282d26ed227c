package main_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/enrolment"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
)

func same(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, neg, args, 2, "same FOLDER FOLDER")
	first, err := projectionOf(ts.MkAbs(args[0]))
	ts.Check(err)
	for _, folder := range args[1:] {
		other, err := projectionOf(ts.MkAbs(folder))
		ts.Check(err)
		if diff := cmp.Diff(first, other); diff != "" {
			ts.Fatalf("%s and %s differ (-%s +%s):\n%s", args[0], folder, args[0], folder, diff)
		}
	}
}

// projectionOf checks the projection of a stopped desk, and returns all that is in it.
func projectionOf(folder string) (text string, err error) {
	ctx := context.Background()
	e, err := enrolment.Load(filepath.Join(folder, "enrolment.json"))
	if err != nil {
		return "", err
	}
	key, err := events.KeyFrom(e.PracticeKey)
	if err != nil {
		return "", err
	}
	ring := events.NewKeyring(key)
	store, err := projections.Open(ctx, filepath.Join(folder, agent.ProjectionFile), projections.Options{Practice: e.Practice, Opener: ring.Open})
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	for k, err := range store.Keys(ctx) {
		if err == nil {
			err = ring.Add(k)
		}
		if err != nil {
			return "", err
		}
	}
	for done := false; !done; {
		at, err := store.Index(ctx, 1000)
		if err != nil {
			return "", err
		}
		done = at.Complete()
	}
	if err := store.Check(ctx); err != nil {
		return "", fmt.Errorf("%s: %w", folder, err)
	}
	var dump bytes.Buffer
	err = store.Dump(ctx, &dump)
	return dump.String(), err
}
