package fhirjson_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/carelog/carelog/projections/fhirjson"
)

func TestEqual(t *testing.T) {
	for name, row := range map[string]struct {
		a, b string
		want bool
	}{
		"order of names":   {`{"resourceType":"Basic","a":{"x":1,"y":2}}`, `{"a":{"y":2,"x":1},"resourceType":"Basic"}`, true},
		"white space":      {`{"resourceType":"Basic","a":[1,2]}`, "{ \"resourceType\" : \"Basic\",\n\"a\":[ 1 , 2 ] }", true},
		"escapes":          {`{"resourceType":"Basic","a":"\u00e9\/"}`, `{"resourceType":"Basic","\u0061":"é/"}`, true},
		"decimals":         {`{"resourceType":"Basic","a":1.00}`, `{"resourceType":"Basic","a":1.0}`, false},
		"large integers":   {`{"resourceType":"Basic","a":9007199254740993}`, `{"resourceType":"Basic","a":9007199254740992}`, false},
		"number, string":   {`{"resourceType":"Basic","a":1}`, `{"resourceType":"Basic","a":"1"}`, false},
		"null, string":     {`{"resourceType":"Basic","a":null}`, `{"resourceType":"Basic","a":"null"}`, false},
		"absent, null":     {`{"resourceType":"Basic"}`, `{"resourceType":"Basic","a":null}`, false},
		"order of a list":  {`{"resourceType":"Basic","a":[1,2]}`, `{"resourceType":"Basic","a":[2,1]}`, false},
		"nesting":          {`{"resourceType":"Basic","a":[[1],2]}`, `{"resourceType":"Basic","a":[[1,2]]}`, false},
		"moved characters": {`{"resourceType":"Basic","a":["ab","c"]}`, `{"resourceType":"Basic","a":["a","bc"]}`, false},
		"versions":         {`{"resourceType":"Basic","meta":{"versionId":"1"}}`, `{"resourceType":"Basic"}`, true},
		"profiles":         {`{"resourceType":"Basic","meta":{"profile":["a"]}}`, `{"resourceType":"Basic"}`, false},
		"unreadable":       {`{`, `{`, false},
	} {
		if got := fhirjson.Equal([]byte(row.a), []byte(row.b)); got != row.want {
			t.Errorf("%s: Equal gives %v, want %v", name, got, row.want)
		}
		a, errA := fhirjson.Digest([]byte(row.a))
		b, errB := fhirjson.Digest([]byte(row.b))
		if got := errA == nil && errB == nil && a == b; got != row.want {
			t.Errorf("%s: equal digests: %v, want %v", name, got, row.want)
		}
	}
}

// difference is the part of a Difference that a table can show.
func difference(d fhirjson.Difference) string {
	show := func(raw json.RawMessage) string {
		if raw == nil {
			return "-"
		}
		return string(raw)
	}
	s := fmt.Sprintf("%s: %s -> %s | %s in %s", d.Path, show(d.Ancestor), show(d.A), show(d.B), d.ChangedIn)
	if d.OrderOnly {
		s += ", order only"
	}
	return s
}

