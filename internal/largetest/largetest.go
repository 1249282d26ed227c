package largetest

import (
	"strings"
	"testing"
)

// Unwatched skips a test where the race detector watches. The test's name must have the word
// Large in it, by which make test finds it for its run without the detector.
func Unwatched(t testing.TB) {
	t.Helper()
	if !strings.Contains(t.Name(), "Large") {
		t.Fatal("make test finds a test of what is large by its name: have it say Large")
	}
	if watched {
		t.Skip("with the race detector this takes long: make test runs it without")
	}
}
