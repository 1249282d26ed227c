package fhir_test

import (
	"crypto/sha256"
	"encoding/base64"
	"io"
	"math/rand/v2"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/internal/largetest"
)

// heapGrowth is by how many bytes what is in use of the heap grows at most while f runs.
func heapGrowth(f func()) int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	before := m.HeapAlloc
	ended, most := make(chan struct{}), make(chan uint64)
	go func() {
		ticker := time.NewTicker(2 * time.Millisecond)
		defer ticker.Stop()
		highest := before
		for {
			var m runtime.MemStats
			runtime.GC() // else it is also garbage that a busy machine has not looked for yet
			runtime.ReadMemStats(&m)
			highest = max(highest, m.HeapAlloc)
			select {
			case <-ticker.C:
			case <-ended:
				most <- highest
				return
			}
		}
	}()
	f()
	close(ended)
	return int64(<-most - before)
}

// The largest Binary passes through the door, in base64 as well, a piece at a time.
func TestTheDoorHoldsNoLargeContent(t *testing.T) {
	largetest.Unwatched(t)
	const bound = 16 << 20
	o := newClinic(t).open("one")
	o.line.Cut() // the broker of the test has its memory here too
	o.AwaitOffline()
	stream := func() io.Reader { return io.LimitReader(rand.NewChaCha8([32]byte{7}), events.MaxAttachment) }
	want := sha256.New()
	if _, err := io.Copy(want, stream()); err != nil {
		t.Fatal(err)
	}
	send := func(body io.Reader, contentType string) *http.Response {
		r, err := http.NewRequestWithContext(t.Context(), "PUT", o.door.URL+"/fhir/Binary/b", body)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", contentType)
		got, err := o.door.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	inBase64 := func() io.Reader {
		r, w := io.Pipe()
		go func() {
			encoder := base64.NewEncoder(base64.StdEncoding, w)
			_, err := io.Copy(encoder, stream())
			if err == nil {
				err = encoder.Close()
			}
			w.CloseWithError(err)
		}()
		return io.MultiReader(strings.NewReader(`{"resourceType":"Binary","id":"b","contentType":"a/b","data":"`), r, strings.NewReader(`"}`))
	}
	for what, f := range map[string]func(){
		"written as it is": func() { send(stream(), "application/pdf").Body.Close() },
		"written in JSON": func() {
			got := send(inBase64(), "application/fhir+json")
			got.Body.Close()
			if got.StatusCode != http.StatusCreated && got.StatusCode != http.StatusOK {
				t.Errorf("it is answered with %s", got.Status)
			}
		},
		"read": func() {
			if got := send(stream(), "application/pdf"); got.StatusCode > 201 {
				t.Fatal(got.Status)
			} else {
				got.Body.Close()
			}
			for _, accept := range []string{"*/*", "application/fhir+json"} {
				r, err := http.NewRequestWithContext(t.Context(), "GET", o.door.URL+"/fhir/Binary/b", nil)
				if err != nil {
					t.Fatal(err)
				}
				r.Header.Set("Accept", accept)
				got, err := o.door.Client().Do(r)
				if err != nil {
					t.Fatal(err)
				}
				hash := sha256.New()
				n, err := io.Copy(hash, got.Body)
				got.Body.Close()
				if err != nil || n < events.MaxAttachment || accept == "*/*" && string(hash.Sum(nil)) != string(want.Sum(nil)) {
					t.Errorf("read as %s: %d bytes, %v", accept, n, err)
				}
			}
		},
	} {
		grown := heapGrowth(f)
		t.Logf("%s: %.1f MiB of heap at most", what, float64(grown)/(1<<20))
		if grown > bound {
			t.Errorf("while 50 MiB are %s the heap grows by %d bytes, want at most %d", what, grown, bound)
		}
	}
}
