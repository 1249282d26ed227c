package main

import "os"

func main() {
	code := run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	endProfile()
	os.Exit(code)
}

// endProfile completes the profile of a build with the tag profile (profile.go).
var endProfile = func() {}
