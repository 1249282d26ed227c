// Package sharedtest finds for tests what stands in the folder shared beside the repository:
// samples and schemas that are not ours to ship.
//
// It promises that a test is skipped, with a word, where what it asks for is not there, and
// fails in CI, where nobody would see that it was skipped.
package sharedtest
