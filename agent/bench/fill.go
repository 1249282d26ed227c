package bench

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/carelog/carelog/agent/enrolment"
	"github.com/carelog/carelog/events"
)

// scribes is how many devices write a log. A device signs one event after the other,
// since each names the signature before it; several sign side by side.
const scribes = 4

// page is a part of the log that one device writes.
type page struct {
	drafts   []draft
	keys     []events.WrappedKey // of the patients that come up for the first time
	messages []events.Message
	bytes    int64 // on the wire
	err      error
}

// filling writes a log: drafts are drawn, sealed and signed by several devices, and
// sent, in stages side by side with few pages between them. The order of the log
// depends on none of them.
type filling struct {
	writers []*scribe
	todo    [scribes]chan *page
	done    [scribes]chan *page
	late    string // of the drawing stage
}

// written is what is known of a log that was filled.
type written struct {
	bytes int64  // of its messages on the wire
	late  string // a patient whose dossier stands at nine tenths of it
}

// fill adds n events of a synthetic practice to a log: the registrations of devices,
// and records that they wrote, with the keys. A device writes so many in turn.
func (g *ground) fill(ctx context.Context, s enrolment.Sheet, n, inTurn int, list iter.Seq2[draft, error]) (written, error) {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	f, err := g.newFilling(s)
	if err != nil {
		return written{}, err
	}
	running.Go(func() { f.draw(ctx, n, inTurn, list) })
	for i := range scribes {
		running.Go(func() { f.write(ctx, i) })
	}
	bytes, err := g.send(ctx, s, f)
	return written{bytes, f.late}, err
}

func (g *ground) newFilling(s enrolment.Sheet) (*filling, error) {
	f := &filling{}
	for i := range scribes {
		e, err := s.Enrol(g.name("scribe"), "A scribe")
		if err != nil {
			return nil, err
		}
		w, err := newScribe(e)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			w.ring = f.writers[0].ring // a patient has one key, whoever writes
		}
		f.writers = append(f.writers, w)
		f.todo[i], f.done[i] = make(chan *page, 1), make(chan *page, 1)
	}
	return f, nil
}

// draw makes pages of drafts, the first ones with the registration of their device,
// until there are n drafts, and gives them out in turn.
func (f *filling) draw(ctx context.Context, n, inTurn int, list iter.Seq2[draft, error]) {
	defer func() {
		for _, c := range f.todo {
			close(c)
		}
	}()
	turn, late := 0, n/10
	give := func(p *page) bool {
		select {
		case f.todo[turn%scribes] <- p:
			turn++
			return true
		case <-ctx.Done():
			return false
		}
	}
	for _, w := range f.writers {
		p := &page{}
		p.add(w.ring, draft{Draft: w.registration()})
		n--
		if !give(p) {
			return
		}
	}
	p := &page{}
	for d, err := range list {
		if p.err == nil {
			p.err = err
		}
		p.add(f.writers[0].ring, d)
		if n >= late {
			f.late = d.Patient
		}
		if n--; len(p.drafts) < inTurn && n > 0 && p.err == nil {
			continue
		}
		if ended := p.err != nil || n <= 0; !give(p) || ended {
			return
		}
		p = &page{}
	}
}

func (p *page) add(ring *events.Keyring, d draft) {
	p.drafts = append(p.drafts, d)
	if p.err != nil {
		return
	}
	var has bool
	if has, p.err = ring.Has(d.Patient); has || p.err != nil {
		return
	}
	k, err := ring.Make(d.Patient)
	p.keys, p.err = append(p.keys, k), err
}

// write makes the messages of the pages of one device.
func (f *filling) write(ctx context.Context, i int) {
	defer close(f.done[i])
	for p := range f.todo[i] {
		p.seal(ctx, f.writers[i])
		select {
		case f.done[i] <- p:
		case <-ctx.Done():
			return
		}
	}
}

