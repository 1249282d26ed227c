// Package logtest is the conformance suite of a log: what every log that the agent
// works on must do, in fair weather and in each fault, so that the one in memory
// stays honest about the real one.
//
// Faults come in pairs: what failed, and what failed but had happened. After every
// case the whole log is read past all lines and each event must stand there as
// often as it should.
package logtest
