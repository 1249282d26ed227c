package brokertest

import (
	"bufio"
	"net"
	"sync"
	"testing"
	"time"
)

// Proxy is one device's line to the broker. All methods may be called at any time
// and by any goroutine.
type Proxy struct {
	target   string
	listener net.Listener
	done     sync.WaitGroup
	ended    chan struct{}

	mu       sync.Mutex
	lines    map[*wire]struct{}
	cut      bool
	incoming bool // nothing comes from the broker
	outgoing bool // nothing reaches the broker
	acks     int  // to be lost
	sends    int  // to be lost
	hangUp   bool // cut at the next acknowledgement, which is lost
	commit   bool // cut at the end of the next batch, which is lost
	object   objectFault
	delay    time.Duration
	slow     slowness
	closed   bool
}

// wire is one connection through the proxy.
type wire struct {
	client, server net.Conn
	torn           bool // bytes were lost: it can be of no use any more
}

// NewProxy returns a line to the broker at target, a host and port. It ends with the
// test.
func NewProxy(t testing.TB, target string) *Proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{target: target, listener: listener, lines: make(map[*wire]struct{}), ended: make(chan struct{})}
	p.done.Go(p.accept)
	t.Cleanup(p.close)
	return p
}

// URL is what the device connects to.
func (p *Proxy) URL() string { return "nats://" + p.listener.Addr().String() }

// Cut breaks the line: what is connected is disconnected, and nothing gets through.
func (p *Proxy) Cut() {
	p.set(func() { p.cut = true })
	p.drop(func(*wire) bool { return true })
}

// CutIncoming loses all that comes from the broker; what the device sends arrives.
// Neither side is told.
func (p *Proxy) CutIncoming() { p.set(func() { p.incoming = true }) }

// CutOutgoing loses all that the device sends; what the broker sends arrives.
func (p *Proxy) CutOutgoing() { p.set(func() { p.outgoing = true }) }

// LoseAcks loses the next n acknowledgements of messages that the broker has
// stored; the line stays.
func (p *Proxy) LoseAcks(n int) { p.set(func() { p.acks = n }) }

// LoseSends loses the next n messages to the log on their way to the broker; the
// line stays.
func (p *Proxy) LoseSends(n int) { p.set(func() { p.sends = n }) }

// CutAfterStoring breaks the line at the next message that the broker has stored,
// in place of its acknowledgement.
func (p *Proxy) CutAfterStoring() { p.set(func() { p.hangUp = true }) }

// objectFault is what becomes of the next announcement of an object.
type objectFault int

const (
	noFault     objectFault = iota
	loseMessage             // it
	loseAnswer              // the answer to it
	awaitAnswer             // it has passed, the answer will be lost
)

// LoseObjectSend loses the next message that makes an object count.
func (p *Proxy) LoseObjectSend() { p.set(func() { p.object = loseMessage }) }

// LoseObjectAck loses the acknowledgement of the next one.
func (p *Proxy) LoseObjectAck() { p.set(func() { p.object = loseAnswer }) }

// CutBeforeCommit breaks the line at the message that ends the next batch: all that
// came before it has arrived.
func (p *Proxy) CutBeforeCommit() { p.set(func() { p.commit = true }) }

// Delay lets all that comes from either side wait.
func (p *Proxy) Delay(d time.Duration) { p.set(func() { p.delay = d }) }

// Mend ends all faults. Connections that lost something are closed, since what
// comes after a gap makes no sense; the device connects anew.
func (p *Proxy) Mend() {
	p.set(func() {
		p.cut, p.incoming, p.outgoing, p.hangUp, p.commit = false, false, false, false, false
		p.acks, p.sends, p.delay, p.object = 0, 0, 0, noFault
		p.slow = slowness{}
	})
	p.drop(func(w *wire) bool { return w.torn })
}

func (p *Proxy) set(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f()
}

// drop closes the connections that which chooses.
func (p *Proxy) drop(which func(*wire) bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for w := range p.lines {
		if which(w) {
			w.client.Close()
			w.server.Close()
		}
	}
}

// close ends the proxy and waits for its goroutines.
func (p *Proxy) close() {
	p.set(func() { p.closed = true })
	close(p.ended)
	p.listener.Close()
	p.drop(func(*wire) bool { return true })
	p.done.Wait()
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.done.Go(func() { p.serve(client) })
	}
}

// serve carries one connection until either side ends it.
func (p *Proxy) serve(client net.Conn) {
	defer client.Close()
	p.mu.Lock()
	refused := p.cut || p.closed
	p.mu.Unlock()
	if refused {
		return
	}
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		return
	}
	defer server.Close()
	w := &wire{client: client, server: server}
	p.mu.Lock()
	if p.cut || p.closed { // while it was dialled
		p.mu.Unlock()
		return
	}
	p.lines[w] = struct{}{}
	p.mu.Unlock()
	defer p.set(func() { delete(p.lines, w) })

	var both sync.WaitGroup
	both.Go(func() { p.carry(w, client, server, 0, p.out) })
	both.Go(func() { p.carry(w, server, client, 1, p.in) })
	both.Wait()
}

// carry copies frames from one side to the other, as far as fate lets them.
func (p *Proxy) carry(w *wire, from, to net.Conn, way int, fate func(*wire, frame) verdict) {
	defer to.Close()
	defer from.Close()
	r := bufio.NewReaderSize(from, 64<<10)
	for {
		f, err := readFrame(r)
		if err != nil {
			return // one side hung up: what is half read goes with it
		}
		p.mu.Lock()
		wait, v := p.delay, fate(w, f)
		wait += p.slow.carrying(way, len(f))
		p.mu.Unlock()
		if wait > 0 {
			p.pause(wait)
		}
		switch v {
		case hangUp:
			return
		case pass:
			if _, err := to.Write(f); err != nil {
				return
			}
		}
	}
}

// verdict is what becomes of one frame.
type verdict int

const (
	pass verdict = iota
	lose
	hangUp
)

// in decides on a frame from the broker; p.mu is held.
func (p *Proxy) in(w *wire, f frame) verdict {
	switch {
	case p.incoming:
		w.torn = true
		return lose
	case p.hangUp && f.isAck():
		p.hangUp, p.cut = false, true
		return hangUp
	case p.object == awaitAnswer && f.isObjectAck():
		p.object = noFault
		return lose
	case p.acks > 0 && f.isAck():
		p.acks--
		return lose
	}
	return pass
}

// out decides on a frame to the broker; p.mu is held.
func (p *Proxy) out(w *wire, f frame) verdict {
	switch {
	case p.outgoing:
		w.torn = true
		return lose
	case p.object == loseMessage && f.isObject():
		p.object = noFault
		return lose
	case p.object == loseAnswer && f.isObject():
		p.object = awaitAnswer
	case p.commit && f.isCommit():
		p.commit, p.cut = false, true
		return hangUp
	case p.sends > 0 && f.isRecord():
		p.sends--
		return lose
	}
	return pass
}
