// Package inputtest makes inputs for tests of what takes whatever comes: variations of seeds,
// without the instruments of -fuzz, which take many minutes to build where SQLite is linked.
//
// It promises the seeds themselves first, and the same inputs for the same seeds and number.
// It does not promise to reach every branch: for that there is make fuzz.
package inputtest
