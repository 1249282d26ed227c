package audit_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/events/eventstest"
	"github.com/carelog/carelog/projections/audit"
)

var update = flag.Bool("update", false, "write the golden files anew")

// chance is what differs from run to run: digests, since sealing takes a random nonce,
// and how long a reading took.
var chance = regexp.MustCompile(`[0-9a-f]{64}|"seconds":[0-9.e-]+|"rate":[0-9.]+|in [0-9.]+ s,`)

// printed is one of everything, as a printer writes it.
func printed(t *testing.T, printer func(*bytes.Buffer) audit.Printer) string {
	t.Helper()
	p, a, b := twoDesks(t)
	base := idsAt(t, p, 4)
	p.Push(a.Make(eventstest.Change{Record: "Condition/c1", Patient: "pat-1", Body: `{"value":1.00,"html":"<b>&"}`, Parents: []events.ID{base}}))
	b.Delete("Condition/c1", "pat-1", base)
	a.SetAside(a.Make(eventstest.Change{Record: "Condition/c2", Patient: "pat-1", Body: "{}"}))
	p.Push(a.Make(eventstest.Change{Record: "Condition/c3", Patient: "pat-1", Body: "no\nJSON"}))
	p.Stranger("c").Write("Condition/c1", "pat-1", "forged")
	p.PushMessage(events.Message{Subject: events.Subject(p.ID, "pat-1"), Header: map[string][]string{
		"ce-id": {"\x1b[31mred\nline"}, "ce-subject": {"Condition/c1"}}})
	a.Erase("pat-2")

	var out bytes.Buffer
	w := printer(&out)
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for row, err := range audit.Rows(p.Messages(1), audit.Filter{}, p.Ring.Open) {
		check(err)
		check(w.Row(row))
	}
	check(w.View(show(t, p, audit.Question{Patient: "pat-1"})))
	check(w.View(show(t, p, audit.Question{Patient: "pat-2"})))
	s, err := audit.Verify(t.Context(), p.Messages(1), audit.Check{Keys: keysOf(p)}, w.Finding)
	check(err)
	check(w.Progress(audit.Progress{Done: 5, Total: 10, Rate: 2.5, Since: 2 * time.Second}))
	check(w.Progress(audit.Progress{Done: 1, Rate: 2.5}))
	check(w.Summary(s))
	return chance.ReplaceAllString(out.String(), "…")
}

// The forms are held by golden files: the lines are a contract with scripts, the
// table is what people see.
func TestGolden(t *testing.T) {
	for name, printer := range map[string]func(*bytes.Buffer) audit.Printer{
		"lines": func(b *bytes.Buffer) audit.Printer { return audit.NewLines(b) },
		"table": func(b *bytes.Buffer) audit.Printer { return audit.NewTable(b) },
	} {
		t.Run(name, func(t *testing.T) {
			got := printed(t, printer)
			file := filepath.Join("testdata", name+".golden")
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("(-want +got; -update writes it anew):\n%s", diff)
			}
			if strings.ContainsRune(got, '\x1b') {
				t.Error("a control character of the log reaches the terminal")
			}
		})
	}
}

// What stands in a body is shown as it stands, but for what would drive the terminal.
func TestTableShowsTheText(t *testing.T) {
	var out bytes.Buffer
	p, a, _ := twoDesks(t)
	p.Push(a.Make(eventstest.Change{Record: "Basic/b", Patient: "pat-1", Body: "{\n\t\"text\": \"numéro\u00a0: 5\u202e\u009b\"\n}"}))
	if err := audit.NewTable(&out).View(show(t, p, audit.Question{Record: events.Record{Type: "Basic", ID: "b"}})); err != nil {
		t.Fatal(err)
	}
	if want := "\t\"text\": \"numéro\u00a0: 5??\"\n"; !strings.Contains(out.String(), want) {
		t.Errorf("want %q in\n%s", want, out.String())
	}
}

// Every line is one JSON object with a kind, and content keeps its digits.
func TestLinesAreJSON(t *testing.T) {
	var out bytes.Buffer
	p, a, _ := twoDesks(t)
	p.Push(a.Make(eventstest.Change{Record: "Observation/o", Patient: "pat-1", Body: `{"value": 1.00, "big": 12345678901234567890.10}`}))
	if err := audit.NewLines(&out).View(show(t, p, audit.Question{Patient: "pat-1"})); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(out.String()) {
		var l struct{ Kind string }
		if err := json.Unmarshal([]byte(line), &l); err != nil || l.Kind == "" {
			t.Errorf("%q: %v", line, err)
		}
	}
	if want := `{"value":1.00,"big":12345678901234567890.10}`; !strings.Contains(out.String(), want) {
		t.Errorf("the digits changed: want %s in\n%s", want, out.String())
	}
}