func TestCompare(t *testing.T) {
	// in writes a resource with one field.
	in := func(field string) []byte {
		if field == "" {
			return nil
		}
		return []byte(`{"resourceType":"Patient",` + field + `}`)
	}
	for name, row := range map[string]struct {
		ancestor, a, b string
		want           []string
	}{
		"one side":        {`"gender":"male"`, `"gender":"female"`, `"gender":"male"`, []string{`Patient.gender: "male" -> "female" | "male" in a`}},
		"both sides":      {`"gender":"male"`, `"gender":"female"`, `"gender":"other"`, []string{`Patient.gender: "male" -> "female" | "other" in both`}},
		"the same change": {`"gender":"male"`, `"gender":"female"`, `"gender":"female"`, nil},
		"added":           {`"id":"x"`, `"id":"x","active":true`, `"id":"x"`, []string{`Patient.active: - -> true | - in a`}},
		"taken out":       {`"id":"x","active":true`, `"id":"x","active":true`, `"id":"x"`, []string{`Patient.active: true -> true | - in b`}},
		"no ancestor":     {"", `"gender":"female"`, `"gender":"male"`, []string{`Patient.gender: - -> "female" | "male" in both`}},
		"a deletion":      {`"gender":"male"`, "", `"gender":"male"`, []string{`Patient.resourceType: "Patient" -> - | "Patient" in a`, `Patient.gender: "male" -> - | "male" in a`}},
		"digits":          {`"x":1.0`, `"x":1.00`, `"x":1.0`, []string{`Patient.x: 1.0 -> 1.00 | 1.0 in a`}},
		"another kind":    {`"x":[1]`, `"x":{"y":1}`, `"x":[1]`, []string{`Patient.x: [1] -> {"y":1} | [1] in a`}},
		"read as a whole": {`"x":{"value":1,"unit":"g"}`, `"x":{"value":1,"unit":"mg"}`, `"x":{"value":2,"unit":"g"}`,
			[]string{`Patient.x: {"value":1,"unit":"g"} -> {"value":1,"unit":"mg"} | {"value":2,"unit":"g"} in both`}},
		"strings are one field": {`"name":[{"given":["Jan"]}]`, `"name":[{"given":["Jan","Piet"]}]`, `"name":[{"given":["Jan"]}]`,
			[]string{`Patient.name[0].given: ["Jan"] -> ["Jan","Piet"] | ["Jan"] in a`}},
		"placeholders": {`"_given":[null,{"id":"a"}]`, `"_given":[null,{"id":"b"}]`, `"_given":[null,{"id":"a"}]`,
			[]string{`Patient._given: [null,{"id":"a"}] -> [null,{"id":"b"}] | [null,{"id":"a"}] in a`}},
		"order only": {`"l":[{"id":"1"},{"id":"2"}]`, `"l":[{"id":"2"},{"id":"1"}]`, `"l":[{"id":"1"},{"id":"2"}]`,
			[]string{`Patient.l: [{"id":"1"},{"id":"2"}] -> [{"id":"2"},{"id":"1"}] | [{"id":"1"},{"id":"2"}] in a, order only`}},
		"a repeat is an item": {`"l":[{"x":1}]`, `"l":[{"x":1},{"x":1}]`, `"l":[{"x":1}]`, []string{`Patient.l[1]: - -> {"x":1} | - in a`}},
		"an identity of two": {`"l":[{"url":"u","x":1},{"url":"u","x":2}]`, `"l":[{"url":"u","x":1},{"url":"u","x":2}]`, `"l":[{"url":"u","x":2}]`,
			[]string{`Patient.l[0]: {"url":"u","x":1} -> {"url":"u","x":1} | - in b`}},
		"unreadable": {`"x":1`, `"x":1`, `"x":`, []string{`: "{\"resourceType\":\"Patient\",\"x\":1}" -> "{\"resourceType\":\"Patient\",\"x\":1}" | "{\"resourceType\":\"Patient\",\"x\":}" in both`}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, d := range fhirjson.Compare(in(row.ancestor), in(row.a), in(row.b)) {
				got = append(got, difference(d))
			}
			if diff := cmp.Diff(row.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// TestScenario23: changes inside lists are compared by identity and content, never
// by position.
func TestScenario23(t *testing.T) {
	with := func(list string) []byte { return []byte(`{"resourceType":"Patient","telecom":[` + list + `]}`) }
	const one, two = `{"system":"phone","value":"1"}`, `{"system":"phone","value":"2"}`
	const three = `{"system":"email","value":"3"}`
	home, work := `{"system":"phone","value":"1","use":"home"}`, `{"system":"phone","value":"2","use":"work"}`

	t.Run("each changes another phone", func(t *testing.T) {
		got := fhirjson.Compare(with(one+","+two), with(two+","+home), with(work+","+one))
		want := []string{
			`Patient.telecom[phone|2].use: - -> - | "work" in b`,
			`Patient.telecom[phone|1].use: - -> "home" | - in a`,
		}
		if diff := cmp.Diff(want, each(got)); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	})
	t.Run("one puts a number in front, the other takes the last away", func(t *testing.T) {
		got := fhirjson.Compare(with(one+","+two), with(three+","+one+","+two), with(one))
		want := []string{
			`Patient.telecom[email|3]: - -> {"system":"email","value":"3"} | - in a`,
			`Patient.telecom[phone|2]: {"system":"phone","value":"2"} -> {"system":"phone","value":"2"} | - in b`,
		}
		if diff := cmp.Diff(want, each(got)); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	})
	t.Run("three allergies as a list", func(t *testing.T) {
		list := func(items ...string) []byte {
			return []byte(`{"resourceType":"List","contained":[` + strings.Join(items, ",") + `]}`)
		}
		allergy := func(code, criticality string) string {
			return `{"resourceType":"AllergyIntolerance","code":{"coding":[{"system":"s","code":"` + code + `"}]},"criticality":"` + criticality + `"}`
		}
		got := fhirjson.Compare(
			list(allergy("nut", "low"), allergy("milk", "low"), allergy("egg", "low")),
			list(allergy("milk", "high"), allergy("egg", "low"), allergy("nut", "low")),
			list(allergy("nut", "high"), allergy("egg", "low")))
		want := []string{
			`List.contained[s|milk]: ` + allergy("milk", "low") + ` -> ` + allergy("milk", "high") + ` | - in both`,
			`List.contained[s|nut].criticality: "low" -> "low" | "high" in b`,
			`List.contained: order`,
		}
		shown := each(got)
		shown[len(shown)-1] = strings.SplitN(shown[len(shown)-1], ":", 2)[0] + ": order"
		if diff := cmp.Diff(want, shown); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	})
	t.Run("notes without an identity", func(t *testing.T) {
		notes := func(texts ...string) []byte {
			for i, s := range texts {
				texts[i] = `{"text":"` + s + `","time":"2026"}`
			}
			return []byte(`{"resourceType":"Condition","note":[` + strings.Join(texts, ",") + `]}`)
		}
		// One was changed, and there is no other that it could have been.
		got := fhirjson.Compare(notes("x", "y"), notes("x", "y!"), notes("x", "y"))
		if diff := cmp.Diff([]string{`Condition.note[1].text: "y" -> "y!" | "y" in a`}, each(got)); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
		// Each added one: they are two, though both stand second.
		got = fhirjson.Compare(notes("x"), notes("x", "a"), notes("x", "b"))
		want := []string{
			`Condition.note[1]: - -> {"text":"a","time":"2026"} | - in a`,
			`Condition.note[1]: - -> - | {"text":"b","time":"2026"} in b`,
		}
		if diff := cmp.Diff(want, each(got)); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	})
}

func each(list []fhirjson.Difference) []string {
	var out []string
	for _, d := range list {
		out = append(out, difference(d))
	}
	return out
}

func TestLabels(t *testing.T) {
	got := fhirjson.Compare(nil,
		[]byte(`{"resourceType":"Patient","birthDate":"1985-07-30","telecom":[{"system":"phone","value":"1","use":"home"}]}`),
		[]byte(`{"resourceType":"Patient","birthDate":"1985-07-03","telecom":[{"system":"phone","value":"1","use":"work"}]}`))
	var labels []string
	for _, d := range got {
		labels = append(labels, d.Label)
	}
	if want := []string{"Birth date", "Telecom phone|1 › Use"}; !slices.Equal(labels, want) {
		t.Errorf("got %q, want %q", labels, want)
	}
}

// resource draws a resource whose fields often collide.
func resource() *rapid.Generator[map[string]any] {
	name := rapid.SampledFrom([]string{"id", "name", "code", "system", "value", "note", "coding", "x", "é"})
	leaf := rapid.OneOf(
		rapid.Custom(func(t *rapid.T) any { return rapid.SampledFrom([]string{"a", "b", "\"\n😀"}).Draw(t, "string") }),
		rapid.Custom(func(t *rapid.T) any {
			return json.Number(rapid.SampledFrom([]string{"1", "1.0", "1.00", "-0"}).Draw(t, "number"))
		}),
		rapid.Custom(func(t *rapid.T) any { return rapid.SampledFrom([]any{true, nil}).Draw(t, "literal") }),
	)
	var value func(depth int) *rapid.Generator[any]
	value = func(depth int) *rapid.Generator[any] {
		if depth == 0 {
			return leaf
		}
		return rapid.OneOf(leaf,
			rapid.Custom(func(t *rapid.T) any { return rapid.SliceOfN(value(depth-1), 0, 4).Draw(t, "list") }),
			rapid.Custom(func(t *rapid.T) any { return rapid.MapOfN(name, value(depth-1), 0, 4).Draw(t, "object") }),
		)
	}
	return rapid.Custom(func(t *rapid.T) map[string]any {
		m := rapid.MapOfN(rapid.SampledFrom([]string{"name", "note", "code", "telecom", "x"}), value(3), 0, 4).Draw(t, "fields")
		m["resourceType"] = "Basic"
		return m
	})
}

// shuffled writes a value with its names in a drawn order and drawn white space.
func shuffled(t *rapid.T, v any) string {
	space := rapid.SampledFrom([]string{"", " ", "\n\t"}).Draw(t, "space")
	switch v := v.(type) {
	case map[string]any:
		var names, out []string
		for name := range v {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range rapid.Permutation(names).Draw(t, "names") {
			out = append(out, space+shuffled(t, name)+":"+space+shuffled(t, v[name]))
		}
		return "{" + strings.Join(out, ",") + space + "}"
	case []any:
		var out []string
		for _, item := range v {
			out = append(out, space+shuffled(t, item))
		}
		return "[" + strings.Join(out, space+",") + "]"
	}
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func TestContentProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x, y, z := resource().Draw(t, "x"), resource().Draw(t, "y"), resource().Draw(t, "z")
		a, again := []byte(shuffled(t, x)), []byte(shuffled(t, x))
		b, ancestor := []byte(shuffled(t, y)), []byte(shuffled(t, z))

		digest, err := fhirjson.Digest(a)
		if err != nil {
			t.Fatal(err)
		}
		if other, err := fhirjson.Digest(again); err != nil || other != digest {
			t.Fatalf("shuffled, the digest is another: %v\n%s\n%s", err, a, again)
		}
		if d := fhirjson.Compare(ancestor, a, again); len(d) != 0 {
			t.Fatalf("equal, but they differ in %v", each(d))
		}
		if d := fhirjson.Compare(ancestor, a, b); (len(d) == 0) != fhirjson.Equal(a, b) {
			t.Fatalf("Equal says %v, Compare %v\n%s\n%s", fhirjson.Equal(a, b), each(d), a, b)
		}
		for _, d := range fhirjson.Compare(a, a, b) {
			if d.ChangedIn != fhirjson.InB {
				t.Fatalf("a is the ancestor, but a change is in %s: %s", d.ChangedIn, difference(d))
			}
		}
		kept, err := fhirjson.Prepare(a, "x")
		if err != nil {
			t.Fatal(err)
		}
		back, err := fhirjson.Prepare(fhirjson.Stamp(kept, "v", at, fhirjson.ConflictTag), "x")
		if err != nil || string(back) != string(kept) {
			t.Fatalf("got %s (%v), want %s", back, err, kept)
		}
	})
}
