package main_test

import "syscall"

// diesWithUs lets the system end a service where the test binary itself is killed.
func diesWithUs() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
