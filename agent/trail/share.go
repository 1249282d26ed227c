package trail

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/carelog/carelog/events"
)

// mark is how far this desk's trail was sent.
type mark struct {
	Identity string `json:"identity"` // of what keeps the runs
	Sequence uint64 `json:"sequence"` // of the last run; 0: there is none
	To       place  `json:"to"`       // all before it stands in a run

	known   map[events.ID]bool // entries behind To that stand in a run all the same
	highest events.ID          // of all that stand in runs
}

// markFile keeps the mark. Where it is lost, or older than it should be, the runs tell.
const markFile = "sent.json"

// Share sends what is kept to the other desks, by way of the server, until ctx ends; it then
// returns nil. What cannot be sent waits in the files.
func (t *Trail) Share(ctx context.Context) error {
	if t.config.Practice == nil {
		<-ctx.Done()
		return nil
	}
	tick := time.NewTicker(t.config.SendEvery)
	defer tick.Stop()
	var told string
	for {
		select {
		case <-tick.C:
		case <-t.full:
		case <-ctx.Done():
			return nil
		}
		if t.config.Practice.Busy() {
			continue
		}
		switch err := t.Send(ctx); {
		case err == nil:
			told = ""
		case ctx.Err() != nil, errors.Is(err, ErrAlone), errors.Is(err, events.ErrOffline), err.Error() == told:
		default:
			told = err.Error()
			t.config.Logger.Warn("who looked at what is kept here and cannot be sent to the other desks; is the practice provisioned on the server?", "err", err)
		}
	}
}

// Send sends all that is kept and was not sent. It may be called again whatever came of it,
// and by whoever was killed before it returned: no entry is found twice because of that.
func (t *Trail) Send(ctx context.Context) error {
	t.sending.Lock()
	defer t.sending.Unlock()
	server := t.config.Practice.Server()
	if server == nil {
		return ErrAlone
	}
	err := t.send(ctx, server)
	if errors.Is(err, events.ErrTaken) { // what was sent before and never acknowledged
		err = t.send(ctx, server)
	}
	if err != nil {
		return fmt.Errorf("send who looked at what: %w", err)
	}
	return nil
}

func (t *Trail) send(ctx context.Context, server Server) error {
	if err := t.agree(ctx, server); err != nil {
		return err
	}
	t.follow(t.sent.highest)
	for {
		lines, to, err := t.stretch(t.sent.To)
		if err != nil || len(lines) == 0 {
			return err
		}
		if err := t.sendRun(ctx, server, lines, to); err != nil {
			return err
		}
	}
}

// sendRun sends lines that stand from the mark to a place, and moves the mark: behind the
// last that it sent, since nobody can tell from the run what stands behind that.
func (t *Trail) sendRun(ctx context.Context, server Server, lines []byte, to place) error {
	var out []byte
	var last events.ID
	end, at := to.Offset, to.Offset-int64(len(lines))
	for line := range bytes.Lines(lines) {
		at += int64(len(line))
		if e, ok := parse(line); ok && !t.sent.known[e.ID] {
			out, last, end = append(out, line...), e.ID, at
		}
	}
	to.Offset = end
	now := mark{Identity: t.sent.Identity, Sequence: t.sent.Sequence, To: to, known: t.sent.known, highest: later(t.sent.highest, last)}
	if len(out) > 0 {
		from := t.sent.To
		if from.Month != to.Month {
			from = place{Month: to.Month}
		}
		data, err := t.config.Practice.seal(t.config.Device, head{t.sent.Sequence, from, to, t.sent.highest}, last, out)
		if err != nil {
			return err
		}
		if now.Sequence, err = server.PutLooks(ctx, data, t.sent.Sequence); err != nil {
			return err
		}
	}
	t.sent = now
	return t.keepMark()
}

// agree finds out how far the server has what this desk kept: its runs are asked, from the
// last one back to one that the files have. The server may have more than was acknowledged,
// or less, and the files may be a copy of earlier. The mark is asked only where all runs
// have come of age and are gone.
func (t *Trail) agree(ctx context.Context, server Server) error {
	identity, _, err := server.LookState(ctx)
	if err != nil {
		return err
	}
	now := mark{Identity: identity, known: make(map[events.ID]bool)}
	for at := uint64(0); ; {
		sequence, r, err := t.run(ctx, server, t.config.Device, at)
		if err == nil && at == 0 && sequence == t.sent.Sequence && identity == t.sent.Identity {
			return nil // as this program left it
		}
		now.Sequence, now.highest = max(now.Sequence, sequence), later(now.highest, r.highest())
		switch was := t.readMark(); {
		case errors.Is(err, events.ErrNoMessage) && at == 0 && was.Identity == identity:
			now.To = was.To
		case errors.Is(err, events.ErrNoMessage), errors.Is(err, errUnopened): // all is sent that is not known
		case err != nil:
			return err
		case len(r.entries) > 0 && t.holds(r.From, r.To, r.entries[len(r.entries)-1].ID):
			now.To = r.To
		default:
			for _, e := range r.entries {
				now.known[e.ID] = true
			}
			if at = r.Previous; at > 0 {
				continue
			}
		}
		t.sent = now
		return nil
	}
}

// readMark is the mark as it was kept last; none where there is none that can be read.
func (t *Trail) readMark() (m mark) {
	text, err := os.ReadFile(filepath.Join(t.config.Folder, markFile))
	if err != nil || json.Unmarshal(text, &m) != nil {
		return mark{}
	}
	return m
}

func (t *Trail) keepMark() error {
	text, err := json.Marshal(t.sent)
	if err != nil {
		return err
	}
	path := filepath.Join(t.config.Folder, markFile)
	if err := os.WriteFile(path+".new", text, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}
