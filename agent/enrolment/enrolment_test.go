package enrolment_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/carelog/carelog/agent/enrolment"
)

func newSheet(t *testing.T) enrolment.Sheet {
	t.Helper()
	secret := enrolment.NewSecret()
	account, err := secret.AccountKey()
	if err != nil {
		t.Fatal(err)
	}
	public, err := account.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	return enrolment.Sheet{Practice: "p1", Name: "Practice One", Account: public, URLs: []string{"nats://127.0.0.1:4222"}, Secret: secret}
}

func TestSheetRoundTrip(t *testing.T) {
	want := newSheet(t)
	var text bytes.Buffer
	if _, err := want.WriteTo(&text); err != nil {
		t.Fatal(err)
	}
	got, err := enrolment.ParseSheet(&text)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("sheet differs (-want +got):\n%s", diff)
	}
}

func TestSheetFaults(t *testing.T) {
	var text bytes.Buffer
	if _, err := newSheet(t).WriteTo(&text); err != nil {
		t.Fatal(err)
	}
	whole := text.String()
	tests := []struct{ name, sheet, want string }{
		{"cut off before the secret", whole[:strings.Index(whole, "secret:")], `"secret:" is missing`},
		{"cut off within the secret", whole[:len(whole)-8], "mistyped or is incomplete"},
		{"another account", strings.Replace(whole, "account:  A", "account:  U", 1), "no public key of an account"},
		{"a practice with a dot", strings.Replace(whole, "practice: p1", "practice: p.1", 1), `practice "p.1"`},
		{"no address of the broker", strings.Replace(whole, "nats://127.0.0.1:4222", "", 1), "it names no host: want nats://host:port"},
		{"a web address", strings.Replace(whole, "nats://", "http://", 1), "no broker speaks http"},
		{"empty", "", "is missing"},
	}
	for _, tt := range tests {
		if _, err := enrolment.ParseSheet(strings.NewReader(tt.sheet)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want an error with %q", tt.name, err, tt.want)
		}
	}
}

// A secret that was typed with one wrong letter is told as such, and one that was
// typed in another case or grouping is read.
func TestSecretTyping(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s enrolment.Secret
		copy(s[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "secret"))
		text := s.String()
		for _, typed := range []string{text, strings.ToLower(text), strings.ReplaceAll(text, "-", " "), strings.ReplaceAll(text, "-", "")} {
			if got, err := enrolment.ParseSecret(typed); err != nil || got != s {
				t.Fatalf("%q: got %v, %v", typed, got, err)
			}
		}
		at := rapid.IntRange(0, len(text)-1).Draw(t, "at")
		letter := rapid.SampledFrom([]byte("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")).Draw(t, "letter")
		if text[at] == '-' || text[at] == letter {
			return
		}
		wrong := []byte(text)
		wrong[at] = letter
		if _, err := enrolment.ParseSecret(string(wrong)); !errors.Is(err, enrolment.ErrMistyped) {
			t.Fatalf("%q with letter %d as %c: got %v, want ErrMistyped", text, at, letter, err)
		}
	})
}

// What follows from a secret must never change: the sheet in the safe would be worth
// nothing.
func TestDerivationIsForEver(t *testing.T) {
	var s enrolment.Secret
	for i := range s {
		s[i] = byte(i)
	}
	account, err := s.AccountKey()
	if err != nil {
		t.Fatal(err)
	}
	public, err := account.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	for _, line := range []string{"secret " + s.String(), "practice " + hex.EncodeToString(s.PracticeKey()), "root " + hex.EncodeToString(s.RootKey().Seed()), "account " + public} {
		got.WriteString(line + "\n")
	}
	golden := filepath.Join("testdata", "derivation-v1.txt")
	want, err := os.ReadFile(golden)
	if errors.Is(err, fs.ErrNotExist) && os.Getenv("UPDATE") != "" {
		want = got.Bytes()
		err = os.WriteFile(golden, want, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("derivation changed (-want +got):\n%s", diff)
	}
}

func TestEnrolmentFile(t *testing.T) {
	e, err := newSheet(t).Enrol("desk-1", "Desk 1")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "desk-1.json")
	if err := e.Save(path); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the enrolment has mode %v (%v), want 0600", info.Mode().Perm(), err)
	}
	got, err := enrolment.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(e, got); diff != "" {
		t.Errorf("enrolment differs (-want +got):\n%s", diff)
	}
	if err := e.Save(path); !errors.Is(err, fs.ErrExist) {
		t.Errorf("saving over an enrolment: got %v, want that the file exists", err)
	}

	other := e
	other.Certificate = append([]byte(nil), e.Certificate...)
	other.Certificate[0] ^= 1
	if err := other.Validate(); err == nil {
		t.Error("an enrolment with a wrong certificate passes")
	}
	newer := e
	newer.Version = 2
	if err := newer.Validate(); err == nil || !strings.Contains(err.Error(), "update") {
		t.Errorf("an enrolment of a newer form: got %v, want advice to update", err)
	}
}

func TestLoadFaults(t *testing.T) {
	dir := t.TempDir()
	if _, err := enrolment.Load(filepath.Join(dir, "none.json")); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "carelog device enrol") {
		t.Errorf("no file: got %v, want what to do", err)
	}
	path := filepath.Join(dir, "half.json")
	if err := os.WriteFile(path, []byte(`{"version":1,"practice":"p1"`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := enrolment.Load(path); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("half a file: got %v, want an error that names it", err)
	}
}
