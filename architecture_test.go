// Package carelog_test holds what no single package can hold for itself: which way the
// imports go, that every package says what it promises, and that the papers of this
// folder are true.
package carelog_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

const module = "github.com/carelog/carelog"

// listed is what `go list` says of a package.
type listed struct {
	ImportPath, Dir, Doc string
	Standard             bool
	GoFiles, CgoFiles    []string
	Imports, Deps        []string
}

// helpers are the packages that exist for tests alone.
var helpers = []string{"agent/agenttest", "broker/brokertest", "broker/logtest", "broker/memlog", "events/eventstest", "internal/inputtest", "internal/largetest", "internal/npmtest", "internal/pipetest", "internal/sharedtest", "projections/fhirjson/sampletest"}

// rule forbids packages of ours to need others, by whatever way. A name stands for
// itself, and one that ends in /... for all below it as well; "..." is all of ours.
type rule struct {
	from    []string
	except  []string // of from
	never   []string // packages of ours
	foreign []string // packages of others
	reason  string
}

var rules = []rule{{
	from: []string{"events/..."}, except: helpers,
	never:  []string{"..."},
	reason: "the event outlives everything else: who reads a log in twenty years needs this package alone",
}, {
	from:   []string{"projections/..."},
	never:  []string{"broker/...", "agent/...", "cmd/..."},
	reason: "a projection is a function of events: it can be built again and audited without a broker or a desk",
}, {
	from:   []string{"projections/sumehr/..."},
	never:  []string{"projections", "projections/audit"},
	reason: "a Sumehr is a function of resources: it can be made, read and checked without a table or a log",
}, {
	from:   []string{"projections/fhirjson/...", "projections/fhirsearch"},
	never:  []string{"projections", "projections/audit", "projections/sumehr/..."},
	reason: "what is known of the payload stands below the tables, so that they need not know it",
}, {
	from:   []string{"projections", "projections/fhirjson", "projections/audit", "agent", "agent/replica", "agent/outbox"},
	never:  []string{"projections/fhirjson/structure"},
	reason: "structure is checked at the doors: what the log brings was accepted elsewhere, and is never refused",
}, {
	from: []string{"broker/..."}, except: helpers,
	never:  []string{"projections/...", "agent/...", "cmd/..."},
	reason: "the broker never sees content, so nothing that understands content is within its reach",
}, {
	from:   []string{"agent/..."},
	never:  []string{"cmd/..."},
	reason: "a Go program that embeds a desk gets no command line with it",
}, {
	from:   []string{"agent", "agent/attachments", "agent/enrolment", "agent/light", "agent/outbox", "agent/replica", "agent/snapshot"},
	never:  []string{"agent/behind", "agent/bulk", "agent/feed", "agent/fhir", "agent/guard", "agent/hub/...", "agent/intake", "agent/publish", "agent/synthetic", "agent/trail", "agent/web"},
	reason: "a desk does not know its doors: they see it through interfaces of their own, so one can be added or left out",
}, {
	from:   []string{"agent/outbox"},
	never:  []string{"broker/...", "agent/replica"},
	reason: "the queue is whole and readable where there is no broker; it is the agent that pushes",
}, {
	from:   []string{"agent/snapshot"},
	never:  []string{"broker/...", "agent/replica", "agent/outbox"},
	reason: "the sealed form can be read wherever the objects are; it is the agent that says whom to trust and when",
}, {
	from:   []string{"agent/attachments"},
	never:  []string{"agent", "broker/...", "projections/...", "agent/replica", "agent/outbox"},
	reason: "contents are kept without knowing what they are, who refers to them, or how the server is reached",
}, {
	from:   []string{"agent/light"},
	never:  []string{"..."},
	reason: "the light decides nothing, so it needs nothing to decide with",
}, {
	from:   []string{"agent/guard"},
	never:  []string{"agent", "broker/...", "projections/..."},
	reason: "what stands before every door must be small enough to be read in one sitting",
}, {
	from:   []string{"agent/hub/..."},
	never:  []string{"agent", "broker/...", "projections", "projections/audit", "agent/replica", "agent/outbox"},
	reason: "a hub is spoken with about messages: what is published, and when, is for another to know",
}, {
	from:   []string{"agent/trail"},
	never:  []string{"agent", "agent/...", "broker/...", "projections/..."},
	reason: "who looked at what is kept whatever becomes of the records, so it needs nothing of them; what it sends is sealed as events are",
}, {
	from:   []string{"agent/synthetic"},
	never:  []string{"agent", "broker/...", "projections"},
	reason: "made-up patients come in by the same way as every file",
}, {
	from: []string{"..."}, except: helpers,
	never: helpers,
	foreign: []string{"testing", "pgregory.net/rapid", "go.uber.org/goleak", "github.com/google/go-cmp/...",
		"github.com/chromedp/...", "github.com/rogpeppe/go-internal/..."},
	reason: "faults on command and the tools of tests have no place in a binary that keeps patients' records",
}}

