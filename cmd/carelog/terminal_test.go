package main_test

import (
	"bytes"
	"io"
	"os/exec"
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

// What a person copies into a shell is the word that was meant, and plain where that is enough.
func TestAWordForAShell(t *testing.T) {
	t.Parallel()
	plain := "/srv/dr.peeters/a_b-2,c+d@e:f=100%"
	if got := carelog.ShellWord(plain); got != plain {
		t.Errorf("%s is written %s", plain, got)
	}
	for _, word := range []string{"/srv/the practice", "it's", "$HOME/`x`", "", "a\nb", `C:\carelog`, "*", "~", "Zoé"} {
		out, err := exec.CommandContext(t.Context(), "sh", "-c", "printf %s "+carelog.ShellWord(word)).Output()
		if err != nil || string(out) != word {
			t.Errorf("%q is %q to a shell, %v", word, out, err)
		}
	}
}
