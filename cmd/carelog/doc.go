// Command carelog is the sync backend of a medical practice: the broker, the desks
// and every tool around them in one binary. See `carelog --help`.
//
// It parses, wires and exits: a file per subcommand, and no rule of its own. Its exit
// codes, the names of its flags and the fields of its JSON are a contract with
// scripts. It does not read or write a desk's files while the desk runs, but asks it
// over the same doors as everybody else; audit --file alone opens its copy of the log.
package main
