package trail_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/carelog/carelog/agent/trail"
	"github.com/carelog/carelog/events"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// clock is one that the test sets.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.now }

func (c *clock) set(t time.Time) { c.mu.Lock(); defer c.mu.Unlock(); c.now = t }

func open(t interface{ Fatal(...any) }, folder string, c *clock) *trail.Trail {
	kept, err := trail.Open(trail.Config{Folder: folder, Now: c.Now})
	if err != nil {
		t.Fatal(err)
	}
	return kept
}

var start = time.Date(2026, 11, 29, 23, 0, 0, 0, time.UTC)

// all reads what is found to its end.
func all(t interface{ Fatalf(string, ...any) }, kept *trail.Trail, q trail.Query) (list []trail.Entry) {
	for {
		page, err := kept.Search(context.Background(), q)
		if err != nil {
			t.Fatalf("search: %v", err)
		}
		if page.Missing != nil {
			t.Fatalf("search: %v", page.Missing)
		}
		for _, other := range page.Others {
			if other.Err != nil {
				t.Fatalf("search %s: %v", other.Device, other.Err)
			}
		}
		list = append(list, page.Entries...)
		if q.After = page.Next; q.After == "" {
			return list
		}
	}
}

// TestSearchIsAPlainReading: whatever was kept, over months, by whoever: a search finds
// what a plain reading of all entries gives, the last first, whatever the page; and each
// is read by its id.
func TestSearchIsAPlainReading(t *testing.T) {
	base := t.TempDir()
	runs := 0
	rapid.Check(t, func(t *rapid.T) {
		runs++
		folder := filepath.Join(base, fmt.Sprint(runs))
		c := &clock{now: start}
		kept := open(t, folder, c)
		defer func() {
			if err := kept.Close(); err != nil {
				t.Fatal(err)
			}
		}()
		ids := []string{"p1", "p11", "p2"}
		var entries []trail.Entry
		for i := range rapid.IntRange(0, 40).Draw(t, "entries") {
			c.set(c.Now().Add(time.Duration(rapid.IntRange(0, 200).Draw(t, "hours")) * time.Hour))
			e := trail.Entry{
				Agent: rapid.SampledFrom([]string{"", "dr-1", "dr-2"}).Draw(t, "agent"), Door: "fhir", Did: "read",
				What:     rapid.SampledFrom([]string{"Basic/b1", "Basic/b11/_history/1", "Basic", "Patient/p1"}).Draw(t, "what"),
				Patients: rapid.SliceOfDistinct(rapid.SampledFrom(ids), rapid.ID[string]).Draw(t, "patients"), Query: []string{fmt.Sprint("n", i)},
			}
			kept.Add(e)
			e.At = c.Now()
			entries = append(entries, e)
		}
		q := trail.Query{
			Patient: rapid.SampledFrom(append(ids, "", "")).Draw(t, "of"), Agent: rapid.SampledFrom([]string{"", "", "dr-1"}).Draw(t, "by"),
			What: rapid.SampledFrom([]string{"", "", "Basic", "Basic/b1"}).Draw(t, "at"), Limit: rapid.IntRange(1, 5).Draw(t, "limit"),
		}
		if rapid.Bool().Draw(t, "bounded") {
			q.From = start.Add(time.Duration(rapid.IntRange(0, 4000).Draw(t, "from")) * time.Hour)
			q.Before = q.From.Add(time.Duration(rapid.IntRange(0, 4000).Draw(t, "for")) * time.Hour)
		}
		var want []string
		for _, e := range slices.Backward(entries) {
			if (q.Patient == "" || slices.Contains(e.Patients, q.Patient)) && (q.Agent == "" || e.Agent == q.Agent) &&
				(q.What == "" || e.What == q.What || strings.HasPrefix(e.What, q.What+"/")) &&
				(q.From.IsZero() || !e.At.Before(q.From) && e.At.Before(q.Before)) {
				want = append(want, e.Query[0])
			}
		}
		var got []string
		for _, e := range all(t, kept, q) {
			got = append(got, e.Query[0])
			if read, err := kept.Read(context.Background(), e.ID); err != nil || read.Query[0] != e.Query[0] || !read.At.Equal(e.At) {
				t.Fatalf("%s reads as %+v, %v", e.ID, read, err)
			}
		}
		if !slices.Equal(got, want) {
			t.Fatalf("%+v: got %v, want %v", q, got, want)
		}
	})
}

// TestKillLosesNothing: what was added is there for whoever opens the files next, though
// nobody closed them; a line that was torn is passed over, and the next one is whole.
func TestKillLosesNothing(t *testing.T) {
	folder := t.TempDir()
	c := &clock{now: start}
	killed := open(t, folder, c)
	defer killed.Close()
	killed.Add(trail.Entry{Did: "read", What: "Basic/one"})
	path := filepath.Join(folder, "2026-11.ndjson")
	file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteString(`{"at":"2026-11-29T23:00:00Z","did":"re`); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	again := open(t, folder, c)
	defer again.Close()
	again.Add(trail.Entry{Did: "read", What: "Basic/two"})
	list := all(t, again, trail.Query{})
	if len(list) != 2 || list[0].What != "Basic/two" || list[1].What != "Basic/one" {
		t.Errorf("got %+v", list)
	}
}

