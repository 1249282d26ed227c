//go:build unix

package main

import (
	"os"
	"syscall"
)

// ownGroup keeps the signals of the terminal from a child.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// endChild asks a child to end.
func endChild(p *os.Process) error { return p.Signal(syscall.SIGTERM) }
