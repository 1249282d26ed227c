package agent_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
)

// version is an event of the log as the model sees it.
type version struct {
	id       events.ID
	sequence uint64
	parents  []events.ID
	deleted  bool
	content  string // the same for equal content
	text     string
}

// model is the graph of every record, made from a log by the definition: all versions,
// those that no other names, and whether they say different things. It shares nothing
// with package projections.
type model map[events.Record][]version

// newModel reads a log. Whatever is in it twice is an error, and so is a body that
// does not open.
func newModel(log []events.Stored, open func(*events.Event) ([]byte, error)) (model, error) {
	m := make(model)
	seen := make(map[events.ID]uint64)
	for _, stored := range log {
		e, err := events.Decode(stored.Message)
		if err != nil {
			return nil, fmt.Errorf("message %d: %w", stored.Sequence, err)
		}
		if at, ok := seen[e.ID]; ok {
			return nil, fmt.Errorf("event %s of %s stands at %d and at %d", e.ID, e.Device, at, stored.Sequence)
		}
		seen[e.ID] = stored.Sequence
		if !e.Type.InGraph() {
			continue
		}
		v := version{id: e.ID, sequence: stored.Sequence, parents: e.Parents, deleted: e.Type == events.Deleted}
		if !v.deleted {
			body, err := open(e)
			if err != nil {
				return nil, fmt.Errorf("event %s at %d: %w", e.ID, stored.Sequence, err)
			}
			if v.content, v.text, err = contentOf(body); err != nil {
				return nil, err
			}
		}
		m[e.Record] = append(m[e.Record], v)
	}
	return m, nil
}

// contentOf is a form of a resource that is the same for equal content, and its text.
func contentOf(body []byte) (content, text string, err error) {
	var tree map[string]any
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if err := d.Decode(&tree); err != nil {
		return "", "", err
	}
	code, _ := tree["code"].(map[string]any)
	text, _ = code["text"].(string)
	again, err := json.Marshal(tree) // names sorted
	return string(again), text, err
}

// heads are the versions that no version names, the one to be shown first.
func (m model) heads(r events.Record) []version {
	named := make(map[events.ID]bool)
	for _, v := range m[r] {
		for _, p := range v.parents {
			named[p] = true
		}
	}
	heads := slices.DeleteFunc(slices.Clone(m[r]), func(v version) bool { return named[v.id] })
	slices.SortFunc(heads, func(a, b version) int {
		if a.deleted != b.deleted {
			if b.deleted {
				return -1
			}
			return +1
		}
		return cmp.Compare(a.sequence, b.sequence)
	})
	return heads
}

// conflict reports whether heads say different things.
func conflict(heads []version) bool {
	return slices.ContainsFunc(heads, func(v version) bool {
		return v.deleted != heads[0].deleted || v.content != heads[0].content
	})
}

// compare says in what a desk's projection differs from the model.
func (m model) compare(ctx context.Context, s *projections.Store) error {
	listed, err := s.Conflicts(ctx)
	if err != nil {
		return err
	}
	var got, want []string
	for _, state := range listed {
		got = append(got, state.Record.String())
	}
	for _, r := range slices.SortedFunc(maps.Keys(m), func(a, b events.Record) int { return strings.Compare(a.String(), b.String()) }) {
		heads := m.heads(r)
		if conflict(heads) {
			want = append(want, r.String())
		}
		state, err := s.Record(ctx, r)
		if err != nil {
			return fmt.Errorf("record %s: %w", r, err)
		}
		if err := same(r, heads, state); err != nil {
			return err
		}
	}
	slices.Sort(got)
	if !slices.Equal(want, got) {
		return fmt.Errorf("conflicts are listed of %v, want %v", got, want)
	}
	return nil
}

// same compares the heads of a record with what is shown of it.
func same(r events.Record, heads []version, state projections.State) error {
	if len(state.Heads) != len(heads) || state.Conflict != conflict(heads) {
		return fmt.Errorf("%s has %d heads, conflict %v; want %d, %v", r, len(state.Heads), state.Conflict, len(heads), conflict(heads))
	}
	for i, want := range heads {
		got := state.Heads[i]
		if got.Event.ID != want.id || got.Sequence != want.sequence || got.Deleted() != want.deleted {
			return fmt.Errorf("head %d of %s is %s at %d, want %s at %d", i, r, got.Event.ID, got.Sequence, want.id, want.sequence)
		}
		if want.deleted {
			continue
		}
		if content, _, err := contentOf(got.Body); err != nil || content != want.content {
			return fmt.Errorf("head %s of %s says %s (%v), want %s", want.id, r, content, err, want.content)
		}
	}
	return nil
}
