package main_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Kill -9 of the desk that writes letters and scans, of the broker, or of the desk that
// reads them: every content that was acknowledged is at the other desk, byte for byte,
// and nothing half is anywhere.
func TestKill9WithAttachments(t *testing.T) {
	t.Parallel()
	seed := uint64(numberOf(t, kill9Seed, int(time.Now().UnixNano()%1e9)))
	kills := numberOf(t, kill9Rounds, killKinds+1)
	chance := rand.New(rand.NewPCG(seed, 2))
	t.Logf("%s=%d %s=%d", kill9Seed, seed, kill9Rounds, kills)

	o := openOffice(t, "one", "two")
	o.settle()
	one, two := o.desks[0], o.desks[1]
	written := make(map[string][]byte)
	first := chance.IntN(killKinds)
	for round := range kills {
		id, content := fmt.Sprint("scan-", round), make([]byte, 1+chance.IntN(12<<20))
		_, _ = rand.NewChaCha8([32]byte{byte(round), byte(seed)}).Read(content)
		killed := make(chan struct{})
		moment := time.Duration(chance.IntN(400)) * time.Millisecond
		victim := (first + round) % killKinds
		go func() {
			defer close(killed)
			pause(t.Context(), moment)
			switch victim {
			case 0:
				one.current().kill9()
			case 1:
				o.broker.kill9()
			default:
				two.current().kill9()
			}
		}()
		reading := make(chan struct{})
		go func() { // so that the reader is killed while it fetches
			defer close(reading)
			for id := range written {
				_, _ = two.content(t.Context(), http.MethodGet, id, nil)
				break
			}
		}()
		if _, err := one.content(t.Context(), http.MethodPut, id, content); err == nil {
			<-reading
			written[id] = content
		}
		<-reading
		<-killed
		switch victim {
		case 0:
			o.startDesk(one)
		case 1:
			o.startBroker()
		default:
			o.startDesk(two)
		}
	}
	o.settle()
	t.Logf("%d of %d contents were acknowledged", len(written), kills)
	for _, d := range o.desks {
		o.checkStatus(d)
		o.checkContents(d, written)
	}
	if len(written) == 0 && kills > 2 {
		t.Error("nothing was acknowledged, so this has proved nothing")
	}
}

// checkContents wants every content at a desk, and nothing left of how it came there.
func (o *office) checkContents(d *officeDesk, written map[string][]byte) {
	for id, content := range written {
		got, err := d.fetched(o.t.Context(), id)
		if err != nil || !bytes.Equal(got, content) {
			o.t.Errorf("Binary/%s at %s has %d bytes or others, want %d: %v", id, d.name, len(got), len(content), err)
		}
	}
	left, err := os.ReadDir(filepath.Join(o.dir, d.name, "attachments", "owed"))
	if err != nil || len(left) > 0 {
		o.t.Errorf("desk %s is green and owes %d contents: %v", d.name, len(left), err)
	}
	if left, err = os.ReadDir(filepath.Join(o.dir, d.name, "attachments", "spool")); err != nil || len(left) > 0 {
		o.t.Errorf("desk %s has %d files of what was being written: %v", d.name, len(left), err)
	}
}

// fetched reads a content, again where that fails: a broker on a machine that is busy takes
// longer to answer than a desk lets it.
func (d *officeDesk) fetched(ctx context.Context, id string) (content []byte, err error) {
	for began := time.Now(); time.Since(began) < untilPatience; pause(ctx, 20*time.Millisecond) {
		if content, err = d.content(ctx, http.MethodGet, id, nil); err == nil {
			break
		}
	}
	return content, err
}

// content writes or reads a content of patient p1 at the desk. An error means that
// nothing was acknowledged.
func (d *officeDesk) content(ctx context.Context, method, id string, content []byte) ([]byte, error) {
	s := d.current()
	r, err := http.NewRequestWithContext(ctx, method, s.text("url")+"/fhir/Binary/"+id, bytes.NewReader(content))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+s.text("token"))
	r.Header.Set("Content-Type", "application/pdf")
	r.Header.Set("X-Security-Context", "Patient/p1")
	got, err := doors.Do(r)
	if err != nil {
		return nil, err
	}
	defer got.Body.Close()
	text, err := io.ReadAll(got.Body)
	if err == nil && got.StatusCode >= 300 {
		err = fmt.Errorf("%s Binary/%s at %s answers %s: %s", method, id, d.name, got.Status, strings.TrimSpace(string(text)))
	}
	return text, err
}
