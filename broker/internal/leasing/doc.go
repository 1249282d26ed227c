// Package leasing decides who holds a lease. It knows no network: broker and memlog
// give it their line. The broker's clock and sequences decide, and no PC's clock.
package leasing
