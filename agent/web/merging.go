package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/carelog/carelog/projections/fhirjson"
)

// union is the choice of all items of a list together; every other choice is a version.
const union = -1

// members are those of a resource, each as the bytes that it is; nil where there is no resource.
func members(body []byte) map[string]json.RawMessage {
	var m map[string]json.RawMessage
	if body == nil || json.Unmarshal(body, &m) != nil {
		return nil
	}
	return m
}

// living are the places and members of the versions that stand, in their order.
func (c *candidates) living() (places []int, all []map[string]json.RawMessage) {
	for i, v := range c.versions {
		if v.members != nil {
			places, all = append(places, i), append(all, v.members)
		}
	}
	return places, all
}

// merge is the first version that stands, with each member of taken as it is in the version that was chosen
// for it. Whatever is moved is moved as the bytes that it is: no digit changes on the way.
func (c *candidates) merge(taken map[string]int) ([]byte, error) {
	places, _ := c.living()
	if len(places) == 0 {
		return nil, fmt.Errorf("no version of %s stands that could be merged", c.record)
	}
	base := c.versions[places[0]]
	var operations []string
	for _, member := range slices.Sorted(maps.Keys(taken)) {
		value := c.items(member)
		if at := taken[member]; at != union {
			value = c.versions[at].members[member]
		}
		path, err := json.Marshal("/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(member))
		if err != nil {
			return nil, err
		}
		switch {
		case value != nil:
			operations = append(operations, fmt.Sprintf(`{"op":"add","path":%s,"value":%s}`, path, value))
		case base.members[member] != nil:
			operations = append(operations, fmt.Sprintf(`{"op":"remove","path":%s}`, path))
		}
	}
	return fhirjson.Patch(base.Body, []byte("["+strings.Join(operations, ",")+"]"))
}

// item of a list: its content, and the bytes that it is.
type item struct {
	content string
	text    json.RawMessage
}

// itemsOf are the items of a list, empty where there is none; ok is false where it is no list. One that stands twice is one.
func itemsOf(list json.RawMessage) (items []item, ok bool) {
	if list == nil {
		return nil, true
	}
	var texts []json.RawMessage
	if !bytes.HasPrefix(bytes.TrimSpace(list), []byte("[")) || json.Unmarshal(list, &texts) != nil {
		return nil, false
	}
	for _, text := range texts {
		if one := (item{contentOf(text), text}); !has(items, one.content) {
			items = append(items, one)
		}
	}
	return items, true
}

func has(items []item, content string) bool {
	return slices.ContainsFunc(items, func(i item) bool { return i.content == content })
}

// items is a list of the items of all versions, each once by its content, but for those of the shared ancestor
// that a version took out. It is nil where a version has no list there, and where it would be the same as one of them;
// and for doses: two of them side by side are taken one on top of the other.
func (c *candidates) items(member string) json.RawMessage {
	if doseMembers[member] {
		return nil
	}
	_, living := c.living()
	var lists [][]item
	filled := 0
	for _, m := range living {
		list, ok := itemsOf(m[member])
		if !ok {
			return nil
		}
		lists = append(lists, list)
		if len(list) > 0 {
			filled++
		}
	}
	before := c.itemsBefore(member)
	var together []item
	for _, list := range lists {
		for _, one := range list {
			lacks := func(other []item) bool { return !has(other, one.content) }
			removed := has(before, one.content) && slices.ContainsFunc(lists, lacks)
			if !removed && !has(together, one.content) {
				together = append(together, one)
			}
		}
	}
	same := func(list []item) bool {
		return slices.EqualFunc(list, together, func(a, b item) bool { return a.content == b.content })
	}
	if filled < 2 || len(together) == 0 || slices.ContainsFunc(lists, same) {
		return nil
	}
	texts := make([][]byte, len(together))
	for i, one := range together {
		texts[i] = one.text
	}
	return slices.Concat([]byte("["), bytes.Join(texts, []byte(",")), []byte("]"))
}

func (c *candidates) itemsBefore(member string) []item {
	before, _ := itemsOf(c.shared[member])
	return before
}

// proposal is what nobody would choose otherwise: what one version alone changed, or a union of what several added.
// Where all of them replaced the same item there is none: a person must choose. So they must in a record that a prescriber
// must not overlook: nothing of an allergy or a medicine is chosen by nobody.
func (c *candidates) proposal(member string) (choice int, ok bool) {
	if safetyTypes[c.record.Type] {
		return 0, false
	}
	places, living := c.living()
	before := c.shared[member]
	first, different := -1, make(map[string]bool)
	kept := make(map[string]bool) // items of some version
	for i, m := range living {
		if content := contentOf(m[member]); content != contentOf(before) {
			different[content] = true
			if first < 0 {
				first = places[i]
			}
		}
		list, _ := itemsOf(m[member])
		for _, one := range list {
			kept[one.content] = true
		}
	}
	if c.ancestor != nil && len(different) == 1 {
		return first, true
	}
	replaced := slices.ContainsFunc(c.itemsBefore(member), func(i item) bool { return !kept[i.content] })
	return union, !replaced && c.items(member) != nil
}

// contentOf is the same for values that are equal, whatever the order of their names.
func contentOf(text json.RawMessage) string {
	var all strings.Builder
	writeSorted(&all, readRaw(text))
	return all.String()
}

func writeSorted(w *strings.Builder, v any) {
	switch v := v.(type) {
	case object:
		w.WriteByte('{')
		for _, m := range slices.SortedFunc(slices.Values(v), func(a, b member) int { return strings.Compare(a.name, b.name) }) {
			fmt.Fprintf(w, "%q:", m.name)
			writeSorted(w, m.value)
			w.WriteByte(',')
		}
		w.WriteByte('}')
	case []any:
		w.WriteByte('[')
		for _, one := range v {
			writeSorted(w, one)
			w.WriteByte(',')
		}
		w.WriteByte(']')
	case string:
		fmt.Fprintf(w, "%q", v)
	default:
		fmt.Fprint(w, v) // a number by its digits, and what is named by a word
	}
}
