package main_test

import (
	"bytes"
	"io"
	"testing"

	carelog "github.com/carelog/carelog/cmd/carelog"
)

// A name that another desk wrote cannot clear the screen of whoever looks at it, and loses
// no letter, however it is cut into writes.
func TestWhatIsShownDrivesNoTerminal(t *testing.T) {
	t.Parallel()
	const given, want = "Zoé\u00a0: \x1b[2J\x07\tPeeters\u009b1m \u202eX\n", "Zoé\u00a0: ?[2J?\tPeeters?1m ?X\n"
	for size := 1; size <= len(given); size++ {
		var shown bytes.Buffer
		w := carelog.Tame(&shown)
		for rest := []byte(given); len(rest) > 0; {
			n, err := w.Write(rest[:min(size, len(rest))])
			if err != nil || n != min(size, len(rest)) {
				t.Fatalf("%d bytes: %d, %v", size, n, err)
			}
			rest = rest[n:]
		}
		if shown.String() != want {
			t.Fatalf("in writes of %d bytes: %q, want %q", size, shown.String(), want)
		}
	}
	if n, err := carelog.Tame(failing{}).Write([]byte("text")); n != 0 || err == nil {
		t.Errorf("%d bytes, %v: want the error of who writes", n, err)
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }
