package projections_test

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
)

const benchBatch = 5000

// practiceLog is a log of n events, about a kilobyte sealed each, three for each record
// and ten records in a dossier. In visits, a doctor opens a dossier and writes three
// records of it three times each, as they work; scattered, every event is of any
// record, the worst for every cache; fresh, each is a record of its own.
func practiceLog(n int, kind string) []projections.Entry {
	random := rand.New(rand.NewPCG(1, 2))
	filler := make([]byte, 800)
	for i := range filler {
		filler[i] = 'a' + byte(random.IntN(26))
	}
	desks := make([]*desk, 4)
	for i := range desks {
		desks[i] = newDesk(fmt.Sprint("desk-", i))
	}
	last := make(map[events.Record]events.ID)
	log := make([]projections.Entry, 0, n)
	dossier := 0
	for i := range n {
		k := random.IntN(n/3 + 1)
		switch kind {
		case "fresh":
			k = i
		case "visits":
			if i%9 == 0 {
				dossier = random.IntN(n/30 + 1)
			}
			k = dossier*10 + (i/9+i%3)%10
		}
		pat := fmt.Sprintf("01HZY%021d", k/10)
		r := events.Record{Type: "Condition", ID: fmt.Sprintf("01HZX%021d", k)}
		body := fmt.Sprintf(`{"resourceType":"Condition","id":%q,"subject":{"reference":"Patient/%s"},"note":[{"text":"%s %d"}]}`, r.ID, pat, filler, i)
		if k%10 == 0 {
			r = events.Record{Type: "Patient", ID: pat}
			body = fmt.Sprintf(`{"resourceType":"Patient","id":%q,"identifier":[{"system":"urn:niss","value":"%011d"}],"name":[{"family":"Peeters%d","given":["Jan"]}],"birthDate":"1970-01-02","text":"%s %d"}`, pat, k, k, filler, i)
		}
		d := desks[i%len(desks)]
		d.clock = d.clock.Add(time.Second)
		var parents []events.ID
		if p, ok := last[r]; ok {
			parents = []events.ID{p}
		}
		e := d.event(events.Written, r, pat, body, parents...)
		last[r] = e.ID
		log = append(log, at(uint64(i+1), projections.Entry{Event: e, Body: []byte(body)}))
	}
	return log
}

// BenchmarkApply compares a replay with bare rows: the same messages, subject, headers
// and body, into a table with nothing else, by the same driver, in transactions of the
// same size with the same settings. "of-bare" is the rate of the one over the other:
// the aim is 0.5.
func BenchmarkApply(b *testing.B) {
	const n = 60_000
	for _, kind := range []string{"visits", "fresh", "scattered"} {
		log := practiceLog(n, kind)
		b.Run(kind, func(b *testing.B) { compareWithBare(b, log, n) })
	}
}

func compareWithBare(b *testing.B, log []projections.Entry, n float64) {
	for range b.N {
		dir := b.TempDir()
		bare, bareCPU := bareRows(b, filepath.Join(dir, "bare.db"), log)
		store, storeCPU := replay(b, filepath.Join(dir, "record.db"), log)
		b.ReportMetric(n/bare.Seconds(), "bare-rows/s")
		b.ReportMetric(n/store.Seconds(), "events/s")
		b.ReportMetric(bare.Seconds()/store.Seconds(), "of-bare")
		b.ReportMetric(float64(storeCPU.Microseconds())/n, "cpu-µs/event")
		b.ReportMetric(bareCPU.Seconds()/max(storeCPU, 1).Seconds(), "of-bare-cpu")
	}
}

func replay(b *testing.B, path string, log []projections.Entry) (clock, cpu time.Duration) {
	b.Helper()
	s := openAt(b, path)
	start, used := time.Now(), cpuTime()
	for from := 0; from < len(log); from += benchBatch {
		part := log[from:min(from+benchBatch, len(log))]
		position := events.Position{Sequence: part[len(part)-1].Sequence}
		if _, err := s.Apply(context.Background(), projections.Batch{Entries: part, Position: position}); err != nil {
			b.Fatal(err)
		}
	}
	clock, cpu = time.Since(start), cpuTime()-used
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	return clock, cpu
}

