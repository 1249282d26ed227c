package main_test

import (
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/carelog/carelog/agent/enrolment"
)

// An enrolment that cannot be used is no broker that cannot be reached, and has another exit code.
func TestAuditWithHalfAnEnrolment(t *testing.T) {
	carelog, err := client()
	if err != nil {
		t.Fatal(err)
	}
	secret := enrolment.NewSecret()
	pair, err := secret.AccountKey()
	if err != nil {
		t.Fatal(err)
	}
	account, err := pair.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	e, err := enrolment.Sheet{Practice: "p1", Account: account, URLs: []string{"nats://127.0.0.1:1"}, Secret: secret}.Enrol("one", "Desk one")
	if err != nil {
		t.Fatal(err)
	}
	e.Seed = ""
	path := filepath.Join(t.TempDir(), "one.json")
	if err := e.Save(path); err != nil {
		t.Fatal(err)
	}
	_, err = exec.CommandContext(t.Context(), carelog, "audit", "log", "--enrolment", path).Output()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 || !strings.Contains(string(exit.Stderr), "half there") {
		t.Errorf("%v; want exit code 1", err)
	}
}
