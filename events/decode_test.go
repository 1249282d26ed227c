package events_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/carelog/carelog/events"
)

// change makes a message another one.
type change = func(*events.Message)

func set(name string, values ...string) change {
	return func(m *events.Message) { m.Header[name] = values }
}

func unset(name string) change {
	return func(m *events.Message) { delete(m.Header, name) }
}

func all(changes ...change) change {
	return func(m *events.Message) {
		for _, change := range changes {
			change(m)
		}
	}
}

var deleted = all(set("ce-type", string(events.Deleted)), func(m *events.Message) { m.Data = nil })

func tooManyAttributes(m *events.Message) {
	for i := range 33 {
		m.Header[fmt.Sprintf("ce-x%d", i)] = []string{"v"}
	}
}

var tooManyParents = strings.Repeat("01KB0000000000000000000001,", events.MaxParents) + "01KB0000000000000000000001"

// faults are messages that differ in one thing from a good one.
var faults = []struct {
	name   string
	change change
	want   string // part of the reason; empty: no fault
}{
	{"as it is", func(*events.Message) {}, ""},
	{"headers of the broker", set("Nats-Expected-Last-Subject-Sequence", "7"), ""},
	{"no message id, as in an export", unset("Nats-Msg-Id"), ""},
	{"an attribute of a newer version", set("ce-later", "x y"), ""},
	{"a type of a newer version", set("ce-type", "carelog.record.written.v2"), ""},
	{"an unknown type that stands for another event", all(set("ce-type", "carelog.event.setaside.v2"), set("ce-replaces", strings.Repeat("ab", 32))), ""},
	{"no author", unset("ce-author"), ""},
	{"no content type", unset("ce-datacontenttype"), ""},
	{"a deletion", deleted, ""},

	{"no headers", func(m *events.Message) { m.Header = nil }, "no event id"},
	{"no id", unset("ce-id"), "no event id"},
	{"id in small letters", set("ce-id", "01kb0000000000000000000003"), "no event id"},
	{"id too large for a ULID", set("ce-id", "81KB0000000000000000000003"), "no event id"},
	{"zero id", all(set("ce-id", "00000000000000000000000000"), set("Nats-Msg-Id", "00000000000000000000000000")), "no id"},
	{"two ids", set("ce-id", "01KB0000000000000000000003", "01KB0000000000000000000003"), "2 times"},
	{"another message id", set("Nats-Msg-Id", "01KB0000000000000000000004"), "message id"},
	{"a second message id", set("Nats-Msg-Id", "01KB0000000000000000000003", "01KB0000000000000000000004"), "message id"},
	{"another CloudEvents version", set("ce-specversion", "1.1"), "CloudEvents version"},
	{"no CloudEvents version", unset("ce-specversion"), "CloudEvents version"},
	{"no type", unset("ce-type"), "type"},
	{"type with capitals", set("ce-type", "Carelog.x"), "type"},
	{"type too long", set("ce-type", strings.Repeat("a", 129)), "type"},
	{"empty attribute", set("ce-author", ""), "empty"},
	{"subject elsewhere", func(m *events.Message) { m.Subject = "other.p1.x" }, "carelog.<practice>.<patient>"},
	{"subject without patient", func(m *events.Message) { m.Subject = "carelog.p1" }, "carelog.<practice>.<patient>"},
	{"subject with one token more", func(m *events.Message) { m.Subject = "carelog.p1.x.y" }, "escaped patient"},
	{"subject with a wildcard", func(m *events.Message) { m.Subject = "carelog.p1.*" }, "patient"},
	{"subject with an escape of its own", func(m *events.Message) { m.Subject = "carelog.p1.a=41" }, "patient"},
	{"another practice's subject", func(m *events.Message) { m.Subject = "carelog.p2.pat=2E1" }, "/practices/p2/"},
	{"no source", unset("ce-source"), "source"},
	{"source without a device", set("ce-source", "/practices/p1"), "source"},
	{"device with a dot", set("ce-source", "/practices/p1/devices/a.b"), "device"},
	{"device with a path", set("ce-source", "/practices/p1/devices/a/devices/b"), "device"},
	{"no record", unset("ce-subject"), "names no record"},
	{"record without id", set("ce-subject", "Patient/"), "id"},
	{"record with a small type", set("ce-subject", "patient/1"), "resource type"},
	{"record id too long", set("ce-subject", "Patient/"+strings.Repeat("a", 65)), "id"},
	{"no time", unset("ce-time"), "time"},
	{"time in another zone", set("ce-time", "2026-11-02T09:30:00.250+01:00"), "time"},
	{"time in whole seconds", set("ce-time", "2026-11-02T09:30:00Z"), "time"},
	{"time in microseconds", set("ce-time", "2026-11-02T09:30:00.250000Z"), "time"},
	{"time with a comma", set("ce-time", "2026-11-02T09:30:00,250Z"), "time"},
	{"time that is no date", set("ce-time", "2026-02-30T09:30:00.250Z"), "time"},
	{"year zero", set("ce-time", "0000-01-01T00:00:00.000Z"), "time"},
	{"author that is no id", set("ce-author", "dr 1"), "author"},
	{"parents with a space", set("ce-parents", "01KB0000000000000000000001, 01KB0000000000000000000002"), "parents"},
	{"parents with an end", set("ce-parents", "01KB0000000000000000000001,"), "parents"},
	{"parents in another order", set("ce-parents", "01KB0000000000000000000002,01KB0000000000000000000001"), "not sorted"},
	{"a parent twice", set("ce-parents", "01KB0000000000000000000001,01KB0000000000000000000001"), "twice"},
	{"itself as parent", set("ce-parents", "01KB0000000000000000000003"), "not older"},
	{"a later parent", set("ce-parents", "01KB0000000000000000000004"), "not older"},
	{"too many parents", set("ce-parents", tooManyParents), "parents"},
	{"no chain", unset("ce-chain"), "chain"},
	{"chain without a digest", set("ce-chain", "2"), "chain"},
	{"chain with a sign", set("ce-chain", "+2."+strings.Repeat("01", 32)), "chain"},
	{"chain with a leading zero", set("ce-chain", "02."+strings.Repeat("01", 32)), "chain"},
	{"chain beyond 64 bits", set("ce-chain", "18446744073709551616."+strings.Repeat("01", 32)), "chain"},
	{"chain with capitals", set("ce-chain", "2."+strings.Repeat("AB", 32)), "digest"},
	{"chain at zero", set("ce-chain", "0."+strings.Repeat("01", 32)), "counter"},
	{"first of its chain, with one before", set("ce-chain", "1."+strings.Repeat("01", 32)), "counter is 1"},
	{"second of its chain, with none before", set("ce-chain", "2."+strings.Repeat("00", 32)), "counter is 2"},
	{"a writing that stands for another event", set("ce-replaces", strings.Repeat("ab", 32)), "set-aside"},
	{"a writing that stands for nothing, written out", set("ce-replaces", strings.Repeat("00", 32)), "zero"},
	{"a set-aside that stands for nothing", set("ce-type", string(events.SetAside)), "set-aside"},
	{"content type with a line end", set("ce-datacontenttype", "a\nb"), "content type"},
	{"content type with space around", set("ce-datacontenttype", "text/plain "), "content type"},
	{"a writing without a body", func(m *events.Message) { m.Data = nil }, "no body"},
	{"a deletion with a body", set("ce-type", string(events.Deleted)), "deletion with a body"},
	{"a body too large", func(m *events.Message) { m.Data = make([]byte, events.MaxSealed+1) }, "at most"},
	{"no signature", unset("ce-sig"), "signature"},
	{"signature too short", set("ce-sig", "AAAA"), "signature"},
	{"signature with a line end", set("ce-sig", strings.Repeat("A", 85)+"\n"), "signature"},
	{"signature with loose bits", set("ce-sig", strings.Repeat("A", 85)+"B"), "signature"},
	{"signature in standard base64", set("ce-sig", strings.Repeat("+", 86)), "signature"},
	{"attribute with a capital prefix", set("CE-later", "x"), "unknown attribute"},
	{"attribute with a dash", set("ce-la-ter", "x"), "unknown attribute"},
	{"attribute without a name", set("ce-", "x"), "unknown attribute"},
	{"attribute with space around", set("ce-later", " x"), "printable"},
	{"attribute beyond ASCII", set("ce-later", "é"), "printable"},
	{"attribute twice", set("ce-later", "x", "y"), "2 times"},
	{"too many attributes", tooManyAttributes, "unknown attributes"},
	{"attributes too large", set("ce-later", strings.Repeat("x", 8<<10)), "over 8192 bytes"},
}

