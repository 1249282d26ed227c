//go:build !linux

package main_test

import "syscall"

// diesWithUs can do nothing here: where the test binary itself is killed, its services go on.
func diesWithUs() *syscall.SysProcAttr { return nil }
