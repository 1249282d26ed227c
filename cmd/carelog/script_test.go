package main_test

import (
	"errors"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/carelog/carelog/broker/brokertest"
)

// The words of the scripts, beside those of testscript itself and carelog:
//
//	exits CODE program [args...]
//	    The program ends with just this exit code.
//	until PATTERN program [args...]
//	    Runs the program again and again until its standard output matches.
//	start NAME program [args...]
//	    Starts a carelog in the background and waits until it is ready. The fields of
//	    its line of JSON become variables: $NAME_url, $NAME_token, and $NAME_port. Its
//	    standard error is the file NAME.log.
//	quit NAME...
//	    Tells it to end; it must end well.
//	ends NAME CODE
//	    Waits until it ends by itself, with this exit code.
//	kill9 NAME...
//	    Ends it as a power cut does.
//	disk NAME full|free|BYTES
//	    From now on no file of it may be written, or may again, or may be this long. It
//	    must have been started as carelog-on-small-disk.
//	line NAME URL
//	    A line to the broker at URL, which can break. $NAME is its own URL.
//	line NAME cut|mend|lose-acks|cut-after-storing
//	    Breaks or mends it; lose-acks loses one acknowledgement of a message that was
//	    stored, and cut-after-storing cuts the line in place of the next one.
//	http [-header 'NAME: VALUE'] METHOD NAME/PATH|URL STATUS [FILE]
//	    Sends a request, with FILE as its body, to the desk NAME with its token, or to a
//	    whole URL without one, and wants this status. stdout is the body of the answer, stderr its header.
//	json PATH VARIABLE [FILE]
//	    Takes a value of stdout, or of FILE, into a variable: heads.0.event
//	json PATH == VALUE [FILE]
//	    Wants that value.
//	same FOLDER FOLDER
//	    The projections of two stopped desks are whole, and the same byte for byte.
//	publish ENROLMENT KIND URL
//	    A device puts an event into the log such as no desk of today makes; see publish_test.go.
//	remove-last FOLDER PRACTICE URL
//	    Takes the last message out of the log of the broker with this folder.
//	page FILE
//	    Runs the commands of a page of docs and compares their answers with those that it
//	    shows. FILE is seen from the folder of this test.
func words() map[string]func(*testscript.TestScript, bool, []string) {
	return map[string]func(*testscript.TestScript, bool, []string){
		"exits":       exits,
		"until":       until,
		"start":       start,
		"quit":        quit,
		"ends":        ends,
		"kill9":       kill9,
		"disk":        disk,
		"line":        line,
		"http":        request,
		"json":        jsonWord,
		"same":        same,
		"publish":     publish,
		"remove-last": removeLast,
		"page":        page,
	}
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                filepath.Join("testdata", "script"),
		Setup:              setup,
		Cmds:               words(),
		RequireUniqueNames: true,
	})
}

// stage is what a script has set up.
type stage struct {
	t        testing.TB
	services map[string]*service
	lines    map[string]*brokertest.Proxy
}

type stageKey struct{}

func setup(env *testscript.Env) error {
	path, err := client()
	if err != nil {
		return err
	}
	env.Setenv("PATH", filepath.Dir(path)+string(filepath.ListSeparator)+env.Getenv("PATH"))
	s := &stage{t: env.T().(testing.TB), services: make(map[string]*service), lines: make(map[string]*brokertest.Proxy)}
	env.Values[stageKey{}] = s
	env.Defer(s.clear)
	return nil
}

// clear ends what still runs, however the script went, and shows what it said where
// the script failed.
func (s *stage) clear() {
	for _, one := range s.services {
		one.end(s.t)
	}
}

func stageOf(ts *testscript.TestScript) *stage { return ts.Value(stageKey{}).(*stage) }

// want checks the number of words and that there is no negation.
func want(ts *testscript.TestScript, neg bool, args []string, least int, usage string) {
	if neg {
		ts.Fatalf("this word cannot be negated: %s", usage)
	}
	if len(args) < least {
		ts.Fatalf("usage: %s", usage)
	}
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, neg, args, 2, "exits CODE program [args...]")
	code, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	var exit *exec.ExitError
	got := 0
	switch {
	case errors.As(err, &exit):
		got = exit.ExitCode()
	case err != nil:
		ts.Fatalf("run %s: %v", args[1], err)
	}
	if got != code {
		ts.Fatalf("%s: exit code %d, want %d", strings.Join(args[1:], " "), got, code)
	}
}

// untilPatience is how long a script waits for a fact. Nothing depends on it but the
// time that a failing test takes.
const untilPatience = 30 * time.Second

func until(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, neg, args, 2, "until PATTERN program [args...]")
	pattern, err := regexp.Compile(args[0])
	ts.Check(err)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for began := time.Now(); ; <-tick.C {
		ts.Check(ts.Exec(args[1], args[2:]...))
		if pattern.MatchString(ts.ReadFile("stdout")) {
			return
		}
		if time.Since(began) > untilPatience {
			ts.Fatalf("no match for %s within %v", pattern, untilPatience)
		}
	}
}

func line(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, neg, args, 2, "line NAME URL|cut|mend|lose-acks|cut-after-storing")
	s, name := stageOf(ts), args[0]
	if target, ok := strings.CutPrefix(args[1], "nats://"); ok {
		s.lines[name] = brokertest.NewProxy(s.t, target)
		ts.Setenv(name, s.lines[name].URL())
		return
	}
	proxy := s.lines[name]
	if proxy == nil {
		ts.Fatalf("there is no line %s", name)
	}
	switch args[1] {
	case "cut":
		proxy.Cut()
	case "mend":
		proxy.Mend()
	case "lose-acks":
		proxy.LoseAcks(1)
	case "cut-after-storing":
		proxy.CutAfterStoring()
	default:
		ts.Fatalf("a line cannot %s", args[1])
	}
}