func bareRows(b *testing.B, path string, log []projections.Entry) (clock, cpu time.Duration) {
	b.Helper()
	ctx := context.Background()
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)&_pragma=cache_size(-16384)&_pragma=wal_autocheckpoint(20000)")
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec("CREATE TABLE bare (sequence INTEGER PRIMARY KEY, subject TEXT, header TEXT, data BLOB)"); err != nil {
		b.Fatal(err)
	}
	type line struct {
		subject, header string
		data            []byte
	}
	lines := make([]line, len(log))
	for i, e := range log {
		m, err := events.Encode(e.Event)
		if err != nil {
			b.Fatal(err)
		}
		var h strings.Builder
		for name, values := range m.Header {
			h.WriteString(name + ": " + values[0] + "\r\n")
		}
		lines[i] = line{m.Subject, h.String(), m.Data}
	}
	start, used := time.Now(), cpuTime()
	for from := 0; from < len(lines); from += benchBatch {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			b.Fatal(err)
		}
		stmt, err := tx.Prepare("INSERT INTO bare (sequence, subject, header, data) VALUES (?, ?, ?, ?)")
		if err != nil {
			b.Fatal(err)
		}
		for i := from; i < min(from+benchBatch, len(lines)); i++ {
			if _, err := stmt.Exec(i+1, lines[i].subject, lines[i].header, lines[i].data); err != nil {
				b.Fatal(err)
			}
		}
		if err := tx.Commit(); err != nil {
			b.Fatal(err)
		}
	}
	return time.Since(start), cpuTime() - used
}

// BenchmarkApplyOne is what a single live event costs, as a colleague writes it.
func BenchmarkApplyOne(b *testing.B) {
	log := practiceLog(20_000, "visits")
	s := openAt(b, filepath.Join(b.TempDir(), "record.db"))
	defer s.Close()
	apply(b, s, log[:10_000]...)
	for i := 0; b.Loop(); i++ {
		if i == 10_000 {
			b.Fatal("more rounds than events: use -benchtime=5000x")
		}
		apply(b, s, log[10_000+i])
	}
}

// BenchmarkThousandHeads grows heads on one record: the cost of a head must not depend
// on how many there are.
func BenchmarkThousandHeads(b *testing.B) {
	for _, n := range []int{1000, 4000} {
		log := thousandHeads(n)
		b.Run(fmt.Sprintf("one-by-one/%d", n), func(b *testing.B) {
			for range b.N {
				s := openAt(b, filepath.Join(b.TempDir(), "record.db"))
				start := time.Now()
				for _, e := range log {
					apply(b, s, e)
				}
				b.ReportMetric(float64(time.Since(start).Microseconds())/float64(n), "µs/head")
				listHeads(b, s, n)
				s.Close()
			}
		})
		b.Run(fmt.Sprintf("one-batch/%d", n), func(b *testing.B) {
			for range b.N {
				s := openAt(b, filepath.Join(b.TempDir(), "record.db"))
				start := time.Now()
				apply(b, s, log...)
				b.ReportMetric(float64(time.Since(start).Microseconds())/float64(n), "µs/head")
				listHeads(b, s, n)
				s.Close()
			}
		})
	}
}

// listHeads reads all heads and their ancestor.
func listHeads(b *testing.B, s *projections.Store, n int) {
	b.Helper()
	start := time.Now()
	if got := state(b, s, note); len(got.Heads) != n {
		b.Fatalf("%d heads: want %d", len(got.Heads), n)
	}
	if _, ok, err := s.Ancestor(context.Background(), note); !ok || err != nil {
		b.Fatalf("ancestor: %v, %v", ok, err)
	}
	b.ReportMetric(float64(time.Since(start).Milliseconds()), "ms-to-list")
}

// BenchmarkSearch asks for patients by the beginning of a name.
// A device that wrote much of one record is judged worse: its record is made anew a page at a time, and not for each event.
func BenchmarkJudgedWorse(b *testing.B) {
	const many, page = 2000, 500
	for b.Loop() {
		b.StopTimer()
		s := openAt(b, filepath.Join(b.TempDir(), "record.db"))
		d, r := newDesk("a"), events.Record{Type: "Condition", ID: "c"}
		var entries []projections.Entry
		for i := range many {
			entries = append(entries, at(uint64(i+1), d.write(r, "text")))
		}
		apply(b, s, entries...)
		for i := range entries {
			entries[i].Doubt, entries[i].Reason, entries[i].Body = projections.DoubtRevoked, "why", nil
		}
		b.StartTimer()
		for list := range slices.Chunk(entries, page) {
			if _, err := s.Rejudge(b.Context(), list); err != nil {
				b.Fatal(err)
			}
		}
		b.StopTimer()
		s.Close()
		b.StartTimer()
	}
}

func BenchmarkSearch(b *testing.B) {
	s := openAt(b, filepath.Join(b.TempDir(), "record.db"))
	defer s.Close()
	for log := practiceLog(60_000, "visits"); len(log) > 0; log = log[min(benchBatch, len(log)):] {
		apply(b, s, log[:min(benchBatch, len(log))]...)
	}
	for _, text := range []string{"p", "peeters123", "00000012340"} {
		b.Run(text, func(b *testing.B) {
			for b.Loop() {
				if _, err := s.Search(context.Background(), projections.Query{Type: "Patient", Text: text, Limit: 20}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