func TestImportsGoDownwards(t *testing.T) {
	for _, p := range ours(t) {
		from := within(p.ImportPath)
		for _, r := range rules {
			if !matches(from, r.from) || matches(from, r.except) {
				continue
			}
			for _, dep := range p.Deps {
				if isOurs(dep) && matches(within(dep), r.never) || !isOurs(dep) && matches(dep, r.foreign) {
					t.Errorf("%s needs %s%s, and must not: %s", from, within(dep), via(t, p, dep), r.reason)
				}
			}
		}
	}
}

// via says through which of its own imports a package comes to need another.
func via(t *testing.T, p listed, dep string) string {
	if slices.Contains(p.Imports, dep) {
		return ""
	}
	all := everything(t)
	for _, direct := range p.Imports {
		if slices.Contains(all[direct].Deps, dep) {
			return " (through " + within(direct) + ")"
		}
	}
	return ""
}

// A rule that names a package which is gone forbids nothing.
func TestRulesNamePackagesThatExist(t *testing.T) {
	var paths []string
	for _, p := range ours(t) {
		paths = append(paths, within(p.ImportPath))
	}
	for _, r := range rules {
		for _, pattern := range slices.Concat(r.from, r.except, r.never) {
			if !slices.ContainsFunc(paths, func(path string) bool { return matches(path, []string{pattern}) }) {
				t.Errorf("a rule names %s, and there is no such package", pattern)
			}
		}
	}
}

func TestNoCgo(t *testing.T) {
	for _, p := range everything(t) {
		if !p.Standard && len(p.CgoFiles) > 0 {
			t.Errorf("%s has cgo: the binary must be static, and the same on every PC", p.ImportPath)
		}
	}
	cmd := exec.Command("go", "build", "-o", os.DevNull, "./...")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("CGO_ENABLED=0 go build ./...: %v\n%s", err, out)
	}
}

// Every package says what it promises, and those of the product why they are as they
// are.
func TestPackagesArePapered(t *testing.T) {
	for _, p := range ours(t) {
		path := within(p.ImportPath)
		if len(p.GoFiles) == 0 {
			continue // tests alone
		}
		doc, err := os.ReadFile(filepath.Join(p.Dir, "doc.go"))
		if err != nil {
			t.Errorf("%s has no doc.go, which says what it promises and what it does not", path)
		} else if !bytes.HasPrefix(doc, []byte("// ")) || p.Doc == "" {
			t.Errorf("the doc.go of %s does not begin with the comment of the package", path)
		}
		if _, err := os.Stat(filepath.Join(p.Dir, "DESIGN.md")); err != nil {
			t.Errorf("%s has no DESIGN.md, which says what was decided and what was weighed", path)
		}
	}
}

// everything is each package of the module and all that they need, by import path.
func everything(t *testing.T) map[string]listed {
	t.Helper()
	all, err := list()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

var list = sync.OnceValues(func() (map[string]listed, error) {
	cmd := exec.Command("go", "list", "-deps", "-json", "./...")
	out, err := cmd.Output()
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		err = errors.Join(err, errors.New(string(failed.Stderr)))
	}
	if err != nil {
		return nil, err
	}
	all := make(map[string]listed)
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, err
		}
		all[p.ImportPath] = p
	}
})

// ours are the packages of the module.
func ours(t *testing.T) (own []listed) {
	t.Helper()
	for path, p := range everything(t) {
		if isOurs(path) {
			own = append(own, p)
		}
	}
	slices.SortFunc(own, func(a, b listed) int { return strings.Compare(a.ImportPath, b.ImportPath) })
	if len(own) < 10 {
		t.Fatalf("go list names %d packages of ours, want all", len(own))
	}
	return own
}

func isOurs(path string) bool { return path == module || strings.HasPrefix(path, module+"/") }

// within is a path of ours without the module; another's stays as it is.
func within(path string) string { return strings.TrimPrefix(path, module+"/") }

// matches reports whether a path is one of those that the patterns stand for.
func matches(path string, patterns []string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		folder, all := strings.CutSuffix(pattern, "...")
		folder = strings.TrimSuffix(folder, "/")
		return path == folder || all && (folder == "" || strings.HasPrefix(path, folder+"/"))
	})
}
