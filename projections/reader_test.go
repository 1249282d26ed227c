package projections_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/carelog/carelog/projections"
)

// three gives 1, 2 and 3.
const three = "SELECT column1 FROM (VALUES (1), (2), (3))"

type inner = func(sql string) (int64, error)

// A question in the words of one that is being answered does not disturb it.
func TestQuestionWithinAQuestion(t *testing.T) {
	ctx := context.Background()
	s := openAt(t, filepath.Join(t.TempDir(), "record.db"))
	defer s.Close()
	for range 2 { // the second time with all statements prepared
		var got []int64
		if err := s.Ask(ctx, three, func(value int64, ask inner) error {
			last, err := ask(three)
			got = append(got, value, last)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if want := []int64{1, 3, 2, 3, 3, 3}; fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("got %v, want %v", got, want)
		}
	}
}

// Questions in any number of wordings are answered, before and after one that fails.
func TestQuestionsInManyWords(t *testing.T) {
	ctx := context.Background()
	s := openAt(t, filepath.Join(t.TempDir(), "record.db"))
	defer s.Close()
	for n := range int64(200) {
		text := fmt.Sprintf("SELECT %d", n)
		if err := s.Ask(ctx, text, func(value int64, _ inner) error {
			if value != n {
				t.Errorf("%s gives %d", text, value)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if s.Ask(ctx, "SELECT nothing", nil) == nil {
			t.Fatal("a question without sense was answered")
		}
	}
}

// More questions at once than there are readers wait for one another, and one that
// nobody waits for any more gives up.
func TestQuestionsWaitForAReader(t *testing.T) {
	ctx := context.Background()
	s := openAt(t, filepath.Join(t.TempDir(), "record.db"))
	defer s.Close()
	begun, end := make(chan struct{}), make(chan struct{})
	ended := make(chan error)
	for range projections.ReaderCount {
		go func() {
			ended <- s.Ask(ctx, "SELECT 1", func(int64, inner) error {
				begun <- struct{}{}
				<-end
				return nil
			})
		}()
	}
	for range projections.ReaderCount {
		<-begun
	}
	short, cancel := context.WithTimeout(ctx, time.Millisecond)
	defer cancel()
	if _, _, err := s.Position(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a question beside %d others: got %v, want %v", projections.ReaderCount, err, context.DeadlineExceeded)
	}
	close(end)
	for range projections.ReaderCount {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	if _, _, err := s.Position(ctx); err != nil {
		t.Error(err)
	}
}

// A question under way ends after the store was closed; the next one is refused.
func TestCloseDuringAQuestion(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "record.db")
	s := openAt(t, path)
	if err := s.Ask(ctx, three, func(value int64, ask inner) error {
		if value > 1 {
			return nil
		}
		if err := s.Close(); err != nil {
			return err
		}
		_, err := ask("SELECT 1")
		return err
	}); err != nil {
		t.Errorf("the question under way: %v", err)
	}
	if _, _, err := s.Position(ctx); err == nil {
		t.Error("a question to a closed store was answered")
	}
	again := openAt(t, path)
	if err := again.Check(ctx); err != nil {
		t.Error(err)
	}
	if err := again.Close(); err != nil {
		t.Error(err)
	}
}

// The reader that was used last is lent first: what it has in its memory would be read
// from the file anew by each of the others.
func TestQuestionsOneAfterTheOtherNeedOneReader(t *testing.T) {
	ctx := context.Background()
	s := openAt(t, filepath.Join(t.TempDir(), "record.db"))
	defer s.Close()
	for range 2 * projections.ReaderCount {
		if err := s.Ask(ctx, "SELECT 1", func(int64, inner) error { return nil }); err != nil {
			t.Fatal(err)
		}
	}
	if got := s.Readers(); got != 1 {
		t.Errorf("%d readers were opened, want 1", got)
	}
}

// What is read once, and much of it, stays in no reader's memory; the reader keeps what it reads
// after that as ever, also where the reading failed.
func TestReadInPassing(t *testing.T) {
	s := open(t)
	for _, want := range []error{nil, errors.New("it broke off")} {
		within, after, err := s.InPassing(t.Context(), func() error { return want })
		if within != -1024 || after != -16384 || !errors.Is(err, want) {
			t.Errorf("%v: a reader keeps %d, and then %d: %v", want, within, after, err)
		}
	}
}
