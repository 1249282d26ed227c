package web

import (
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
)

// The modules are written one subject to a file, and are sent in two: a browser takes some ten
// milliseconds for each file that it asks for, however small. joined.js has what every page
// needs, from main.js on, and others.js the rest, which main.js asks for by import().
const (
	joinedFirst  = "js/joined.js"
	joinedOthers = "js/others.js"
	joinedStyles = "css/joined.css"
	firstModule  = "js/main.js"
)

// The forms of import and export that the modules are written in; an import without names is of a
// module that runs before. A module with another form does not join, which is an error.
var (
	importing = regexp.MustCompile(`(?m)^import (?:\{ ([^}]+) \} from )?'\./(\w+)\.js';\n`)
	loading   = regexp.MustCompile(`\bimport\('\./(\w+)\.js'\)`)
	exporting = regexp.MustCompile(`(?m)^export (?:async )?(?:function|const|class) (\w+)`)
	unjoined  = regexp.MustCompile(`(?m)^(?:import[^(]|export\b).*`)
	remarks   = regexp.MustCompile(`(?m)^\s*(?://|/?\*).*\n`)
)

// joinModules makes the two files of the modules below js/. A module becomes a function that
// returns what it exports, and runs after those that it imports; so names that two modules use
// for different things stay apart.
func joinModules(files map[string]asset) (first, others string, err error) {
	order, err := inOrder(files, firstModule)
	if err != nil {
		return "", "", err
	}
	first, err = joinInto(files, order)
	if err != nil {
		return "", "", err
	}
	done := order
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if path.Dir(name) == "js" {
			if order, err = inOrder(files, name, order...); err != nil {
				return "", "", err
			}
		}
	}
	others, err = joinInto(files, order[len(done):])
	first += "export { " + strings.Join(variables(done), ", ") + " };\n"
	return first, "import { " + strings.Join(variables(done), ", ") + " } from './joined.js';\n" + others +
		"export { " + strings.Join(variables(order[len(done):]), ", ") + " };\n", err
}

// inOrder adds a module behind all that it imports.
func inOrder(files map[string]asset, name string, order ...string) ([]string, error) {
	var add func(name string, within []string) error
	add = func(name string, within []string) error {
		if slices.Contains(order, name) {
			return nil
		}
		file, ok := files[name]
		if !ok || slices.Contains(within, name) {
			return fmt.Errorf("%s is imported by %s: there is no such module, or it imports that one", name, strings.Join(within, ", "))
		}
		for _, m := range importing.FindAllStringSubmatch(file.content, -1) {
			if err := add("js/"+m[2]+".js", append(within, name)); err != nil {
				return err
			}
		}
		order = append(order, name)
		return nil
	}
	err := add(name, nil)
	return order, err
}

func joinInto(files map[string]asset, names []string) (string, error) {
	var all strings.Builder
	for _, name := range names {
		text := remarks.ReplaceAllString(files[name].content, "")
		var exports []string
		for _, m := range exporting.FindAllStringSubmatch(text, -1) {
			exports = append(exports, m[1])
		}
		text = exporting.ReplaceAllStringFunc(text, func(s string) string { return strings.TrimPrefix(s, "export ") })
		text = importing.ReplaceAllStringFunc(text, func(s string) string {
			m := importing.FindStringSubmatch(s)
			if m[1] == "" {
				return "" // it has run by then
			}
			return "const { " + strings.ReplaceAll(m[1], " as ", ": ") + " } = " + variable(m[2]) + ";\n"
		})
		text = loading.ReplaceAllString(text, "import('./others.js').then((all) => all.${1}Module)")
		if left := unjoined.FindString(text); left != "" {
			return "", fmt.Errorf("%s has a form of import or export that does not join: %s", name, left)
		}
		fmt.Fprintf(&all, "const %s = await (async () => {\n%sreturn { %s };\n})();\n", variable(moduleName(name)), text, strings.Join(exports, ", "))
	}
	return all.String(), nil
}

func moduleName(file string) string { return strings.TrimSuffix(path.Base(file), ".js") }

func variable(module string) string { return module + "Module" }

func variables(files []string) (names []string) {
	for _, file := range files {
		names = append(names, variable(moduleName(file)))
	}
	return names
}

// joinStyles is all style sheets in one, in the order of their names: what is general comes first.
func joinStyles(files map[string]asset) string {
	var all strings.Builder
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if path.Ext(name) == ".css" {
			all.WriteString(files[name].content)
		}
	}
	return all.String()
}
