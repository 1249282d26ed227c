package main_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// page runs the commands that a page shows, from the first to the last in one shell, and
// compares what each block prints with the answer that the page shows below it.
func page(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, neg, args, 1, "page FILE")
	text, err := os.ReadFile(args[0])
	ts.Check(err)
	blocks := shownOn(string(text))
	if len(blocks) == 0 {
		ts.Fatalf("%s shows no commands", args[0])
	}
	script := "set -eu\n"
	for n, b := range blocks {
		script += fmt.Sprintf("{\n%s} >answer.%d\n", b.commands, n)
	}
	ts.Check(os.WriteFile(ts.MkAbs("page.sh"), []byte(script), 0o600))
	ts.Check(ts.Exec("sh", "page.sh"))
	same := &alike{shown: make(map[string]string), meant: make(map[string]string)}
	for n, b := range blocks {
		got := ts.ReadFile(fmt.Sprintf("answer.%d", n))
		if err := b.compare(same, got); err != nil {
			ts.Fatalf("%s:%d: %v\nthe commands print\n%s", args[0], b.line, err, got)
		}
	}
}

// shown is a block of commands on a page, and the answer below it.
type shown struct {
	line     int    // of the first command
	commands string // for sh
	form     string // of the answer: json, text, or empty where there is none
	answer   string
}

var fence = regexp.MustCompile("(?ms)^```(sh|json|text)\n(.*?)^```$")

func shownOn(page string) (blocks []shown) {
	for _, at := range fence.FindAllStringSubmatchIndex(page, -1) {
		form, text := page[at[2]:at[3]], page[at[4]:at[5]]
		if form == "sh" {
			blocks = append(blocks, shown{line: 2 + strings.Count(page[:at[0]], "\n"), commands: text})
		} else if n := len(blocks); n > 0 {
			blocks[n-1].form, blocks[n-1].answer = form, text
		}
	}
	return blocks
}

// compare says where an answer is not what the page shows. Of JSON the page may leave
// out members of objects, and shows lists whole.
func (b shown) compare(same *alike, got string) error {
	if b.form != "json" {
		return same.text(strings.TrimSpace(b.answer), strings.TrimSpace(got))
	}
	var want, have any
	for text, value := range map[string]*any{b.answer: &want, got: &have} {
		d := json.NewDecoder(bytes.NewReader([]byte(text)))
		d.UseNumber()
		if err := d.Decode(value); err != nil {
			return fmt.Errorf("this is no JSON: %w: %s", err, text)
		}
	}
	return same.json(want, have)
}

// alike knows which id or address of a page stands for which one of this run. Times are
// all the same to it.
type alike struct{ shown, meant map[string]string }

var (
	moment = regexp.MustCompile(`\d{4}-\d\d-\d\dT[\d:.]+Z`)
	alias  = regexp.MustCompile(`\b[0-7][0-9A-HJKMNP-TV-Z]{25}\b|\bhttp://127\.0\.0\.1:\d+\b`)
)

func (a *alike) text(want, got string) error {
	bare := func(s string) string { return alias.ReplaceAllString(moment.ReplaceAllString(s, "<time>"), "<id>") }
	if bare(want) != bare(got) {
		return fmt.Errorf("the page shows %q, and it is %q", want, got)
	}
	ids := alias.FindAllString(got, -1)
	for n, id := range alias.FindAllString(want, -1) {
		if _, ok := a.shown[id]; !ok && a.meant[ids[n]] == "" {
			a.shown[id], a.meant[ids[n]] = ids[n], id
		}
		if a.shown[id] != ids[n] {
			return fmt.Errorf("%s is not what the page calls %s elsewhere", ids[n], id)
		}
	}
	return nil
}

func (a *alike) json(want, got any) error {
	switch want := want.(type) {
	case map[string]any:
		have, _ := got.(map[string]any)
		for _, name := range slices.Sorted(maps.Keys(want)) {
			inner, ok := have[name]
			if !ok {
				return fmt.Errorf("%s: it is not there", name)
			}
			if err := a.json(want[name], inner); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		return nil
	case []any:
		have, _ := got.([]any)
		if len(want) != len(have) {
			return fmt.Errorf("the page shows a list of %d, and it has %d", len(want), len(have))
		}
		for n := range want {
			if err := a.json(want[n], have[n]); err != nil {
				return fmt.Errorf("%d: %w", n, err)
			}
		}
		return nil
	case string:
		if have, ok := got.(string); ok {
			return a.text(want, have)
		}
		return errors.New("it is no text")
	}
	if want != got {
		return fmt.Errorf("the page shows %v, and it is %v", want, got)
	}
	return nil
}
