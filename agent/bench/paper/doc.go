// Package paper makes the page and the plot of a run of package bench.
//
// It promises that nothing on the page was written by hand but the text of the largest
// costs, which is embedded: every number is a figure of the run it was given, or was
// asked of the machine at that time. The same figures give the same bytes. The plot is
// an SVG on a ground of its own, which reads in light and in dark.
//
// It does not promise that two runs can be compared: the page names the machine and how
// busy it was.
package paper
