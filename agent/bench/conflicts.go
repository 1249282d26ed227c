package bench

import (
	"context"
	"errors"
	"fmt"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/projections"
	"github.com/carelog/carelog/projections/fhirjson"
	"github.com/carelog/carelog/projections/fhirsearch"
)

// measureConflicts is how long a desk that has the whole log takes to list every record in
// conflict, with all versions of each opened, and a page of those of one type, as an EHR asks
// for it. Beside each stands the reading of the same versions from a bare table of the same
// messages, each by its id.
func measureConflicts(ctx context.Context, g *ground, report func(Figure) error) (err error) {
	d, err := g.reader(ctx, 0, agent.Config{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.close()) }()
	bare, err := g.openBareFile(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, bare.Close()) }()

	var ours, limit series
	var all []projections.State
	for range g.Rounds {
		if err := ours.clock(func() (err error) {
			all, err = d.Store().Conflicts(ctx)
			return err
		}); err != nil {
			return err
		}
		if err := limit.clock(func() error { return readRows(ctx, bare, all) }); err != nil {
			return err
		}
	}
	if counted, err := d.Store().CountConflicts(ctx); err != nil || counted != len(all) || counted == 0 {
		return fmt.Errorf("%d conflicts are listed of %d: %w", len(all), counted, err)
	}
	const beside = "the same rows of a bare table, each by its id"
	if err := report(inTime("conflicts", g.size, ours.median(), limit.median(), beside)); err != nil {
		return err
	}
	asked, err := conflictPages(all)
	if err != nil {
		return err
	}
	pages, pagesBare, err := clockPages(ctx, d.Store(), bare, asked, g.Samples)
	if err != nil {
		return fmt.Errorf("conflicts-page: %w", err)
	}
	return report(inTime("conflicts-page", g.size, pages.quantile(0.99), pagesBare.quantile(0.99), beside))
}

// conflictPages asks for the first page of the conflicts of each type that has any.
func conflictPages(all []projections.State) ([]question, error) {
	const kind = "conflicts-page"
	asked, types := make(map[string][]question), make(map[string]bool)
	for _, s := range all {
		if types[s.Record.Type] {
			continue
		}
		types[s.Record.Type] = true
		if err := ask(asked, kind, s.Record.Type, fhirsearch.ParamTag, fhirjson.ConflictTag.System+"|"+fhirjson.ConflictTag.Code); err != nil {
			return nil, err
		}
	}
	return asked[kind], nil
}
