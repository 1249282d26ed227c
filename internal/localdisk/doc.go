// Package localdisk asks the operating system what Go's own library does not: whether
// another process has a folder, how much room there is, and that files and names are on disk.
//
// It promises the same on Unix and on Windows, and that a lock ends with the process
// that has it, however that ends. It does not promise anything on a network drive.
package localdisk
