package inputtest

import (
	"iter"
	"math/rand/v2"
	"slices"
)

// Count is how many inputs an ordinary test tries.
const Count = 2000

// maxSize bounds one part of an input, in bytes.
const maxSize = 1 << 16

// Of returns n inputs: the seeds, and then variations of them. An input has as many parts as
// each of the seeds.
func Of(n int, seeds ...[]string) iter.Seq[[]string] {
	return func(yield func([]string) bool) {
		r := rand.New(rand.NewPCG(1, uint64(len(seeds))))
		for i := range n {
			input := slices.Clone(seeds[i%len(seeds)])
			if i >= len(seeds) {
				part := r.IntN(len(input))
				for range 1 + r.IntN(4) {
					other := seeds[r.IntN(len(seeds))]
					input[part] = vary(r, input[part], other[r.IntN(len(other))])
				}
			}
			if !yield(input) {
				return
			}
		}
	}
}

// vary changes one place of a text: a byte, or a piece that is lost, doubled, or of another text.
func vary(r *rand.Rand, text, other string) string {
	at := r.IntN(len(text) + 1)
	end := at + r.IntN(min(len(text)-at, 40)+1)
	var piece string
	switch r.IntN(5) {
	case 0: // lost
	case 1:
		piece = text[at:end] + text[at:end]
	case 2:
		from := r.IntN(len(other) + 1)
		piece = other[from : from+r.IntN(len(other)-from+1)]
	case 3:
		piece = string([]byte{byte(r.IntN(256))})
	case 4:
		piece = []string{`"`, `\`, "{", "[", "null", "-1e999", "\x00", "\u2028", ",", "%", "&", "=", "/", "|", "*", "W/\"\"", "\xff"}[r.IntN(17)]
		end = at
	}
	if text = text[:at] + piece + text[end:]; len(text) > maxSize {
		text = text[:maxSize]
	}
	return text
}
