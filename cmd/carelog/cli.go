package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"
)

// cli is the grammar. Every flag is also an environment variable (CARELOG_ and the
// flag's name in capitals) and a line "name value" of the file that --config names.
type cli struct {
	Config  configFlag  `help:"File with one \"name value\" per line; the names are those of the flags." placeholder:"FILE" env:"CARELOG_CONFIG"`
	Verbose bool        `help:"Log what happens in more detail."`
	Version versionFlag `help:"Print the version and exit." env:"-"`

	// For a program that starts this one, and that must not leave it behind.
	Attached bool `help:"End with the standard input, and not with the terminal or by Ctrl-C." hidden:"" env:"-"`

	Demo     demoCommand     `cmd:"" help:"Start a broker and two desks of one practice with sample patients."`
	Broker   brokerCommand   `cmd:"" help:"Run the broker that keeps the logs of practices."`
	Practice practiceCommand `cmd:"" help:"Let a practice in, and print its recovery sheet."`
	Device   deviceCommand   `cmd:"" help:"Enrol or revoke a device of a practice."`
	Agent    agentCommand    `cmd:"" help:"Run a desk."`

	Link        linkCommand        `cmd:"" help:"Print a link that logs a browser in to a running desk, once."`
	Status      statusCommand      `cmd:"" help:"Show the light of a desk, and what is behind it."`
	Offline     offlineCommand     `cmd:"" help:"Work offline until told otherwise."`
	Online      onlineCommand      `cmd:"" help:"Work online again."`
	Conflicts   conflictsCommand   `cmd:"" help:"List, show and resolve conflicts."`
	Sumehr      sumehrCommand      `cmd:"" help:"Show the Sumehr of a patient; check one in a file."`
	Hub         hubCommand         `cmd:"" help:"Run a hub to try things with: it fails in every way, on command."`
	Outbox      outboxCommand      `cmd:"" help:"List what the server does not have yet; retry or discard what it refused."`
	Acknowledge acknowledgeCommand `cmd:"" help:"Answer for a warning of what nobody can mend any more, as status gives it; it comes back if it becomes more."`
	Snapshot    snapshotCommand    `cmd:"" help:"Make and list snapshots, from which a new desk is complete sooner."`
	Probe       probeCommand       `cmd:"" help:"Ask an address for its health, for a container or a supervisor."`
	Wait        waitCommand        `cmd:"" help:"Wait until something is a fact."`

	Audit    auditCommand    `cmd:"" help:"Replay the log: list it, show a dossier as it was, verify all."`
	Import   importCommand   `cmd:"" help:"Take FHIR Bundles, NDJSON and Sumehrs in."`
	Export   exportCommand   `cmd:"" help:"Write the practice's records out as NDJSON."`
	Generate generateCommand `cmd:"" help:"Write a synthetic Belgian practice as NDJSON."`
	Bench    benchCommand    `cmd:"" help:"Measure this machine beside its raw limits."`
}

// environment is what a command has of the world.
type environment struct {
	ctx    context.Context
	stdin  io.Reader
	stdout io.Writer
	stderr io.Writer
	screen *screen // stderr, for the log and a line of progress
	log    *slog.Logger
}

// run parses the command line, runs the command and returns the exit code.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, stop := interruptible(stderr)
	defer stop()
	var c cli
	code := -1
	parser, err := kong.New(&c,
		kong.Name("carelog"),
		kong.Description("A practice's records on every desk, online and offline.\n\n"+exitHelp),
		kong.DefaultEnvars("CARELOG"),
		kong.Vars{"subjects": subjects()},
		kong.Writers(stdout, stderr),
		kong.Exit(func(n int) { code = n }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.UsageOnError(),
	)
	if err != nil {
		fmt.Fprintln(stderr, "carelog:", err)
		return exitFailed
	}
	k, err := parser.Parse(args)
	if code >= 0 {
		return code // --help or --version was answered
	}
	if err != nil {
		fmt.Fprintf(stderr, "carelog: %v\nTry carelog --help.\n", err)
		return exitUsage
	}
	if c.Attached {
		signal.Ignore(os.Interrupt, syscall.SIGHUP) // the terminal is that of the program
		ctx = whileOpen(ctx, stdin)
	}
	level := slog.LevelInfo
	if c.Verbose {
		level = slog.LevelDebug
	}
	if isTerminal(stdout) {
		stdout = tame(stdout)
	}
	screen := &screen{out: stderr}
	env := &environment{ctx: ctx, stdin: stdin, stdout: stdout, stderr: stderr, screen: screen,
		log: slog.New(slog.NewTextHandler(screen, &slog.HandlerOptions{Level: level}))}
	err = k.Run(env)
	if err == nil {
		return exitOK
	}
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return exitInterrupted
	}
	fmt.Fprintln(stderr, "carelog:", oneLine(err))
	return exitCode(err)
}

// oneLine is what an error says, in the one line that scripts are promised: errors that
// were joined stand behind each other, and the lines of a list behind its heading.
func oneLine(err error) string {
	var b strings.Builder
	for line := range strings.Lines(err.Error()) {
		switch said := b.String(); {
		case said == "":
		case strings.HasSuffix(said, ":"):
			b.WriteString(" ")
		default:
			b.WriteString("; ")
		}
		b.WriteString(strings.TrimSpace(line))
	}
	return b.String()
}

// interruptible returns a context that the first SIGINT, SIGTERM or SIGHUP ends, so that the
// command can finish what it holds. A second SIGINT or SIGTERM means now; not a second SIGHUP,
// since shell and system both say that a terminal was closed.
func interruptible(stderr io.Writer) (context.Context, func()) {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) { // as under nohup
		signal.Notify(signals, syscall.SIGHUP)
	}
	done := make(chan struct{})
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		for {
			select {
			case s := <-signals:
				if ctx.Err() != nil && s != syscall.SIGHUP {
					fmt.Fprintln(stderr, "carelog: stopped at once; what was accepted is safe")
					os.Exit(exitInterrupted)
				}
				cancel()
			case <-done:
				return
			}
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(done)
		<-finished
		cancel()
	}
}

// whileOpen returns a context that ends with an input as well. Who reads that stays for as
// long as the process does: a read of an input cannot be given up.
func whileOpen(ctx context.Context, in io.Reader) context.Context {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		defer cancel()
		_, _ = io.Copy(io.Discard, in)
	}()
	return ctx
}

// versionFlag prints the version.
type versionFlag bool

// BeforeReset runs before anything else is checked.
func (versionFlag) BeforeReset(k *kong.Kong) error {
	fmt.Fprintln(k.Stdout, "carelog", version())
	k.Exit(exitOK)
	return nil
}

// version is that of the module, as it was built.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "devel"
}
