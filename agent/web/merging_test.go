package web_test

import (
	"cmp"
	"slices"
	"strings"
	"testing"

	"github.com/carelog/carelog/agent/web"
)

const (
	one  = `{"resourceType":"Condition","a":1.00,"l":[{"x":1},{"y":2.50}],"b":1}`
	two  = `{"resourceType":"Condition","a":2,"l":[{"z":3},{"x":1}]}`
	root = `{"resourceType":"Condition","a":2,"l":[{"x":1},{"o":0}],"b":1}`
)

func of(body string) *string { return &body }

// A union has each item once, by its content and never by its place, and none that a version took out. Of doses there is none.
func TestUnionOfLists(t *testing.T) {
	for _, c := range []struct {
		name, member string
		ancestor     *string
		versions     []string
		want         string
	}{
		{"by content", "", of(root), []string{one, two}, `[{"x":1},{"y":2.50},{"z":3}]`},
		{"names in another order", "", nil, []string{`{"l":[{"p":1,"q":2},{"r":1}]}`, `{"l":[{"q":2,"p":1},{"s":1}]}`}, `[{"p":1,"q":2},{"r":1},{"s":1}]`},
		{"other digits are another item", "", nil, []string{`{"l":[{"p":1.0}]}`, `{"l":[{"p":1.00}]}`}, `[{"p":1.0},{"p":1.00}]`},
		{"what one removed is gone", "", of(`{"l":[{"x":1},{"k":1}]}`), []string{`{"l":[{"x":1},{"k":1}]}`, `{"l":[{"x":1},{"n":1}]}`}, ""},
		{"of what is no list", "", nil, []string{`{"l":1}`, `{"l":[1]}`}, ""},
		{"two doses", "dosage", of(`{"dosage":[{"d":1}]}`), []string{`{"dosage":[{"d":2}]}`, `{"dosage":[{"d":3}]}`}, ""},
		{"a dose beside what was none", "dosageInstruction", nil, []string{`{"dosageInstruction":[{"d":2}]}`, `{"dosageInstruction":[{"d":3}]}`}, ""},
		{"beside a deletion", "", nil, []string{"", `{"l":[{"x":1}]}`, `{"l":[{"y":1}]}`}, `[{"x":1},{"y":1}]`},
	} {
		if got := web.NewCandidates(c.ancestor, c.versions...).Union(cmp.Or(c.member, "l")); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

// What one alone changed is proposed, and a union of what several added; never two doses side by side, and nothing of what a
// prescriber must not overlook.
func TestWhatIsProposed(t *testing.T) {
	const union, nothing = -1, -2
	for _, c := range []struct {
		name, member string
		ancestor     *string
		versions     []string
		want         int
	}{
		{"what one alone changed", "a", of(root), []string{one, two}, 0},
		{"what both changed", "a", of(`{"a":2}`), []string{`{"a":1}`, `{"a":3}`}, nothing},
		{"what one alone removed", "b", of(root), []string{one, two}, 1},
		{"a union", "l", of(`{"l":[{"x":1}]}`), []string{one, two}, union},
		{"where all replaced the same", "l", of(root), []string{one, two}, nothing},
		{"two doses", "l", of(`{"l":[{"d":1}]}`), []string{`{"l":[{"d":2}]}`, `{"l":[{"d":3}]}`}, nothing},
		{"without an ancestor", "a", nil, []string{one, two}, nothing},
	} {
		got, ok := web.NewCandidates(c.ancestor, c.versions...).Proposal(c.member)
		if !ok {
			got = nothing
		}
		if got != c.want {
			t.Errorf("%s: got %d, want %d", c.name, got, c.want)
		}
		for _, kind := range []string{"AllergyIntolerance", "MedicationStatement", "MedicationRequest", "Flag"} {
			if got, ok := web.NewCandidates(c.ancestor, c.versions...).Of(kind).Proposal(c.member); ok {
				t.Errorf("%s of %s: %d is chosen by nobody", c.name, kind, got)
			}
		}
	}
}

// A merged content has the bytes of the versions that it is of, digit for digit.
func TestMergeKeepsEveryByte(t *testing.T) {
	for _, c := range []struct {
		name     string
		versions []string
		taken    map[string]int
		want     string
	}{
		{"each from another", []string{one, two}, map[string]int{"a": 0, "l": -1, "b": 1}, `{"resourceType":"Condition","a":1.00,"l":[{"x":1},{"y":2.50},{"z":3}]}`},
		{"what the first lacks", []string{two, one}, map[string]int{"b": 1}, strings.Replace(two, "}]}", `}],"b":1}`, 1)},
		{"a deletion beside two", []string{"", one, two}, map[string]int{"a": 2}, strings.Replace(one, "1.00", "2", 1)},
		{"blanks", []string{"{ \"resourceType\" : \"Condition\",\n \"a\" : 1.0 , \"b\":1e9 }", two}, map[string]int{"a": 1}, "{ \"resourceType\" : \"Condition\",\n \"a\" : 2 , \"b\":1e9 }"},
	} {
		got, err := web.NewCandidates(of(root), c.versions...).Merge(c.taken)
		if err != nil || string(got) != c.want {
			t.Errorf("%s: got %s (%v), want %s", c.name, got, err, c.want)
		}
	}
	if _, err := web.NewCandidates(nil, "", "").Merge(nil); err == nil {
		t.Error("two deletions were merged")
	}
}

// Of three versions one comparison may speak of a list and another of an item in it: then the whole member is a row.
func TestRowsOfACompare(t *testing.T) {
	for _, c := range []struct {
		name     string
		members  bool
		versions []string
		want     []string
	}{
		{"rows that overlap", false, []string{`{"note":[{"text":"A"}]}`, `{"note":[{"text":"B"}]}`, `{}`}, []string{"Condition.note|A|B|"}},
		{"rows that do not", false, []string{`{"x":1}`, `{"x":2}`, `{"x":1,"xy":3}`}, []string{"Condition.x|1|2|1", "Condition.xy|||3"}},
		{"one for each member", true, []string{`{"code":{"text":"A"},"onsetPeriod":{"start":"2019"},"note":[{"text":"A","x":1}]}`, `{"code":{"text":"A"},"onsetPeriod":{"start":"2020"},"note":[{"text":"A","x":2}]}`}, nil},
	} {
		for i, body := range c.versions {
			c.versions[i] = strings.Replace(strings.Replace(body, "{", `{"resourceType":"Condition",`, 1), ",}", "}", 1)
		}
		got := web.NewCandidates(nil, c.versions...).Rows(c.members)
		if c.want != nil && !slices.Equal(got, c.want) {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
		if c.want == nil && len(got) != 2 {
			t.Errorf("%s: got %q, want two rows", c.name, got)
		}
	}
}
