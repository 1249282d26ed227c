package main

import (
	"os"
	"syscall"
)

// ownGroup keeps the signals of the terminal from a child.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
}

// endChild ends a child: Windows has no way to ask one without a window. What it has
// accepted is on disk.
func endChild(p *os.Process) error { return p.Kill() }
