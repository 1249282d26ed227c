// Package brokertest gives a test a real broker, with one practice and as many
// devices as it wants, in the test's own folder, and breaks the line between them
// in the ways in which lines break.
//
// It promises that nothing is left behind: broker, proxies and connections end
// with the test. Its faults are exact: LoseAcks loses the acknowledgement of a
// message that is stored, LoseSends a message that is not, and nothing else.
// Bandwidth and Loss make a line as slow as bad lines are. Methods that cannot do
// their work fail the test.
//
// It does not promise speed, and it is no simulation: time is real. For many runs
// in virtual time there is memlog, which is held to the same conformance suite.
package brokertest
