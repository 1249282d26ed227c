package snapshot_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/carelog/carelog/agent/snapshot"
)

// paced is a line on which so many bytes come in a second, one piece after the other; came tells how many did. What
// waits behind a cut never comes.
func paced(rate int64) (line func(ctx context.Context, bytes int) error, came func() int64) {
	var mu sync.Mutex
	var free time.Time
	var sum int64
	bytesIn := func(d time.Duration) int64 { return rate * int64(d) / int64(time.Second) }
	line = func(ctx context.Context, bytes int) error {
		takes := time.Duration(bytes) * time.Second / time.Duration(rate)
		mu.Lock()
		if now := time.Now(); free.Before(now) {
			free = now
		}
		free = free.Add(takes)
		here := free
		mu.Unlock()
		timer := time.NewTimer(time.Until(here))
		defer timer.Stop()
		select {
		case <-timer.C:
			mu.Lock()
			defer mu.Unlock()
			sum += int64(bytes)
			return nil
		case <-ctx.Done():
			mu.Lock()
			defer mu.Unlock()
			sum += bytesIn(max(0, takes-time.Until(here)))
			free = time.Now()
			return context.Cause(ctx)
		}
	}
	return line, func() int64 { mu.Lock(); defer mu.Unlock(); return sum }
}

// On a line on which no part comes whole before the desk is killed or the line cut, every second,
// the fetch comes to its end all the same, and little is fetched twice.
func TestFetchIsCutEverySecond(t *testing.T) {
	o, s := newOffice(t, 900), newShelf()
	m := o.mustMake(t, s)
	path := filepath.Join(t.TempDir(), "got.db")
	synctest.Test(t, func(t *testing.T) {
		line, came := paced(m.Parts[0].Sealed) // three are asked for at a time
		s.line = line
		lives := 1
		for ; ; lives++ {
			ctx, kill := context.WithTimeout(t.Context(), time.Second)
			err := snapshot.Fetch(ctx, o.Config, s, m, path, nil)
			kill()
			if err == nil {
				break
			}
			if lives > 100 {
				t.Fatalf("after %d lives, and %d bytes for %d, it is not here: %v", lives, came(), m.Sealed(), err)
			}
		}
		t.Logf("%d parts of %d bytes came in %d lives, with %.2f times the bytes", len(m.Parts), m.Parts[0].Sealed, lives, float64(came())/float64(m.Sealed()))
		if lives < len(m.Parts) || float64(came()) > 1.5*float64(m.Sealed()) {
			t.Errorf("%d lives, %d bytes for %d; want at least %d lives, and 1.5 times the bytes at most", lives, came(), m.Sealed(), len(m.Parts))
		}
	})
	sameFile(t, path, o.file)
}

// What is kept of a part is used as far as it is right, and thrown away where it and what comes are not one.
func TestWhatIsKeptOfAPartIsNotTrusted(t *testing.T) {
	o, s := newOffice(t, 900), newShelf()
	m := o.mustMake(t, s)
	for what, spoil := range map[string]func(list []string, text [][]byte) error{
		"spoilt in the middle": func(list []string, text [][]byte) error {
			text[0][len(text[0])-100] ^= 1
			return os.WriteFile(list[0], text[0], 0o600)
		},
		"cut short": func(list []string, text [][]byte) error { return os.Truncate(list[0], int64(len(text[0])-1)) },
		"of another part": func(list []string, text [][]byte) error {
			return errors.Join(os.WriteFile(list[0], text[1], 0o600), os.WriteFile(list[1], text[0], 0o600))
		},
	} {
		path := filepath.Join(t.TempDir(), "got.db")
		synctest.Test(t, func(t *testing.T) {
			s.line, _ = paced(m.Parts[0].Sealed)
			ctx, kill := context.WithTimeout(t.Context(), 1500*time.Millisecond)
			defer kill()
			if err := snapshot.Fetch(ctx, o.Config, s, m, path, nil); !errors.Is(err, context.DeadlineExceeded) {
				t.Fatal(err)
			}
		})
		list, err := filepath.Glob(path + ".part.*")
		if err != nil || len(list) < 2 {
			t.Fatalf("%s: kept: %v, %v; want several parts", what, list, err)
		}
		text := make([][]byte, len(list))
		for i := range list {
			if text[i], err = os.ReadFile(list[i]); err != nil {
				t.Fatal(err)
			}
		}
		if err := spoil(list, text); err != nil {
			t.Fatal(err)
		}
		s.line = nil
		var last snapshot.Progress
		if err := snapshot.Fetch(t.Context(), o.Config, s, m, path, func(p snapshot.Progress) { last = p }); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if last.Here != last.Total {
			t.Errorf("%s: it ended at %+v", what, last)
		}
		sameFile(t, path, o.file)
		if left, _ := filepath.Glob(path + ".*"); len(left) > 0 {
			t.Errorf("%s: left behind: %v", what, left)
		}
	}
}
