package fhirsearch

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/big"
	"strconv"
	"strings"
)

// Bounds of a decimal that can be searched: what is longer is no measured value.
const (
	maxDigits   = 64
	maxExponent = 1000
)

// decimal is a number as bytes that are ordered as numbers are: a sign, the place of the
// point, the digits.
type decimal string

const (
	signNegative = '1'
	signZero     = '2'
	signPositive = '3'
)

// The ends of all decimals.
const (
	leastDecimal decimal = ""
	mostDecimal  decimal = "4"
)

// number is a decimal while it is worked out: units of ten to the power of exponent.
type number struct {
	units    *big.Int
	exponent int
}

// parseNumber reads JSON's grammar of a number, and a sign of plus that people type.
func parseNumber(s string) (number, bool) {
	mantissa, power, hasPower := strings.Cut(strings.ToLower(strings.TrimPrefix(s, "+")), "e")
	exponent := 0
	if hasPower {
		var err error
		if exponent, err = strconv.Atoi(power); err != nil || exponent > maxExponent || exponent < -maxExponent {
			return number{}, false
		}
	}
	whole, fraction, hasPoint := strings.Cut(mantissa, ".")
	digits := strings.TrimPrefix(whole, "-")
	if digits == "" || hasPoint && fraction == "" || len(digits)+len(fraction) > maxDigits || strings.Trim(digits+fraction, "0123456789") != "" {
		return number{}, false
	}
	units, ok := new(big.Int).SetString(whole+fraction, 10)
	return number{units, exponent - len(fraction)}, ok
}

// times is the number as tenth parts of its last digit, times a factor, plus some.
func (n number) times(factor, plus int64) number {
	units := new(big.Int).Mul(n.units, big.NewInt(factor))
	return number{units.Add(units, big.NewInt(plus)), n.exponent - 1}
}

// ordered is the number as bytes.
func (n number) ordered() decimal {
	digits := strings.TrimLeft(n.units.Text(10), "-")
	point := len(digits) + n.exponent
	digits = strings.TrimRight(digits, "0")
	sign := n.units.Sign()
	if sign == 0 {
		return decimal(signZero)
	}
	out := binary.BigEndian.AppendUint16([]byte{signPositive}, uint16(point+1<<15))
	out = append(append(out, digits...), 0)
	if sign < 0 {
		out[0] = signNegative
		for i := range out[1:] {
			out[i+1] = ^out[i+1]
		}
	}
	return decimal(out)
}

// around is the span of all that rounds to the number as it is written: 5.4 is from 5.35
// to less than 5.45.
func (n number) around() (from, below decimal) {
	return n.times(10, -5).ordered(), n.times(10, +5).ordered()
}

// about is the span of a tenth to either side.
func (n number) about() (from, to decimal) {
	from, to = n.times(9, 0).ordered(), n.times(11, 0).ordered()
	if from > to {
		from, to = to, from
	}
	return from, to
}

// quantity is a measured value: a span, since "less than 5" is one, and its unit.
type quantity struct {
	low, high          decimal
	system, code, unit [4]byte
}

// appendTo writes the quantity as a value.
func (q quantity) appendTo(out []byte) []byte {
	out = append(append(append(out, q.system[:]...), q.code[:]...), q.unit[:]...)
	out = append(binary.AppendUvarint(out, uint64(len(q.low))), q.low...)
	return append(out, q.high...)
}

func readQuantity(b []byte) (q quantity, ok bool) {
	const units = 12
	if len(b) < units {
		return q, false
	}
	copy(q.system[:], b)
	copy(q.code[:], b[4:])
	copy(q.unit[:], b[8:])
	n, size := binary.Uvarint(b[units:])
	if rest := b[units+max(size, 0):]; size > 0 && n <= uint64(len(rest)) {
		q.low, q.high = decimal(rest[:n]), decimal(rest[n:])
		return q, true
	}
	return q, false
}

// quantityOf reads a Quantity. One below a comparator reaches to the end of all numbers.
func quantityOf(digits, comparator, system, code, unit string) (q quantity, ok bool) {
	n, ok := parseNumber(digits)
	if !ok {
		return q, false
	}
	q = quantity{low: n.ordered(), high: n.ordered(), system: hash4(Canonical(system)), code: hash4(code), unit: hash4(unit)}
	switch comparator {
	case "<", "<=":
		q.low = leastDecimal
	case ">", ">=":
		q.high = mostDecimal
	}
	return q, true
}

// numberWant is a number that is asked for.
type numberWant struct {
	exact       decimal
	from, below decimal // as it is written
	about       [2]decimal
}

func numberWantOf(s string) (w numberWant, err error) {
	n, ok := parseNumber(s)
	if !ok {
		return w, fmt.Errorf("%q is no number: want one like 5.4, of at most %d digits", s, maxDigits)
	}
	w.exact = n.ordered()
	w.from, w.below = n.around()
	w.about[0], w.about[1] = n.about()
	return w, nil
}

// holds reports whether a span of numbers is what is asked for.
func (w numberWant) holds(p prefix, low, high decimal) bool {
	equal := low >= w.from && high < w.below
	switch p {
	case prefixNe:
		return !equal
	case prefixGt:
		return high > w.exact
	case prefixLt:
		return low < w.exact
	case prefixGe:
		return high >= w.exact
	case prefixLe:
		return low <= w.exact
	case prefixSa:
		return low > w.exact
	case prefixEb:
		return high < w.exact
	case prefixAp:
		return high >= w.about[0] && low <= w.about[1]
	}
	return equal
}

// span is where the low ends of what may hold stand.
func (w numberWant) span(p prefix) (from, to decimal, ok bool) {
	switch p {
	case prefixNe:
		return "", "", false
	case prefixGt, prefixGe, prefixSa:
		return w.exact, mostDecimal, true
	case prefixLt, prefixLe, prefixEb:
		return leastDecimal, w.exact, true
	case prefixAp:
		return w.about[0], w.about[1], true
	}
	return w.from, w.below, true
}

// clipped keeps a decimal short where only its order counts.
func (d decimal) clipped() []byte { return bytes.Clone([]byte(d[:min(len(d), 12)])) }