func TestDecodeNamesEachFault(t *testing.T) {
	for _, test := range faults {
		t.Run(test.name, func(t *testing.T) {
			m := clone(must(events.Encode(written())))
			test.change(&m)
			_, err := events.Decode(m)
			if test.want == "" {
				if err != nil {
					t.Fatalf("got %v, want no fault", err)
				}
				return
			}
			var broken *events.BrokenError
			if !errors.As(err, &broken) || !strings.Contains(broken.Reason, test.want) {
				t.Fatalf("got %v, want a BrokenError about %q", err, test.want)
			}
			if ids := m.Header["ce-id"]; len(ids) == 1 && broken.ID != ids[0] {
				t.Errorf("got the id %q in the error, want the message's own %q", broken.ID, ids[0])
			}
		})
	}
}

func TestEncodeRefusesWhatDecodeWould(t *testing.T) {
	for name, change := range map[string]func(*events.Event){
		"local time":   func(e *events.Event) { e.Time = e.Time.In(time.FixedZone("x", 3600)) },
		"microseconds": func(e *events.Event) { e.Time = e.Time.Add(time.Microsecond) },
		"year 10000":   func(e *events.Event) { e.Time = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) },
		"unsorted extras": func(e *events.Event) {
			e.Extra = []events.Attribute{{Name: "ce-b", Value: "1"}, {Name: "ce-a", Value: "1"}}
		},
		"a known extra":      func(e *events.Event) { e.Extra = []events.Attribute{{Name: "ce-id", Value: "1"}} },
		"an empty extra":     func(e *events.Event) { e.Extra = []events.Attribute{{Name: "ce-x"}} },
		"a practice of dots": func(e *events.Event) { e.Practice = "a.b" },
		"a patient of stars": func(e *events.Event) { e.Patient = "*" },
	} {
		e := written()
		change(e)
		var broken *events.BrokenError
		if _, err := events.Encode(e); !errors.As(err, &broken) {
			t.Errorf("%s: got %v, want a BrokenError", name, err)
		}
	}
}

