package fhirjson

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// parsePointer takes a JSON Pointer (RFC 6901) apart; none are its steps where it names
// the whole.
func parsePointer(pointer string) (steps []string, err error) {
	if pointer == "" {
		return nil, nil
	}
	if pointer[0] != '/' {
		return nil, errors.New("a JSON Pointer begins with /")
	}
	for step := range strings.SplitSeq(pointer[1:], "/") {
		for i := 0; i < len(step); i++ {
			if step[i] == '~' && (i+1 == len(step) || step[i+1] != '0' && step[i+1] != '1') {
				return nil, errors.New("in a JSON Pointer ~ is written ~0, and / within a name ~1")
			}
		}
		steps = append(steps, strings.ReplaceAll(strings.ReplaceAll(step, "~1", "/"), "~0", "~"))
	}
	return steps, nil
}

// at follows steps from the root to a value.
func (t *tree) at(steps []string) (uint32, error) {
	i := uint32(root)
	for _, step := range steps {
		var err error
		if i, err = t.step(i, step); err != nil {
			return 0, err
		}
	}
	return i, nil
}

// step goes from an object or an array to what is in it.
func (t *tree) step(i uint32, step string) (uint32, error) {
	switch t.nodes[i].kind {
	case object:
		if c, ok := t.member(i, step); ok {
			return c, nil
		}
		return 0, fmt.Errorf("there is no %q", clip(step))
	case array:
		n, err := itemNumber(step)
		if err != nil {
			return 0, err
		}
		for c := range t.children(i) {
			if n == 0 {
				return c, nil
			}
			n--
		}
		return 0, fmt.Errorf("the list has no item %s", clip(step))
	}
	return 0, fmt.Errorf("%q leads into a value that has no parts", clip(step))
}

// itemNumber reads the number of an item; RFC 6901 wants no leading zeros.
func itemNumber(step string) (int, error) {
	n, err := strconv.ParseUint(step, 10, 31)
	if err != nil || len(step) > 1 && step[0] == '0' || step[0] == '+' {
		return 0, fmt.Errorf("%q is no number of an item of a list", clip(step))
	}
	return int(n), nil
}
