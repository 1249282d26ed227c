// Command carelog is the sync backend of a medical practice: the broker, the desks
// and every tool around them in one binary. See `carelog --help`.
package main

import "os"

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }
