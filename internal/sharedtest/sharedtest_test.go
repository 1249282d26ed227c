package sharedtest_test

import (
	"strings"
	"testing"

	"github.com/carelog/carelog/internal/sharedtest"
)

// heard is a test that ends with what it was told.
type heard struct{ testing.TB }

func (heard) Helper()                   { _ = 0 }
func (heard) Skipf(string, ...any)      { panic("skipped") }
func (heard) Fatalf(f string, _ ...any) { panic("failed: " + f) }

// TestWhatIsNotThere: a test is skipped where what it needs is not there, and fails in CI.
func TestWhatIsNotThere(t *testing.T) {
	for ci, want := range map[string]string{"": "skipped", "true": "failed"} {
		t.Setenv("CI", ci)
		func() {
			defer func() {
				if said, _ := recover().(string); !strings.HasPrefix(said, want) {
					t.Errorf("with CI=%q it is told %q, want %s", ci, said, want)
				}
			}()
			sharedtest.Folder(heard{t}, "nothing-of-this-name")
		}()
	}
}
