package deploy_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// samples are the configuration files, each with the command that it is for.
var samples = []struct{ file, command string }{
	{"broker.conf", "broker"},
	{"agent.conf", "agent"},
}

var defaultLine = regexp.MustCompile(`(?m)^#([a-z][a-z-]*) (.*)$`)

// settings returns the lines of a sample that set something, and those that show a
// default.
func settings(t *testing.T, file string) (set, shown map[string]string) {
	t.Helper()
	set, shown = make(map[string]string), make(map[string]string)
	for line := range strings.Lines(read(t, file)) {
		line = strings.TrimSuffix(line, "\n")
		into := set
		if m := defaultLine.FindStringSubmatch(line); m != nil {
			into, line = shown, line[1:]
		} else if line == "" || line[0] == '#' {
			continue
		}
		name, value, ok := strings.Cut(line, " ")
		if !ok {
			t.Fatalf("%s: %q: want \"name value\"", file, line)
		}
		into[name] = value
	}
	return set, shown
}

// inProse is what a sample says of a flag that has no line there, since it has no default or no place in a file.
var inProse = map[string]string{
	"hub": "\n# With hub, the URL", "hub-author": "\n# hub-author, the numbers",
	"enrolment": "\n# Not here: enrolment (", "broker": " broker (the enrolment names", "user": " user (nobody writes",
}

func TestSamplesNameTheFlagsOfTheirCommand(t *testing.T) {
	for _, sample := range samples {
		t.Run(sample.command, func(t *testing.T) {
			flags := flagsOf(t, sample.command)
			set, shown := settings(t, sample.file)
			for name := range set {
				if _, ok := flags[name]; !ok {
					t.Errorf("%s sets %s, and carelog %s has no such flag", sample.file, name, sample.command)
				}
			}
			for name, value := range shown {
				f, ok := flags[name]
				if !ok {
					t.Errorf("%s shows %s, and carelog %s has no such flag", sample.file, name, sample.command)
				} else if f.shown != value && !(f.shown == "" && value == "false") {
					t.Errorf("%s shows %s at %s, and its default is %q", sample.file, name, value, f.shown)
				}
			}
			text := read(t, sample.file)
			for name := range flags {
				switch name {
				case "help", "version", "config": // not for a file
				default:
					if prose := inProse[name]; set[name] == "" && shown[name] == "" && (prose == "" || !strings.Contains(text, prose)) {
						t.Errorf("%s has no line for the flag %s", sample.file, name)
					}
				}
			}
		})
	}
}

// The samples are read by the real parser in process_test.go, where they start real
// processes. These are the twins: the parser refuses what it should.
func TestConfigurationIsCheckedAtStart(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"a name that no flag has":    {"data /nowhere\nprot 4222\n", "prot"},
		"a name without a value":     {"data\n", `want "name value"`},
		"a value of the wrong kind":  {"data /nowhere\nport many\n", "many"},
		"a name that stands twice":   {"port 1\nport 2\n", "twice"},
		"a setting that is required": {"port 4222\n", "--data"},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "broker.conf")
			if err := os.WriteFile(file, []byte(test.text), 0o600); err != nil {
				t.Fatal(err)
			}
			code, _, stderr := carelog(t, "--config", file, "broker")
			if code != 2 || !strings.Contains(stderr, test.want) {
				t.Errorf("exit code %d, want 2; said:\n%swant it to name %s", code, stderr, test.want)
			}
		})
	}
}

// Flags win over variables, and variables over the file.
func TestPrecedence(t *testing.T) {
	file := filepath.Join(t.TempDir(), "carelog.conf")
	if err := os.WriteFile(file, []byte("patients 0\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	generate := []string{"--config", file, "generate", "--out", os.DevNull}
	if code, _, stderr := carelog(t, generate...); code != 2 || !strings.Contains(stderr, "patients 0") {
		t.Fatalf("0 patients in the file: exit code %d, want 2 and a word about it\n%s", code, stderr)
	}
	mustCarelog(t, append(generate, "--patients", "1")...)
	if code, _, stderr := carelogWith(t, []string{"CARELOG_PATIENTS=1"}, generate...); code != 0 {
		t.Errorf("the variable does not win over the file: exit code %d\n%s", code, stderr)
	}
	if code, _, stderr := carelogWith(t, []string{"CARELOG_PATIENTS=0"}, append(generate, "--patients", "1")...); code != 0 {
		t.Errorf("the flag does not win over the variable: exit code %d\n%s", code, stderr)
	}
}
