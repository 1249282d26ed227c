//go:build race

package publish_test

// With the race detector a whole day takes two minutes of a processor, in place of fifteen
// seconds: a morning shows as much of it.
func init() { dayChanges = 60 }
