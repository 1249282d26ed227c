package main_test

import "github.com/rogpeppe/go-internal/testscript"

func publish(ts *testscript.TestScript, neg bool, args []string) { ts.Fatalf("later") }
