package trail

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/carelog/carelog/events"
)

// own is the entries of this desk that match and have an id before one (zero: all), the
// last first.
func (t *Trail) own(ctx context.Context, q Query, before events.ID) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		months, err := t.months()
		if err != nil {
			yield(Entry{}, fmt.Errorf("search the trail: %w", err))
			return
		}
		for _, month := range slices.Backward(months) {
			if !before.IsZero() && month > monthOf(before) {
				continue
			}
			if !q.From.IsZero() && month < q.From.UTC().Format(monthForm) {
				return
			}
			goOn, err := t.ownOf(ctx, month, q, before, yield)
			if err != nil {
				yield(Entry{}, fmt.Errorf("search the trail: %w", err))
			}
			if err != nil || !goOn {
				return
			}
		}
	}
}

// ownOf is own for one month.
func (t *Trail) ownOf(ctx context.Context, month string, q Query, before events.ID, yield func(Entry, error) bool) (goOn bool, err error) {
	file, err := os.Open(t.path(month))
	if err != nil {
		return false, err
	}
	defer file.Close() // it is only read
	needle := []byte(strconv.Quote(q.Patient))
	goOn = true
	err = backwards(ctx, file, func(line []byte) bool {
		if q.Patient != "" && !bytes.Contains(line, needle) {
			return true // nearly always, without taking the line apart
		}
		e, ok := parse(line)
		if !ok || !before.IsZero() && e.ID.Compare(before) >= 0 {
			return true
		}
		if goOn = !q.over(e.ID); goOn && q.matches(e) {
			e.Device = t.config.Device
			goOn = yield(e, nil)
		}
		return goOn
	})
	return goOn, err
}

// parse reads a line; one that was torn is none.
func parse(line []byte) (e Entry, ok bool) {
	err := json.Unmarshal(line, &e)
	return e, err == nil && !e.At.IsZero() && !e.ID.IsZero()
}

const monthForm = "2006-01"

// monthOf is the month in whose file an entry stands.
func monthOf(id events.ID) string { return id.Time().UTC().Format(monthForm) }

func (t *Trail) path(month string) string { return filepath.Join(t.config.Folder, month+suffix) }

// months are those of which there is a file, the first one first.
func (t *Trail) months() (list []string, err error) {
	names, err := filepath.Glob(filepath.Join(t.config.Folder, "????-??"+suffix))
	for _, name := range names {
		list = append(list, strings.TrimSuffix(filepath.Base(name), suffix))
	}
	slices.Sort(list)
	return list, err
}

// readBlock is how much of a file is read at once.
const readBlock = 256 << 10

// backwards calls f on every whole line of a file, the last one first, until f says no.
func backwards(ctx context.Context, file *os.File, f func(line []byte) bool) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	var rest []byte // the beginning of a line whose end was in the block behind
	for end := info.Size(); end > 0; {
		if err := ctx.Err(); err != nil {
			return err
		}
		start := max(0, end-readBlock)
		block := make([]byte, end-start, end-start+int64(len(rest)))
		if _, err := file.ReadAt(block, start); err != nil && err != io.EOF {
			return err
		}
		block = append(block, rest...)
		for {
			i := bytes.LastIndexByte(block[:max(0, len(block)-1)], '\n')
			if i < 0 {
				break
			}
			if !f(block[i+1:]) {
				return nil
			}
			block = block[:i+1]
		}
		rest, end = block, start
	}
	if len(rest) > 0 {
		f(rest)
	}
	return nil
}

// place is a byte of the file of a month.
type place struct {
	Month  string `json:"month"`
	Offset int64  `json:"offset"`
}

// stretch reads whole lines from a place on, up to the size of a run, and says where they
// end; nothing and the place where all is read. The last line may still be written.
func (t *Trail) stretch(from place) (lines []byte, to place, err error) {
	months, err := t.months()
	if err != nil {
		return nil, from, err
	}
	to = from
	for _, month := range months {
		if month < to.Month {
			continue
		}
		if month > to.Month {
			to = place{Month: month}
		}
		if lines, err = linesAt(t.path(month), to.Offset, t.runSize); err != nil || len(lines) > 0 {
			to.Offset += int64(len(lines))
			return lines, to, err
		}
	}
	return nil, to, nil
}

// linesAt are whole lines from an offset of a file on, of some size together. A line that is
// longer is alone.
func linesAt(path string, offset int64, size int) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close() // it is only read
	for ; ; size *= 2 {
		block := make([]byte, size)
		n, err := file.ReadAt(block, offset)
		if err != nil && err != io.EOF {
			return nil, err
		}
		end := bytes.LastIndexByte(block[:n], '\n') + 1
		if end > 0 || n < size {
			return block[:end], nil
		}
	}
}

// holds reports whether an entry stands in a stretch of the files.
func (t *Trail) holds(from, to place, id events.ID) bool {
	if from.Month == "" || to.Month != from.Month || to.Offset <= from.Offset || to.Offset-from.Offset > maxRun {
		return false
	}
	file, err := os.Open(t.path(to.Month))
	if err != nil {
		return false
	}
	defer file.Close() // it is only read
	block := make([]byte, to.Offset-from.Offset)
	if _, err := file.ReadAt(block, from.Offset); err != nil {
		return false
	}
	for line := range bytes.Lines(block) {
		if e, ok := parse(line); ok && e.ID == id {
			return true
		}
	}
	return false
}
