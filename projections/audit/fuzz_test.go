package audit_test

import (
	"context"
	"io"
	"maps"
	"slices"
	"testing"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/events/eventstest"
	"github.com/carelog/carelog/projections/audit"
)

// FuzzVerify changes a sound log in ways that the input spells out, two bytes a change
// and one for how. Nothing panics, and a log whose hash changed is never called clean.
func FuzzVerify(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{0, 3, 1})
	f.Add([]byte{1, 4, 200, 2, 5, 7, 3, 6, 0})
	f.Add([]byte{4, 2, 9, 5, 1, 3, 6, 8, 12, 7, 0, 255})
	base := eventstest.New(f, deviceBody)
	a, b := base.Enrol("a"), base.Enrol("b")
	first := a.Write("Condition/c1", "pat-1", "x")
	b.Write("Condition/c1", "pat-1", "y", first.ID)
	a.SetAside(a.Make(eventstest.Change{Record: "Condition/c2", Patient: "pat-1", Body: "{}"}))
	a.Delete("Condition/c1", "pat-1", first.ID)
	a.Revoke(b)
	end := hashOf(f, base)

	f.Fuzz(func(t *testing.T, program []byte) {
		p := *base
		p.Log = slices.Clone(base.Log)
		program = program[:min(len(program), 3*40)]
		for len(program) >= 3 && len(p.Log) > 0 {
			mutate(&p, program[0], program[1], program[2])
			program = program[3:]
		}
		changed := hashOf(t, &p) != end
		found := false
		s, err := audit.Verify(context.Background(), p.Messages(0), audit.Check{Keys: keysOf(&p), Expect: []events.Position{end}},
			func(audit.Finding) error { found = true; return nil })
		if err != nil {
			t.Fatal(err)
		}
		if changed && (s.Clean() || !found) {
			t.Error("a log that was changed is called clean")
		}
		// The same without a position to compare with: what is signed, or a signature, must
		// not change unseen. That the end of a chain is missing, or that events of two
		// devices changed places, only a position can tell.
		s, err = audit.Verify(context.Background(), p.Messages(0), audit.Check{Keys: keysOf(&p)}, func(audit.Finding) error { return nil })
		if err != nil {
			t.Fatal(err)
		}
		if s.Clean() && hasForeign(p.Log, base.Log) {
			t.Error("a log with a changed message is called clean where no position is expected")
		}
		table := audit.NewTable(io.Discard)
		for row, err := range audit.Rows(p.Messages(0), audit.Filter{}, p.Ring.Open) {
			if err != nil || table.Row(row) != nil {
				t.Fatal(err)
			}
		}
		if v, err := audit.Show(context.Background(), p.Messages(0), audit.Question{Patient: "pat-1"}, keysOf(&p)); err == nil {
			if err := audit.NewLines(io.Discard).View(v); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// mutate makes one change of a log: how, at which message, with what.
func mutate(p *eventstest.Practice, how, where, with byte) {
	i := int(where) % len(p.Log)
	m := eventstest.Clone(p.Log[i].Message)
	names := slices.Sorted(maps.Keys(m.Header))
	name := ""
	if len(names) > 0 {
		name = names[int(with)%len(names)]
	}
	switch how % 9 {
	case 0: // a byte of the body
		if len(m.Data) > 0 {
			m.Data[int(with)%len(m.Data)] ^= with | 1
		}
	case 1: // a byte of a header
		if name != "" && len(m.Header[name]) > 0 && len(m.Header[name][0]) > 0 {
			text := []byte(m.Header[name][0])
			text[int(how)*7%len(text)] ^= with | 1
			m.Header[name] = []string{string(text)}
		}
	case 2: // a header less
		delete(m.Header, name)
	case 3: // a header from another message
		if other := p.Log[int(with)%len(p.Log)].Header[name]; other != nil {
			m.Header[name] = slices.Clone(other)
		}
	case 4: // a message twice
		p.PushMessage(m)
		return
	case 5: // a message less, and the numbers closed over the gap
		p.Log = slices.Delete(p.Log, i, i+1)
		for j := range p.Log {
			p.Log[j].Sequence = uint64(j) + 1
		}
		return
	case 6: // two messages change places
		j := int(with) % len(p.Log)
		p.Log[i].Message, p.Log[j].Message = p.Log[j].Message, p.Log[i].Message
		return
	case 7: // an attribute of a newer version
		m.Header["ce-new"] = []string{string(rune('a' + with%26))}
	case 8: // another dossier
		m.Subject = events.Subject(p.ID, "pat-2")
	}
	p.Log[i].Message = m
}

// hasForeign reports whether a log has a message that the other does not have.
func hasForeign(log, other []events.Stored) bool {
	for _, m := range log {
		same := func(o events.Stored) bool { return o.Message.Fingerprint() == m.Message.Fingerprint() }
		if !slices.ContainsFunc(other, same) {
			return true
		}
	}
	return false
}
