package carelog_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// papers are what people read before they run anything.
var papers = []string{"README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md",
	filepath.Join("deploy", "README.md"), filepath.Join("docs", "conflict-with-curl.md")}

// buildFolder is where the binary is built, once.
var buildFolder string

func TestMain(m *testing.M) {
	folder, err := os.MkdirTemp("", "carelog-house-")
	if err != nil {
		panic(err)
	}
	buildFolder = folder
	code := m.Run()
	if err := os.RemoveAll(folder); err != nil {
		panic(err)
	}
	os.Exit(code)
}

var build = sync.OnceValues(func() (string, error) {
	path := filepath.Join(buildFolder, "carelog")
	cmd := exec.Command("go", "build", "-o", path, "./cmd/carelog")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = errors.Join(err, errors.New(string(out)))
	}
	return path, err
})

// help runs a command with --help, and returns what it says and whether it knows the
// command.
func help(t *testing.T, words ...string) (text string, ok bool) {
	t.Helper()
	binary, err := build()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, binary, append(words, "--help")...).CombinedOutput()
	return string(out), err == nil
}

var (
	codeBlock = regexp.MustCompile("(?s)```.*?```")
	codeSpan  = regexp.MustCompile("`[^`\n]+`")
	// The program of a command line, alone or as the service of the compose file.
	mention = regexp.MustCompile(`(?:^|[\s/])(?:carelog|docker compose run --rm -v \S+ broker)\s+([^|;&#()]+)`)
	word    = regexp.MustCompile(`^[a-z][a-z-]*$`)
	option  = regexp.MustCompile(`^--[a-z][a-z-]*`)
)

// mentions returns the command lines of carelog that a paper shows.
func mentions(text string) (lines []string) {
	var shown []string
	for _, block := range codeBlock.FindAllString(text, -1) {
		block = strings.ReplaceAll(block, "\\\n", " ")
		shown = append(shown, strings.Split(block, "\n")...)
	}
	for _, span := range codeSpan.FindAllString(codeBlock.ReplaceAllString(text, ""), -1) {
		shown = append(shown, strings.Trim(span, "`"))
	}
	for _, line := range shown {
		for _, m := range mention.FindAllStringSubmatch(line, -1) {
			lines = append(lines, m[1])
		}
	}
	return lines
}

// Every command that a paper shows exists, with every flag that it shows.
func TestPapersShowCommandsThatExist(t *testing.T) {
	if text, ok := help(t, "no-such-command"); ok {
		t.Fatalf("carelog no-such-command --help succeeds, so this test would notice nothing:\n%s", text)
	}
	for _, paper := range append(papers, "Makefile") {
		lines := mentions(read(t, paper))
		if paper == "Makefile" {
			lines = mentions("```" + read(t, paper) + "```") // all of it is code
		}
		if paper == "README.md" && len(lines) < 20 {
			t.Errorf("README.md shows %d commands, want all that a practice needs", len(lines))
		}
		for _, line := range lines {
			var words, options []string
			for _, field := range strings.Fields(line) {
				if o := option.FindString(field); o != "" {
					options = append(options, o)
				} else if word.MatchString(field) && len(options) == 0 {
					words = append(words, field)
				}
			}
			if len(words) == 0 {
				continue // a sentence, or a path
			}
			text, ok := help(t, words...)
			if !ok {
				t.Errorf("%s: carelog %s: there is no such command", paper, strings.Join(words, " "))
				continue
			}
			for _, o := range options {
				shown := strings.Replace(o, "--no-", "--[no-]", 1)
				if !strings.Contains(text, o) && !strings.Contains(text, shown) {
					t.Errorf("%s: carelog %s has no flag %s", paper, strings.Join(words, " "), o)
				}
			}
		}
	}
}

// The table of exit codes is the one that --help gives, no more and no less.
func TestExitCodesOfTheReadme(t *testing.T) {
	text, _ := help(t)
	_, status, ok := strings.Cut(strings.Join(strings.Fields(text), " "), "Exit status:")
	if !ok {
		t.Fatal("carelog --help says nothing of the exit status")
	}
	status, _, _ = strings.Cut(status, ".")
	want := make(map[string]bool)
	for part := range strings.SplitSeq(status, ";") {
		want[strings.Fields(part)[0]] = true
	}
	got := make(map[string]bool)
	for _, row := range regexp.MustCompile(`(?m)^\| (\d+) \|`).FindAllStringSubmatch(read(t, "README.md"), -1) {
		got[row[1]] = true
	}
	if !maps.Equal(got, want) {
		t.Errorf("README.md has the exit codes %v, and --help %v", slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
	}
}

func TestPapersShowTargetsThatExist(t *testing.T) {
	makefile := read(t, "Makefile")
	for _, paper := range append(papers, filepath.Join(".ci", "run")) {
		for _, m := range regexp.MustCompile(`(?m)(?:^|`+"`"+`|timeout \w+ )make ([a-z]+)`).FindAllStringSubmatch(read(t, paper), -1) {
			if !regexp.MustCompile(`(?m)^` + m[1] + `:`).MatchString(makefile) {
				t.Errorf("%s: there is no target %s in the Makefile", paper, m[1])
			}
		}
	}
}

// ownMachine finds paths that mean something on one machine only.
var ownMachine = regexp.MustCompile(`(?:^|[\s"'(=` + "`" + `])/(?:work|root|home)/[\w.-]+`)

func TestNoFileNamesAPathOfOneMachine(t *testing.T) {
	for path, text := range textFiles(t) {
		for n, line := range bytes.Split(text, []byte("\n")) {
			if found := ownMachine.Find(line); found != nil {
				t.Errorf("%s:%d names%s, which is on one machine only", path, n+1, found)
			}
		}
	}
}

// textFiles reads every file of the tree that is text.
func textFiles(t *testing.T) map[string][]byte {
	t.Helper()
	files := make(map[string][]byte)
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		switch passedOver := slices.Contains([]string{".git", "bin", "demo"}, path); {
		case passedOver && entry.IsDir():
			return fs.SkipDir
		case passedOver || entry.IsDir(): // in a worktree, .git is a file that says where the folder is
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil || bytes.IndexByte(text[:min(len(text), 8000)], 0) >= 0 {
			return err
		}
		files[path] = text
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 100 {
		t.Fatalf("read %d files, want the whole tree", len(files))
	}
	return files
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