func (p *page) seal(ctx context.Context, w *scribe) {
	if p.err != nil {
		return
	}
	p.messages = make([]events.Message, len(p.drafts))
	for i, d := range p.drafts {
		e, err := d.event(ctx, w)
		if err == nil {
			p.messages[i], err = events.Encode(e)
		}
		if p.err = err; err != nil {
			return
		}
		p.bytes += wireSize(p.messages[i])
	}
	p.drafts = nil
}

// send sends the pages in order.
func (g *ground) send(ctx context.Context, s enrolment.Sheet, f *filling) (bytes int64, err error) {
	was, err := g.keepIDs(ctx, s, shortest)
	if err != nil {
		return 0, err
	}
	defer func() {
		_, failed := g.keepIDs(ctx, s, was)
		err = errors.Join(err, failed)
	}()
	for from, more := 0, true; more; from += pagesPerLogin {
		var n int64
		if n, more, err = g.sendPages(ctx, s, f, from); err != nil {
			return 0, err
		}
		bytes += n
	}
	return bytes, nil
}

// pagesPerLogin is after how many pages the sender logs in anew: the login of an
// administrator ends after some minutes, whatever it is at.
const pagesPerLogin = 200

// sendPages sends pages under one login, from a turn on; more reports whether it came to
// their bound before the end.
func (g *ground) sendPages(ctx context.Context, s enrolment.Sheet, f *filling, from int) (bytes int64, more bool, err error) {
	conn, err := g.dial(s)
	if err != nil {
		return 0, false, err
	}
	defer conn.Close()
	records, err := newSender(conn)
	if err != nil {
		return 0, false, err
	}
	more = true
	for turn := from; more && turn < from+pagesPerLogin; turn++ {
		var p *page
		if p, more = <-f.done[turn%scribes]; !more {
			break
		}
		if p.err != nil {
			return 0, false, p.err
		}
		if err := sendAll(conn, keyMessages(p.keys)); err != nil {
			return 0, false, fmt.Errorf("fill the keys: %w", err)
		}
		if err := records.send(p.messages); err != nil {
			return 0, false, fmt.Errorf("fill the log: %w", err)
		}
		bytes += p.bytes
	}
	if err := ctx.Err(); err != nil {
		return 0, false, context.Cause(ctx)
	}
	if err := records.finish(); err != nil {
		return 0, false, fmt.Errorf("fill the log: %w", err)
	}
	return bytes, more, nil
}

// keySubject begins the subjects of the keys, as the broker's package lays them out.
const keySubject = "$KV.KEYS."

// shortest is the least for which nats-server knows ids.
const shortest = 100 * time.Millisecond

// keepIDs says for how long the broker knows the ids of a log's messages, and returns how long it was before. A log
// that is filled within a minute would else be read from a broker that has all of its ids in memory, which no practice's has.
func (g *ground) keepIDs(ctx context.Context, s enrolment.Sheet, window time.Duration) (was time.Duration, err error) {
	conn, err := g.dial(s)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		return 0, err
	}
	stream, err := js.Stream(ctx, recordStream)
	if err != nil {
		return 0, fmt.Errorf("find the stream of the log: %w", err)
	}
	config := stream.CachedInfo().Config
	was, config.Duplicates = config.Duplicates, window
	if _, err := js.UpdateStream(ctx, config); err != nil {
		return was, fmt.Errorf("let the broker know ids for %v: %w", window, err)
	}
	return was, nil
}

func keyMessages(keys []events.WrappedKey) []events.Message {
	list := make([]events.Message, len(keys))
	for i, k := range keys {
		list[i] = events.Message{Subject: keySubject + k.Name(), Header: make(map[string][]string), Data: k.Wrapped}
	}
	return list
}

// wireSize is how many bytes a message has as NATS carries it: subject, headers, data.
func wireSize(m events.Message) int64 {
	const frame, field = len("NATS/1.0\r\n\r\n"), len(": \r\n")
	n := len(m.Subject) + frame + len(m.Data)
	for name, values := range m.Header {
		for _, v := range values {
			n += len(name) + len(v) + field
		}
	}
	return int64(n)
}
