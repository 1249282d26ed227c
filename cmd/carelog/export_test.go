package main

import "io"

// Main is main, for the test binary that stands in for carelog.
var Main = main

var (
	WhileHealthy = whileHealthy
	ServeUntil   = serveUntil
	HeardOut     = heardOut
	ShellWord    = shellWord
	Tame         = tame
	NewServer    = newServer
)

// MaxHeaderTime is how long a desk lets the header of a request take.
const MaxHeaderTime = maxHeaderTime

// Progress is a line of progress.
type Progress struct{ line *progress }

// NewProgress draws it somewhere.
func NewProgress(out io.Writer) Progress { return Progress{&progress{screen: &screen{out: out}}} }

func (p Progress) Show(what string, done, total uint64, rate float64) {
	p.line.show(what, done, total, rate)
}

func (p Progress) End() { p.line.end() }
