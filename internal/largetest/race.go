//go:build race

package largetest

const watched = true
