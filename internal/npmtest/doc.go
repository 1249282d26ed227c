// Package npmtest installs public packages of npm, for tests that run what nobody here
// wrote beside what we did. It promises exactly what a lock file names, without install
// scripts, once for each content of that file, in a folder of the user's cache. It is for
// tests alone, and says nothing of what the packages do.
package npmtest
