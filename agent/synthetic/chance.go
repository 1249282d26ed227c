package synthetic

import (
	"fmt"
	"math/bits"
	"math/rand/v2"
	"strconv"
)

// chance is a source of choices. The PCG is fixed by its documentation; the choices
// are drawn from it here and not by rand.Rand, whose ways may change.
type chance struct{ pcg *rand.PCG }

func newChance(seed, stream uint64) chance { return chance{rand.NewPCG(seed, stream)} }

// below returns a number from 0 to n-1.
func (c chance) below(n int) int {
	high, _ := bits.Mul64(c.pcg.Uint64(), uint64(n))
	return int(high)
}

// between returns a number from low to high, both included.
func (c chance) between(low, high int) int { return low + c.below(high-low+1) }

// in1000 is true n times in 1000.
func (c chance) in1000(n int) bool { return c.below(1000) < n }

// pick returns one of list.
func pick[T any](c chance, list []T) T { return list[c.below(len(list))] }

// uuid returns a version 4 UUID: a FHIR id, as an EHR would give it out.
func (c chance) uuid() string {
	a, b := c.pcg.Uint64(), c.pcg.Uint64()
	a = a&^0xf000 | 0x4000
	b = b&^(3<<62) | 2<<62
	return fmt.Sprintf("%08x-%04x-%04x-%04x-%012x", a>>32, a>>16&0xffff, a&0xffff, b>>48, b&0xffff_ffff_ffff)
}

// decimal writes a number of tenths, hundredths... with its digits: 375 of 1 is 37.5.
func decimal(n, places int) string {
	s := strconv.Itoa(n)
	if places == 0 {
		return s
	}
	for len(s) <= places {
		s = "0" + s
	}
	return s[:len(s)-places] + "." + s[len(s)-places:]
}
