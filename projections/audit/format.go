package audit

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"

	"github.com/carelog/carelog/events"
)

// Printer writes what this package finds.
type Printer interface {
	Row(Row) error
	View(View) error
	Finding(Finding) error
	Progress(Progress) error
	Summary(Summary) error
}

// NewLines returns a printer of JSON lines, for scripts; see the fields in lines.go.
// Each line is one Write.
func NewLines(w io.Writer) Printer {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return lines{e}
}

type lines struct{ *json.Encoder }

func (l lines) Row(r Row) error         { return l.Encode(lineOfRow(r)) }
func (l lines) Finding(f Finding) error { return l.Encode(findingLine{"finding", f}) }
func (l lines) Progress(p Progress) error {
	return l.Encode(progressLine{"progress", p, p.Since.Seconds()})
}
func (l lines) Summary(s Summary) error { return l.Encode(summaryLine{"summary", s.Clean(), s}) }

func (l lines) View(v View) error {
	out := []any{viewLine{"view", v.Sequence, v.Stored.UTC(), len(v.Records)}}
	for _, r := range v.Records {
		out = append(out, lineOfRecord(r))
	}
	for _, e := range v.Erasures {
		out = append(out, lineOfVersion("erasure", e))
	}
	for _, d := range v.Discounted {
		out = append(out, lineOfVersion("discounted", d))
	}
	for _, r := range v.Unreadable {
		out = append(out, lineOfRow(r))
	}
	for _, line := range out {
		if err := l.Encode(line); err != nil {
			return err
		}
	}
	return nil
}

// NewTable returns a printer for people: a line for each message and finding, as soon
// as it is there, and a paragraph for each record. What could drive a terminal is
// written as a question mark.
func NewTable(w io.Writer) Printer { return &table{w: w} }

type table struct {
	w      io.Writer
	headed bool
}

func (t *table) print(format string, args ...any) error {
	_, err := io.WriteString(t.w, tame(fmt.Sprintf(format, args...)))
	return err
}

const rowFormat = "%8v  %-23s  %-23s  %-9s  %-30s  %-14s  %-16s  %-12s  %-26s  %-9s  %s\n"

// Row prints a message in one line, with a heading before the first.
func (t *table) Row(r Row) error {
	if !t.headed {
		t.headed = true
		if err := t.print(rowFormat, "sequence", "stored (UTC)", "device's clock", "what", "record", "patient", "device#number", "author", "event", "body", "parents"); err != nil {
			return err
		}
	}
	e := r.Event
	if e == nil {
		id, record := r.Message.Peek()
		return t.print("%8d  %-23s  no event (%s, %s): %v\n", r.Sequence, clock(r.Stored.Time), word(id), word(record), r.Fault)
	}
	return t.print(rowFormat, r.Sequence, clock(r.Stored.Time), clock(e.Time), what(e), e.Record, orNone(e.Patient),
		fmt.Sprintf("%s#%d", e.Device, e.Chain.Counter), orNone(e.Author), e.ID, r.Body, orNone(join(e.Parents)))
}

// View prints every record with its heads, the one shown as current first.
func (t *table) View(v View) error {
	var b strings.Builder
	fmt.Fprintf(&b, "as the log had it at %d, stored %s UTC\n", v.Sequence, clock(v.Stored))
	for _, r := range v.Records {
		fmt.Fprintf(&b, "\n%s  patient %s  %s", r.Record, orNone(r.Patient), count(r.Versions, "version"))
		if r.Conflict {
			fmt.Fprintf(&b, "  IN CONFLICT: %s", count(len(r.Heads), "head"))
		}
		b.WriteByte('\n')
		for i, head := range r.Heads {
			writeVersion(&b, head, i == 0)
		}
	}
	section := func(title string, list []Version) {
		if len(list) > 0 {
			fmt.Fprintf(&b, "\n%s\n", title)
		}
		for _, v := range list {
			fmt.Fprintf(&b, "  %s:\n", v.Event.Record)
			writeVersion(&b, v, false)
		}
	}
	section("erased", v.Erasures)
	section("does not count", v.Discounted)
	for _, r := range v.Unreadable {
		fmt.Fprintf(&b, "\nno event at %d, stored %s UTC: %v\n", r.Sequence, clock(r.Stored.Time), r.Fault)
	}
	return t.print("%s", b.String())
}

func writeVersion(b *strings.Builder, v Version, shown bool) {
	mark := " "
	if shown {
		mark = "*"
	}
	e := v.Event
	fmt.Fprintf(b, "  %s %s %s by %s on %s, at %d of the log, stored %s UTC (the device's clock: %s)\n",
		mark, e.ID, what(e), orNone(e.Author), e.Device, v.Sequence, clock(v.Stored.Time), clock(e.Time))
	if len(e.Parents) > 0 {
		fmt.Fprintf(b, "      after %s\n", join(e.Parents))
	}
	if v.Standing != Stands {
		fmt.Fprintf(b, "      %s\n", v.Standing)
	}
	switch {
	case v.Closed != "":
		fmt.Fprintf(b, "      closed: %s\n", v.Closed)
	case v.Body != nil:
		fmt.Fprintf(b, "      %s\n", strings.ReplaceAll(string(v.Body), "\n", "\n      "))
	}
}

// Finding prints a finding in one line.
func (t *table) Finding(f Finding) error {
	where := strings.TrimSpace(words(f.Event) + " " + words(f.Record))
	if f.Sequence > 0 {
		where = fmt.Sprintf("%d %s", f.Sequence, where)
	}
	if where != "" {
		where += ": "
	}
	return t.print("%-7s  %-18s  %s%s\n", f.Severity, f.Code, where, f.Text)
}

// Progress prints how far the reading is.
func (t *table) Progress(p Progress) error {
	if p.Total > 0 {
		return t.print("%d of %d messages (%d%%), %.0f a second\n", p.Done, p.Total, 100*p.Done/p.Total, p.Rate)
	}
	return t.print("%s, %.0f a second\n", count(int(p.Done), "message"), p.Rate)
}

// Summary prints what was counted, and the verdict.
func (t *table) Summary(s Summary) error {
	verdict := "nothing found that a person must look at"
	if !s.Clean() {
		verdict = count(s.Errors, "error") + ", " + count(s.Warnings, "warning")
	}
	return t.print(`
read         %s in %.1f s, up to %d
hash         %s
events       %d of %s; %d unreadable, %d of a newer version, %d that do not count, %d set aside
bodies       %d opened, %d erased, %d closed for want of a key
attachments  %d
verdict      %s
`, count(s.Messages, "message"), s.Seconds, s.Position.Sequence, s.Position.Hash,
		s.Events, count(s.Devices, "device"), s.Unreadable, s.UnknownType, s.Discounted, s.SetAside,
		s.Opened, s.Erased, s.Closed, s.Attachments, verdict)
}

// what is the type of an event in a word, where this version knows it.
func what(e *events.Event) string {
	switch e.Type {
	case events.Written:
		return "written"
	case events.Deleted:
		return "deleted"
	case events.Erased:
		return "erased"
	case events.SetAside:
		return "set aside"
	}
	return string(e.Type)
}

func clock(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05.000") }

func join(ids []events.ID) string {
	var b strings.Builder
	for i, id := range ids {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(id.String())
	}
	return b.String()
}

func orNone(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// tame keeps a text from the log from driving the terminal it is printed on.
func tame(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || unicode.IsGraphic(r) {
			return r
		}
		return '?'
	}, s)
}

// words keeps a text of a broken message on one line.
func words(s string) string { return strings.Join(strings.Fields(clip(s)), " ") }

func word(s string) string { return orNone(words(s)) }
