package snapshot

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
)

const manifestSuffix = ".manifest"

func manifestName(id string) string         { return id + manifestSuffix }
func partName(id string, number int) string { return fmt.Sprintf("%s.%06d", id, number) }

// idOf is the snapshot that an object belongs to.
func idOf(name string) string {
	id, _, _ := strings.Cut(name, ".")
	return id
}

// Newest lists the snapshots that can be trusted and whose parts are all there, the one
// that has read furthest first, and those that cannot be taken, with the reason. It fetches
// manifests only: a part that was damaged is found by Check.
func Newest(ctx context.Context, c Config, store Objects) ([]Manifest, []Rejected, error) {
	names, err := store.ObjectNames(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("list the snapshots: %w", err)
	}
	var good []Manifest
	var rejected []Rejected
	for _, name := range names {
		id, is := strings.CutSuffix(name, manifestSuffix)
		if !is {
			continue
		}
		if reason := c.Refused[id]; reason != nil {
			rejected = append(rejected, Rejected{ID: id, Reason: reason})
			continue
		}
		m, err := open(ctx, c, store, id)
		if errors.Is(err, events.ErrNoMessage) && !errors.As(err, new(*events.DamagedError)) {
			continue // pruned meanwhile
		}
		if errors.Is(err, events.ErrOffline) || ctx.Err() != nil {
			return nil, nil, fmt.Errorf("list the snapshots: %w", err)
		}
		if err == nil {
			err = usable(c, m, names)
		}
		if err == nil && c.InLog != nil {
			if err = c.InLog(ctx, m); err != nil && !errors.As(err, new(*UnfitError)) {
				return nil, nil, fmt.Errorf("list the snapshots: %w", err)
			}
		}
		if err != nil {
			rejected = append(rejected, Rejected{ID: id, Reason: err})
			continue
		}
		good = append(good, m)
	}
	slices.SortFunc(good, func(a, b Manifest) int {
		return cmp.Or(cmp.Compare(b.Position.Sequence, a.Position.Sequence), b.Stored.Compare(a.Stored), cmp.Compare(a.ID, b.ID))
	})
	return good, rejected, nil
}

func open(ctx context.Context, c Config, store Objects, id string) (Manifest, error) {
	sealed, err := store.Object(ctx, manifestName(id))
	if err != nil {
		return Manifest{}, err
	}
	info, err := store.ObjectInfo(ctx, manifestName(id))
	if err != nil {
		return Manifest{}, err
	}
	s, err := newSeal(c, id)
	if err != nil {
		return Manifest{}, err
	}
	m, err := s.unboxManifest(c, sealed)
	m.Stored = info.Stored
	return m, err
}

// usable tells what can be told without reading a part; names are those of all objects, in their order.
func usable(c Config, m Manifest, names []string) error {
	if m.Stream != c.Stream {
		return ErrForeign
	}
	if m.Schema > projections.Schema() {
		return ErrNewer
	}
	for i := range m.Parts {
		if _, there := slices.BinarySearch(names, partName(m.ID, i)); !there {
			return ErrIncomplete
		}
	}
	return nil
}

// prune removes what no snapshot needs: parts without a manifest, but for those of the
// snapshot that is being made, and all readable snapshots behind the first keep good
// ones. One of those that are kept was just made, or is read whole first: what is damaged
// is removed in place of the good one. What a newer carelog made stays: an older one does
// not judge it. What is of another log goes as soon as there is a good one of this.
func prune(ctx context.Context, c Config, store Objects, making string, keep int) error {
	good, rejected, err := Newest(ctx, c, store)
	if err != nil {
		return err
	}
	for len(good) > keep && good[0].ID != making {
		err := Check(ctx, c, store, good[0])
		if err == nil {
			break
		}
		if !errors.As(err, new(*events.DamagedError)) {
			return err
		}
		good, rejected = good[1:], append(rejected, Rejected{ID: good[0].ID, Reason: err})
	}
	names, err := store.ObjectNames(ctx)
	if err != nil {
		return err
	}
	drop, whole := make(map[string]bool), make(map[string]bool)
	for _, name := range names {
		if id, is := strings.CutSuffix(name, manifestSuffix); is {
			whole[id] = true
		}
	}
	for i, m := range good {
		drop[m.ID] = i >= keep
	}
	for _, r := range rejected {
		drop[r.ID] = len(good) > 0 && !errors.Is(r.Reason, ErrNewer)
	}
	// Manifests first: what is removed by half exists no more.
	slices.SortStableFunc(names, func(a, b string) int { return cmp.Compare(order(a), order(b)) })
	for _, name := range names {
		id := idOf(name)
		if id == making || whole[id] && !drop[id] {
			continue
		}
		if err := store.DeleteObject(ctx, name); err != nil {
			return fmt.Errorf("remove an old snapshot: %w", err)
		}
	}
	return nil
}

func order(name string) int {
	if strings.HasSuffix(name, manifestSuffix) {
		return 0
	}
	return 1
}
