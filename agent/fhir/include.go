package fhir

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
	"github.com/carelog/carelog/projections/fhirsearch"
)

// maxIncluded is how many records one page brings with it at most.
const maxIncluded = 1000

// include brings what a page's matches refer to, and what refers to them: one step.
func (f *finding) include(ctx context.Context, list []include, matches []projections.State) error {
	if err := f.handler.desk.Incomplete(ctx); err != nil && len(list) > 0 {
		f.lacks(err) // what comes with the matches may be of any dossier
	}
	left := maxIncluded
	for _, i := range list {
		bring := f.referred
		if i.reverse {
			bring = f.referring
		}
		if i.reverse && i.typ == "Provenance" {
			f.notes = append(f.notes, issue{Severity: "warning", Code: "not-supported",
				Diagnostics: "of Provenance only what clients wrote comes along: search Provenance?patient= or Provenance?target= for what the log says"})
		}
		all, err := bring(ctx, i, matches, &left)
		if err != nil {
			return err
		}
		if !all {
			f.notes = append(f.notes, issue{Severity: "warning", Code: "too-costly",
				Diagnostics: fmt.Sprintf("not all of %s:%s came with this page: at most %d do; ask for fewer with _count, or search %s itself", i.typ, i.parameter.Name, maxIncluded, i.typ)})
		}
	}
	return nil
}

// referred brings what the matches refer to.
func (f *finding) referred(ctx context.Context, i include, matches []projections.State, left *int) (all bool, err error) {
	for _, m := range matches {
		for _, name := range fhirsearch.References(i.typ, i.parameter, i.target, m.Shown.Body) {
			typ, id, _ := strings.Cut(name, "/")
			record := events.Record{Type: typ, ID: id}
			if f.seen[record] || record.Validate() != nil {
				continue
			}
			if *left == 0 {
				return false, nil
			}
			state, err := f.handler.records.Record(ctx, record)
			switch {
			case errors.Is(err, projections.ErrNotFound):
				continue // what is not here is not shown; the reference stays
			case errors.Is(err, agent.ErrIncomplete):
				f.lacks(err)
				continue
			case err != nil:
				return false, err
			}
			*left--
			f.add(state, "include")
		}
	}
	return true, nil
}

// referringAtOnce is for how many records a search for what refers to them asks.
const referringAtOnce = 100

// referring brings what refers to the matches.
func (f *finding) referring(ctx context.Context, i include, matches []projections.State, left *int) (all bool, err error) {
	for part := range slices.Chunk(matches, referringAtOnce) {
		var names []string
		for _, m := range part {
			names = append(names, m.Record.String())
		}
		c, err := fhirsearch.Or(i.parameter, names)
		if err != nil {
			return false, err
		}
		if *left == 0 {
			return false, nil
		}
		page, err := f.handler.records.Search(ctx, projections.Query{Type: i.typ, Conditions: []fhirsearch.Condition{c}, Limit: *left})
		if err != nil {
			return false, err
		}
		for _, state := range page.States {
			*left--
			f.add(state, "include")
		}
		if page.Next != "" {
			return false, nil
		}
		if page.Partial {
			f.notes = append(f.notes, issue{Severity: "warning", Code: "incomplete", Diagnostics: "what refers to these records is still being indexed: more may come with them soon"})
		}
	}
	return true, nil
}
