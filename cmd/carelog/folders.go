package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"github.com/carelog/carelog/agent"
)

// Who has a data folder of its own.
const (
	ofDesk   = "desk"
	ofBroker = "broker"
)

// ownFolder refuses a data folder that is none, and one that is of the other kind: either
// would start there, and a copy or a removal of the one would take the other with it.
func ownFolder(data, kind string) error {
	switch info, err := os.Stat(data); {
	case err == nil && !info.IsDir(), errors.Is(err, syscall.ENOTDIR):
		return usage(fmt.Errorf("--data %s: it is a file, want a folder", data))
	}
	for other, names := range map[string][]string{
		ofDesk:   {enrolmentFile, agent.OutboxFile},
		ofBroker: {filepath.Join("operator", "operator.seed"), "jetstream"},
	} {
		for _, name := range names {
			if _, err := os.Stat(filepath.Join(data, name)); err == nil && other != kind {
				return codedError{exitForeign, fmt.Errorf("--data %s is the folder of a %s (it has %s): give the %s a folder of its own", data, other, name, kind)}
			}
		}
	}
	return nil
}
