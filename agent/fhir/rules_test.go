package fhir_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestRulesHaveTheirTests: each rule of RULES.md names tests, and each of them is there.
func TestRulesHaveTheirTests(t *testing.T) {
	text, err := os.ReadFile("RULES.md")
	if err != nil {
		t.Fatal(err)
	}
	name := regexp.MustCompile("`(?:([a-z/]+)\\.)?((?:Test|Fuzz)[A-Z]\\w*)`")
	known := make(map[string]map[string]bool)
	rules := 0
	for i, line := range strings.Split(string(text), "\n") {
		cells := strings.Split(strings.Trim(line, "| "), " | ")
		if !strings.HasPrefix(line, "| ") || cells[0] == "rule" || cells[0] == "what" {
			continue
		}
		rules++
		tests := name.FindAllStringSubmatch(cells[len(cells)-1], -1)
		if len(cells) != 2 || len(tests) == 0 {
			t.Errorf("line %d: %d cells and %d tests", i+1, len(cells), len(tests))
		}
		for _, test := range tests {
			folder := "."
			if test[1] != "" {
				folder = filepath.Join("..", "..", filepath.FromSlash(test[1]))
			}
			if known[folder] == nil {
				known[folder] = testsIn(t, folder)
			}
			if !known[folder][test[2]] {
				t.Errorf("line %d: there is no %s", i+1, test[0])
			}
		}
	}
	if rules < 50 {
		t.Errorf("%d rules: the test looks at nothing", rules)
	}
}

// testsIn are the names of the tests and fuzz targets of a folder.
func testsIn(t *testing.T, folder string) map[string]bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	names := make(map[string]bool)
	for _, path := range files {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil {
				names[fmt.Sprint(f.Name)] = true
			}
		}
	}
	return names
}