func TestLargestHeaderFitsTheBroker(t *testing.T) {
	e := written()
	e.Parents = nil
	for i := range events.MaxParents {
		e.Parents = append(e.Parents, events.ID{0: 1, 14: byte(i >> 8), 15: byte(i)})
	}
	long := strings.Repeat("x", 64)
	e.Practice, e.Device, e.Patient, e.Author = long, long, strings.Repeat(".", 64), long
	e.Record = events.Record{Type: "X" + long[1:], ID: long}
	e.ContentType = strings.Repeat("x", 128)
	for i := range 32 {
		e.Extra = append(e.Extra, events.Attribute{Name: fmt.Sprintf("ce-x%02d", i), Value: strings.Repeat("x", 250)})
	}
	e.Sign(deviceKey)
	m := must(events.Encode(e))
	size := len("NATS/1.0\r\n\r\n") + len("Nats-Expected-Last-Subject-Sequence: 18446744073709551615\r\n")
	for name, values := range m.Header {
		size += len(name) + len(": \r\n") + len(values[0])
	}
	if size >= 64<<10 {
		t.Errorf("the largest header has %d bytes, want less than 64 KiB", size)
	}
	if got, err := events.Decode(m); err != nil {
		t.Error(err)
	} else if diff := cmp.Diff(e, got); diff != "" {
		t.Errorf("decoded event differs (-want +got):\n%s", diff)
	}
}

func TestErrorKeepsStrangeIDsQuotedAndShort(t *testing.T) {
	err := &events.BrokenError{ID: "x\n\x1b[2J" + strings.Repeat("y", 1000), Reason: "why"}
	if got := err.Error(); strings.ContainsAny(got, "\n\x1b") || len(got) > 150 {
		t.Errorf("got %q, want the id quoted and clipped", got)
	}
}
