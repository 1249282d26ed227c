// Package sampletest reads the shared samples of FHIR for tests: examples of R4, Belgian
// documents, and the packed transactions of synthetic patients.
//
// It promises that a test is skipped, with a word, where the samples are not beside the
// repository, that it fails then in CI (see package sharedtest), and that it fails where they
// are there and none is of the pattern asked for.
package sampletest
