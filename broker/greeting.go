package broker

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"

	"github.com/nats-io/nats.go"
)

// ErrNoBroker says that something answers at a broker's address, and that it is none.
var ErrNoBroker = errors.New("what answers there is no broker: look at the address and its port")

// greeting is the word with which a broker speaks first.
const greeting = "INFO "

// greeted makes connections on which ErrNoBroker stands in the place of nats.go's own errors,
// which are of a time that ran out or of a protocol. It is for URLs of TCP; a WebSocket begins otherwise.
func greeted(urls []string) nats.Option {
	return func(o *nats.Options) error {
		for _, url := range urls {
			if strings.HasPrefix(url, "ws") {
				return nil
			}
		}
		o.CustomDialer = &greetedDialer{options: o}
		return nil
	}
}

type greetedDialer struct{ options *nats.Options }

func (d *greetedDialer) Dial(network, address string) (net.Conn, error) {
	conn, err := net.DialTimeout(network, address, d.options.Timeout)
	if err != nil {
		return nil, err
	}
	return &greetedConn{Conn: conn}, nil
}

// greetedConn looks at the first bytes that come.
type greetedConn struct {
	net.Conn
	heard bool // by who reads, alone
}

func (c *greetedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if c.heard {
		return n, err
	}
	if n == 0 {
		if errors.Is(err, os.ErrDeadlineExceeded) {
			err = fmt.Errorf("%s: %w (or it hangs: it says nothing)", c.RemoteAddr(), ErrNoBroker)
		}
		return n, err
	}
	c.heard = true
	if first := p[:min(n, len(greeting))]; !bytes.HasPrefix([]byte(greeting), first) {
		return 0, fmt.Errorf("%s: %w (it says %q)", c.RemoteAddr(), ErrNoBroker, first)
	}
	return n, err
}
