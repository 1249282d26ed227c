package main

import (
	"io"
	"os"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/term"
)

// isTerminal reports whether a person reads what is written.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// tame keeps what is written from driving the terminal it is shown on: a name may be one
// that somebody wrote at another desk. Files and scripts get every byte as it is.
func tame(w io.Writer) io.Writer { return &tamed{out: w} }

type tamed struct {
	out  io.Writer
	rest []byte // the beginning of a letter whose end is still to come
}

// Write shows whole letters, and what is none and no line break or tab as a question mark.
func (t *tamed) Write(p []byte) (int, error) {
	text := append(t.rest, p...)
	shown := make([]byte, 0, len(text))
	for len(text) > 0 && utf8.FullRune(text) {
		r, size := utf8.DecodeRune(text)
		if r != '\n' && r != '\t' && !unicode.IsGraphic(r) {
			r = '?'
		}
		shown, text = utf8.AppendRune(shown, r), text[size:]
	}
	t.rest = append([]byte(nil), text...)
	if _, err := t.out.Write(shown); err != nil {
		return 0, err
	}
	return len(p), nil
}

var plainWord = regexp.MustCompile(`^[\w@%+=:,./-]+$`)

// shellWord is a word as a person types it into a POSIX shell.
func shellWord(word string) string {
	if plainWord.MatchString(word) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