// TestWhatCannotBeKeptIsCounted: reading goes on where the disk takes nothing, and the
// next entry that is kept says what is missing.
func TestWhatCannotBeKeptIsCounted(t *testing.T) {
	folder := t.TempDir()
	c := &clock{now: start}
	kept := open(t, folder, c)
	defer kept.Close()
	kept.Add(trail.Entry{Did: "read", What: "Basic/one"})
	next := filepath.Join(folder, "2026-12.ndjson")
	if err := os.Mkdir(next, 0o700); err != nil { // in the way of the file of December
		t.Fatal(err)
	}
	c.set(start.AddDate(0, 0, 3))
	kept.Add(trail.Entry{Did: "read", What: "Basic/two"})
	kept.Add(trail.Entry{Did: "read", What: "Basic/three"})
	if err := os.Remove(next); err != nil {
		t.Fatal(err)
	}
	kept.Add(trail.Entry{Did: "read", What: "Basic/four"})
	list := all(t, kept, trail.Query{})
	if len(list) != 3 || list[0].What != "Basic/four" || list[1].Did != trail.Gap || list[1].Lost != 2 || list[2].What != "Basic/one" {
		t.Errorf("got %+v", list)
	}
}

// TestPlacesThatAreNone: what comes from outside is an error, whatever it is.
func TestPlacesThatAreNone(t *testing.T) {
	c := &clock{now: start}
	kept := open(t, t.TempDir(), c)
	defer kept.Close()
	kept.Add(trail.Entry{Did: "read", What: "Basic/one"})
	first := all(t, kept, trail.Query{})[0].ID
	for _, id := range []events.ID{{}, {1}, {0xFF, 0xFF, 0xFF}, events.ID(bytes.Repeat([]byte{0xFF}, 16)), events.ID(append(first[:15:15], first[15]+1))} {
		if _, err := kept.Read(t.Context(), id); !errors.Is(err, trail.ErrNotFound) {
			t.Errorf("read %q: %v", id, err)
		}
		if page, err := kept.Search(t.Context(), trail.Query{After: id.String()}); err != nil || len(page.Entries) > 1 {
			t.Errorf("search after %q: %+v, %v", id, page, err)
		}
	}
	for _, text := range []string{"x", "2026-11.0", strings.ToLower(first.String())} {
		if _, err := kept.Search(t.Context(), trail.Query{After: text}); !errors.Is(err, trail.ErrCursor) {
			t.Errorf("search after %q: %v", text, err)
		}
	}
}

// TestAClockThatIsSetBack changes neither the order nor what pages hold.
func TestAClockThatIsSetBack(t *testing.T) {
	folder := t.TempDir()
	c := &clock{now: start}
	kept := open(t, folder, c)
	for i := range 4 {
		kept.Add(trail.Entry{Did: "read", What: fmt.Sprint("Basic/b", i)})
		c.set(c.Now().AddDate(0, -1, 0))
		if err := kept.Close(); err != nil {
			t.Fatal(err)
		}
		kept = open(t, folder, c)
	}
	defer kept.Close()
	var got []string
	for _, e := range all(t, kept, trail.Query{Limit: 1}) {
		got = append(got, e.What)
	}
	if want := []string{"Basic/b3", "Basic/b2", "Basic/b1", "Basic/b0"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestManyAtOnce: nothing is torn where many look at once, and a search goes on while
// entries come.
func TestManyAtOnce(t *testing.T) {
	c := &clock{now: start}
	kept := open(t, t.TempDir(), c)
	defer kept.Close()
	var busy sync.WaitGroup
	for i := range 8 {
		busy.Go(func() {
			for n := range 200 {
				kept.Add(trail.Entry{Did: "read", What: fmt.Sprintf("Basic/b%d-%d", i, n), Patients: []string{fmt.Sprint("p", i)}})
				if n%50 == 0 {
					if got := all(t, kept, trail.Query{Patient: fmt.Sprint("p", i), Limit: 7}); len(got) != n+1 {
						t.Errorf("%d entries, want %d", len(got), n+1)
					}
				}
			}
		})
	}
	busy.Wait()
	if got := all(t, kept, trail.Query{Limit: 1000}); len(got) != 1600 {
		t.Errorf("%d entries, want 1600", len(got))
	}
}

func BenchmarkAdd(b *testing.B) {
	kept := open(b, b.TempDir(), &clock{now: start})
	defer kept.Close()
	e := trail.Entry{Agent: "dr-1", Door: "fhir", Did: "read", What: "AllergyIntolerance/01j0000000000000000000000a", Patients: []string{"01j0000000000000000000000p"}}
	for b.Loop() {
		kept.Add(e)
	}
}

// BenchmarkSearch finds the one entry of a patient among 100,000.
func BenchmarkSearch(b *testing.B) {
	kept := open(b, b.TempDir(), &clock{now: start})
	defer kept.Close()
	for i := range 100_000 {
		kept.Add(trail.Entry{Agent: "dr-1", Door: "fhir", Did: "read", What: fmt.Sprint("AllergyIntolerance/a", i), Patients: []string{fmt.Sprint("p", i)}})
	}
	for b.Loop() {
		if got := all(b, kept, trail.Query{Patient: "p0"}); len(got) != 1 {
			b.Fatal(got)
		}
	}
}
