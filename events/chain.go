package events

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// Chain ties an event to the one that the same device made before it.
type Chain struct {
	Counter  uint64 // 1 for the device's first event, then one more each time
	Previous Digest // Link of the event before; zero for the first
}

// Before reports whether e is the event that a chain names as its previous one. Of a SetAside that is
// what it claims: its link is no hash over itself.
func (c Chain) Before(e *Event) bool {
	return c.Counter == e.Chain.Counter+1 && c.Previous == e.Link()
}

// String is the chain as an event carries it: <counter>.<digest>.
func (c Chain) String() string { return string(c.append(nil)) }

func (c Chain) append(b []byte) []byte {
	b = strconv.AppendUint(b, c.Counter, 10)
	return hex.AppendEncode(append(b, '.'), c.Previous[:])
}

// ParseChain reads what String writes, and nothing else.
func ParseChain(s string) (Chain, error) {
	number, digest, ok := strings.Cut(s, ".")
	counter, err := strconv.ParseUint(number, 10, 64)
	if !ok || err != nil || number[0] == '0' && number != "0" {
		return Chain{}, fmt.Errorf("chain %q: want <counter>.<digest>", clip(s))
	}
	previous, err := ParseDigest(digest)
	return Chain{counter, previous}, err
}
