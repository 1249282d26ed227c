//go:build profile

package main

import (
	"log"
	"os"
	"runtime/pprof"
)

// Built with the tag profile, every carelog process writes where its processor's time went into a file of its own in
// the folder CARELOG_PROFILE. make profile makes carelog.pgo of them.
func init() {
	file, err := os.CreateTemp(os.Getenv("CARELOG_PROFILE"), "*.pprof")
	if err != nil {
		log.Fatalf("making a file for the profile: %v; name a folder in CARELOG_PROFILE", err)
	}
	if err := pprof.StartCPUProfile(file); err != nil {
		log.Fatalf("starting the profile: %v", err)
	}
	endProfile = func() {
		pprof.StopCPUProfile()
		if err := file.Close(); err != nil {
			log.Fatalf("writing the profile: %v", err)
		}
	}
}
