package main_test

import (
	"encoding/json"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A new desk that is killed again and again during its first read, while dossiers are
// opened at it, comes to the same in the end as one that read the log in one go, byte
// for byte; with a snapshot as well.
func TestKilledAgainAndAgainInTheFirstRead(t *testing.T) {
	t.Parallel()
	for _, with := range []string{"replay", "snapshot"} {
		t.Run(with, func(t *testing.T) {
			seed := uint64(numberOf(t, kill9Seed, int(time.Now().UnixNano()%1e9)))
			t.Logf("%s=%d", kill9Seed, seed)
			chance := rand.New(rand.NewPCG(seed, 0))
			o := openOffice(t, "one")
			o.carelog("generate", "--patients", "40", "--out", "practice.ndjson")
			o.carelog("import", "--data", "one", "practice.ndjson")
			o.settle()
			every := "-1"
			if with == "snapshot" {
				every = "50000"
				o.carelog("snapshot", "make", "--data", "one")
				o.carelog("generate", "--patients", "10", "--seed", "2", "--out", "tail.ndjson")
				o.carelog("import", "--data", "one", "tail.ndjson")
				o.settle()
			}
			patients := o.patients("practice.ndjson")

			began := time.Now()
			o.newDesk("three", "-1") // reads from nothing, in one go
			o.settle()
			whole := time.Since(began) // on this machine, by this build

			lives := numberOf(t, kill9Rounds, 4)
			killed := o.newDesk("two", every)
			for life, read := 1, false; !read && life <= lives; life++ {
				pause(t.Context(), time.Duration(chance.Int64N(int64(whole)*int64(life)/int64(lives))))
				if chance.IntN(2) == 0 {
					path := "/fhir/Patient/" + patients[chance.IntN(len(patients))]
					if status, body := killed.asks(t, path); status != http.StatusOK && status != http.StatusNotFound {
						t.Errorf("a dossier is answered with %d: %s", status, body)
					}
				}
				var s struct {
					Position   struct{ Sequence uint64 }
					Incomplete bool
				}
				if _, body := killed.asks(t, "/api/status"); json.Unmarshal(body, &s) != nil {
					t.Fatalf("the status: %s", body)
				}
				t.Logf("life %d ends at %d, incomplete %v", life, s.Position.Sequence, s.Incomplete)
				killed.current().kill9()
				o.startDesk(killed)
				read = s.Position.Sequence > 0 && !s.Incomplete
			}
			o.settle()
			for _, s := range o.services() {
				s.kill9()
			}
			want, err := projectionOf(filepath.Join(o.dir, "three"))
			if err != nil {
				t.Fatal(err)
			}
			got, err := projectionOf(filepath.Join(o.dir, "two"))
			if err != nil {
				t.Fatal(err)
			}
			if want != got {
				t.Errorf("the killed desk differs (-want +got):\n%.4000s", cmp.Diff(want, got))
			}
		})
	}
}

// newDesk enrols and starts a desk.
func (o *office) newDesk(name, snapshotEvery string) *officeDesk {
	o.t.Helper()
	o.carelog("device", "enrol", name, "--device", name, "--sheet", "sheet.txt", "--out", name+".json")
	d := &officeDesk{name: name, flags: []string{"--snapshot-every=" + snapshotEvery}}
	o.desks = append(o.desks, d)
	o.startDesk(d)
	return d
}

// patients are the ids of those in a file of resources.
func (o *office) patients(file string) (ids []string) {
	o.t.Helper()
	text, err := os.ReadFile(filepath.Join(o.dir, file))
	if err != nil {
		o.t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		var r struct{ ResourceType, ID string }
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			o.t.Fatal(err)
		}
		if r.ResourceType == "Patient" {
			ids = append(ids, r.ID)
		}
	}
	return ids
}

// asks asks a desk for something over HTTP.
func (d *officeDesk) asks(t *testing.T, path string) (status int, body []byte) {
	t.Helper()
	s := d.current()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.text("url")+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+s.text("token"))
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if body, err = io.ReadAll(answer.Body); err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, body
}
