package trail

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Query says which entries are looked for. What is empty does not narrow.
type Query struct {
	Patient string    // whose dossier was shown
	Agent   string    // who looked
	What    string    // Type or Type/id; a version of a record is of the record
	From    time.Time // then or later
	Before  time.Time // earlier than that
	Limit   int       // at most so many; 0 means DefaultLimit, and MaxLimit is the most
	After   string    // Page.Next of the page before
}

// Bounds of a page.
const (
	DefaultLimit = 50
	MaxLimit     = 1000
)

// Page is a part of what was found, the last to be kept first.
type Page struct {
	Entries []Entry
	Next    string // for Query.After; empty at the end
}

// Errors of a question.
var (
	ErrCursor   = errors.New("the cursor was not made by a search of the trail")
	ErrNotFound = errors.New("there is no such entry in the trail of this desk")
)

// place is where an entry stands: the file of its month, and the byte.
type place struct {
	month  string
	offset int64
}

func (p place) String() string { return p.month + "." + strconv.FormatInt(p.offset, 10) }

func parsePlace(text string) (place, error) {
	month, number, _ := strings.Cut(text, ".")
	offset, err := strconv.ParseInt(number, 10, 62)
	_, notMonth := time.Parse("2006-01", month)
	if p := (place{month, offset}); err == nil && notMonth == nil && offset >= 0 && p.String() == text {
		return p, nil
	}
	return place{}, ErrCursor
}

// Read is one entry by its ID; ErrNotFound where there is none.
func (t *Trail) Read(id string) (Entry, error) {
	p, err := parsePlace(id)
	if err != nil {
		return Entry{}, ErrNotFound
	}
	file, err := os.Open(t.path(p.month))
	if errors.Is(err, fs.ErrNotExist) {
		return Entry{}, ErrNotFound
	}
	if err != nil {
		return Entry{}, fmt.Errorf("read the trail: %w", err)
	}
	defer file.Close() // it is only read
	if p.offset > 0 {  // a line begins behind the end of another
		var before [1]byte
		if _, err := file.ReadAt(before[:], p.offset-1); err != nil || before[0] != '\n' {
			return Entry{}, ErrNotFound
		}
	}
	line, err := bufio.NewReader(io.NewSectionReader(file, p.offset, maxLine)).ReadBytes('\n')
	e, ok := parse(line)
	if err != nil || !ok {
		return Entry{}, ErrNotFound
	}
	e.ID = id
	return e, nil
}

// maxLine is more than a line ever has, in bytes.
const maxLine = 1 << 20

// Search looks through the trail from its end: about a second per million entries.
func (t *Trail) Search(ctx context.Context, q Query) (page Page, err error) {
	after := place{month: "9999-12", offset: -1}
	if q.After != "" {
		if after, err = parsePlace(q.After); err != nil {
			return page, err
		}
	}
	limit := q.Limit
	if limit <= 0 {
		limit = DefaultLimit
	}
	limit = min(limit, MaxLimit)
	months, err := t.months()
	if err != nil {
		return page, err
	}
	for _, month := range slices.Backward(months) {
		if month > after.month || !q.mayBeIn(month) {
			continue
		}
		end := int64(-1)
		if month == after.month {
			end = after.offset
		}
		more, err := t.searchMonth(ctx, month, end, q, limit, &page)
		if err != nil || more {
			return page, err
		}
	}
	return page, nil
}

// searchMonth adds what is found in a file before end; more says that the page is full.
func (t *Trail) searchMonth(ctx context.Context, month string, end int64, q Query, limit int, page *Page) (more bool, err error) {
	file, err := os.Open(t.path(month))
	if err != nil {
		return false, fmt.Errorf("search the trail: %w", err)
	}
	defer file.Close() // it is only read
	needle := []byte(strconv.Quote(q.Patient))
	err = backwards(ctx, file, end, func(offset int64, line []byte) (bool, error) {
		if q.Patient != "" && !bytes.Contains(line, needle) {
			return true, nil // nearly always, without taking the line apart
		}
		e, ok := parse(line)
		if !ok || !q.matches(e) {
			return true, nil
		}
		if len(page.Entries) == limit {
			page.Next, more = page.Entries[limit-1].ID, true
			return false, nil
		}
		e.ID = place{month, offset}.String()
		page.Entries = append(page.Entries, e)
		return true, nil
	})
	return more, err
}

// mayBeIn reports whether entries of a month can be wanted.
func (q Query) mayBeIn(month string) bool {
	return (q.From.IsZero() || month >= q.From.UTC().Format("2006-01")) && (q.Before.IsZero() || month <= q.Before.UTC().Format("2006-01"))
}

func (q Query) matches(e Entry) bool {
	return (q.Patient == "" || slices.Contains(e.Patients, q.Patient)) &&
		(q.Agent == "" || q.Agent == e.Agent) &&
		(q.What == "" || q.What == e.What || strings.HasPrefix(e.What, q.What+"/")) &&
		(q.From.IsZero() || !e.At.Before(q.From)) && (q.Before.IsZero() || e.At.Before(q.Before))
}

// parse reads a line; one that was torn is none.
func parse(line []byte) (e Entry, ok bool) {
	err := json.Unmarshal(line, &e)
	return e, err == nil && !e.At.IsZero()
}

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

// backwards calls f on every whole line of a file before end (-1: its own), the last one
// first, until f says no.
func backwards(ctx context.Context, file *os.File, end int64, f func(offset int64, line []byte) (bool, error)) error {
	info, err := file.Stat()
	if err != nil {
		return fmt.Errorf("search the trail: %w", err)
	}
	if end < 0 || end > info.Size() {
		end = info.Size()
	}
	var rest []byte // the beginning of a line whose end was in the block behind
	for end > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		start := max(0, end-readBlock)
		block := make([]byte, end-start, end-start+int64(len(rest)))
		if _, err := file.ReadAt(block, start); err != nil && err != io.EOF {
			return fmt.Errorf("search the trail: %w", err)
		}
		block = append(block, rest...)
		for {
			i := bytes.LastIndexByte(block[:max(0, len(block)-1)], '\n')
			if i < 0 {
				break
			}
			if goOn, err := f(start+int64(i)+1, block[i+1:]); err != nil || !goOn {
				return err
			}
			block = block[:i+1]
		}
		rest, end = block, start
	}
	if len(rest) > 0 {
		_, err = f(0, rest)
	}
	return err
}
