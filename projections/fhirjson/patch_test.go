package fhirjson_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/carelog/carelog/projections/fhirjson"
)

// What a patch makes of a resource, to the byte. Some are the examples of RFC 6902.
func TestPatch(t *testing.T) {
	for _, tt := range []struct{ name, body, patch, want string }{
		{"add a member", `{"foo":"bar"}`, `[{"op":"add","path":"/baz","value":"qux"}]`, `{"foo":"bar","baz":"qux"}`},
		{"add to nothing", `{ }`, `[{"op":"add","path":"/a","value":1}]`, `{"a":1 }`},
		{"add an item", `{"foo":["bar", "baz"]}`, `[{"op":"add","path":"/foo/1","value":"qux"}]`, `{"foo":["bar", "qux","baz"]}`},
		{"add at the end", `{"foo":["bar" ]}`, `[{"op":"add","path":"/foo/-","value":["abc","def"]}]`, `{"foo":["bar",["abc","def"] ]}`},
		{"add at the number of the end", `{"foo":[1]}`, `[{"op":"add","path":"/foo/1","value":2}]`, `{"foo":[1,2]}`},
		{"add to an empty list", `{"foo":[]}`, `[{"op":"add","path":"/foo/0","value":2}]`, `{"foo":[2]}`},
		{"add what is there", `{"a":1.0,"b":2}`, `[{"op":"add","path":"/a","value":1.00}]`, `{"a":1.00,"b":2}`},
		{"add the whole", ` {"a":1}`, `[{"op":"add","path":"","value":{"b": 2}}]`, ` {"b": 2}`},
		{"remove a member", `{"baz":"qux", "foo":"bar"}`, `[{"op":"remove","path":"/baz"}]`, `{ "foo":"bar"}`},
		{"remove the last", `{"baz":"qux", "foo":"bar" }`, `[{"op":"remove","path":"/foo"}]`, `{"baz":"qux" }`},
		{"remove the only", `{"a":{ "b" : 1 }}`, `[{"op":"remove","path":"/a/b"}]`, `{"a":{}}`},
		{"remove an item", `{"foo":["bar","qux","baz"]}`, `[{"op":"remove","path":"/foo/1"}]`, `{"foo":["bar","baz"]}`},
		{"replace", `{"baz": "qux","foo":"bar"}`, `[{"op":"replace","path":"/baz","value":{"x" : 1e2}}]`, `{"baz": {"x" : 1e2},"foo":"bar"}`},
		{"move a member", `{"foo":{"bar":"baz","waldo":"fred"},"qux":{"corge":"grault"}}`, `[{"op":"move","from":"/foo/waldo","path":"/qux/thud"}]`, `{"foo":{"bar":"baz"},"qux":{"corge":"grault","thud":"fred"}}`},
		{"move an item", `{"foo":["all","grass","cows","eat"]}`, `[{"op":"move","from":"/foo/1","path":"/foo/3"}]`, `{"foo":["all","cows","eat","grass"]}`},
		{"move to itself", `{"foo": [1.50]}`, `[{"op":"move","from":"/foo/0","path":"/foo/0"}]`, `{"foo": [1.50]}`},
		{"copy keeps digits", `{"a": 9007199254740993.10}`, `[{"op":"copy","from":"/a","path":"/b"}]`, `{"a": 9007199254740993.10,"b":9007199254740993.10}`},
		{"test", `{"baz":"qux","foo":["a",2,"c"]}`, `[{"op":"test","path":"/baz","value":"qu\u0078"},{"op":"test","path":"/foo/1","value":2}]`, `{"baz":"qux","foo":["a",2,"c"]}`},
		{"test of an object", `{"a":{"x":1,"y":[2]}}`, `[{"op":"test","path":"/a","value":{"y":[2],"x":1}}]`, `{"a":{"x":1,"y":[2]}}`},
		{"test null", `{"a":null}`, `[{"op":"test","path":"/a","value":null}]`, `{"a":null}`},
		{"unknown members of an operation", `{}`, `[{"op":"add","path":"/a","value":1,"xyz":123}]`, `{"a":1}`},
		{"names with / and ~", `{"/":9,"~1":10}`, `[{"op":"test","path":"/~01","value":10},{"op":"replace","path":"/~1","value":8}]`, `{"/":8,"~1":10}`},
		{"a name that must be quoted", `{}`, `[{"op":"add","path":"/a\"b","value":1}]`, `{"a\"b":1}`},
		{"an empty name", `{"":1}`, `[{"op":"replace","path":"/","value":2}]`, `{"":2}`},
		{"nothing", `{ "a" : 1 }`, `[]`, `{ "a" : 1 }`},
		{"one after the other", `{}`, `[{"op":"add","path":"/a","value":[]},{"op":"add","path":"/a/-","value":1},{"op":"copy","from":"/a","path":"/b"},{"op":"remove","path":"/a"}]`, `{"b":[1]}`},
	} {
		got, err := fhirjson.Patch([]byte(tt.body), []byte(tt.patch))
		if err != nil || string(got) != tt.want {
			t.Errorf("%s: got %s, %v; want %s", tt.name, got, err, tt.want)
		}
	}
}

func TestPatchIsRefused(t *testing.T) {
	for _, tt := range []struct {
		name, patch string
		malformed   bool
		operation   int
		says        string
	}{
		{"a test fails", `[{"op":"add","path":"/b","value":1},{"op":"test","path":"/a","value":"y"}]`, false, 1, "the test fails: another value stands there"},
		{"digits differ", `[{"op":"test","path":"/n","value":1.0}]`, false, 0, "another value"},
		{"a test of nothing", `[{"op":"test","path":"/z","value":null}]`, false, 0, `no "z"`},
		{"nothing to remove", `[{"op":"remove","path":"/z"}]`, false, 0, `no "z"`},
		{"nothing to replace", `[{"op":"replace","path":"/z","value":1}]`, false, 0, `no "z"`},
		{"nothing to move", `[{"op":"move","from":"/z","path":"/y"}]`, false, 0, "/z"},
		{"nothing to add to", `[{"op":"add","path":"/z/y","value":1}]`, false, 0, `no "z"`},
		{"into a string", `[{"op":"add","path":"/a/y","value":1}]`, false, 0, "no parts"},
		{"through a string", `[{"op":"add","path":"/a/y/z","value":1}]`, false, 0, "no parts"},
		{"behind the end of a list", `[{"op":"add","path":"/l/3","value":1}]`, false, 0, "not so long"},
		{"no item", `[{"op":"remove","path":"/l/2"}]`, false, 0, "no item"},
		{"no number", `[{"op":"remove","path":"/l/x"}]`, false, 0, "no number"},
		{"a leading zero", `[{"op":"remove","path":"/l/01"}]`, false, 0, "no number"},
		{"a sign", `[{"op":"remove","path":"/l/+1"}]`, false, 0, "no number"},
		{"the place behind a list", `[{"op":"remove","path":"/l/-"}]`, false, 0, "no number"},
		{"into itself", `[{"op":"move","from":"/o","path":"/o/x"}]`, false, 0, "into itself"},
		{"the whole away", `[{"op":"remove","path":""}]`, false, 0, "delete it"},
		{"no list", `{"op":"remove","path":"/a"}`, true, -1, "one array"},
		{"no JSON", `[{]`, true, -1, "want"},
		{"a name twice", `[{"op":"remove","op":"add","path":"/a"}]`, true, -1, "twice"},
		{"an item that is none", `[1]`, true, 0, "none of"},
		{"an unknown operation", `[{"op":"set","path":"/a","value":1}]`, true, 0, "none of"},
		{"no operation", `[{"path":"/a","value":1}]`, true, 0, "none of"},
		{"no path", `[{"op":"remove"}]`, true, 0, `"path" is missing`},
		{"no from", `[{"op":"copy","path":"/a"}]`, true, 0, `"from" is missing`},
		{"no value", `[{"op":"add","path":"/a"}]`, true, 0, "no value"},
		{"a pointer without a slash", `[{"op":"remove","path":"a"}]`, true, 0, "begins with /"},
		{"half an escape", `[{"op":"remove","path":"/a~"}]`, true, 0, "~0"},
		{"too many", "[" + strings.Repeat(`{"op":"remove","path":"/a"},`, fhirjson.MaxOperations) + `{"op":"remove","path":"/a"}]`, true, -1, "too many"},
	} {
		got, err := fhirjson.Patch([]byte(`{"a":"x","n":1.00,"l":[1,2],"o":{}}`), []byte(tt.patch))
		var refused *fhirjson.PatchError
		if !errors.As(err, &refused) || refused.Malformed != tt.malformed || refused.Operation != tt.operation || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: got %s, %v; want malformed %v at %d with %q", tt.name, got, err, tt.malformed, tt.operation, tt.says)
		}
	}
}

// A resource may not grow beyond its bounds by copying it into itself.
func TestPatchIsBounded(t *testing.T) {
	body := fmt.Appendf(nil, `{"a":%q}`, strings.Repeat("x", 5<<20))
	_, err := fhirjson.Patch(body, []byte(`[{"op":"copy","from":"/a","path":"/b"},{"op":"copy","from":"/a","path":"/c"}]`))
	var large *fhirjson.Error
	if !errors.As(err, &large) || !large.TooLarge {
		t.Errorf("got %v, want that it is too large", err)
	}
}

// model applies an operation to decoded JSON, by the words of RFC 6902.
type model struct{ root any }

func (m *model) apply(op map[string]any) bool {
	path, _ := op["path"].(string)
	from, _ := op["from"].(string)
	switch op["op"] {
	case "add":
		return m.add(path, op["value"])
	case "remove":
		_, ok := m.remove(path)
		return ok
	case "replace":
		if _, ok := m.get(path); !ok {
			return false
		}
		if path == "" {
			m.root = op["value"]
			return true
		}
		m.remove(path)
		return m.add(path, op["value"])
	case "copy":
		v, ok := m.get(from)
		return ok && m.add(path, copyOf(v))
	case "move":
		if v, ok := m.get(from); !ok || from == path {
			return ok
		} else if strings.HasPrefix(path, from+"/") {
			return false
		} else if _, ok := m.remove(from); !ok {
			return false
		} else {
			return m.add(path, v)
		}
	default:
		v, ok := m.get(path)
		return ok && reflect.DeepEqual(v, op["value"])
	}
}

func copyOf(v any) any {
	switch v := v.(type) {
	case map[string]any:
		c := map[string]any{}
		for k, x := range v {
			c[k] = copyOf(x)
		}
		return c
	case *[]any:
		c := make([]any, len(*v))
		for i, x := range *v {
			c[i] = copyOf(x)
		}
		return &c
	}
	return v
}

func (m *model) get(pointer string) (any, bool) {
	at := m.root
	for _, step := range strings.Split(pointer, "/")[1:] {
		switch v := at.(type) {
		case map[string]any:
			var ok bool
			if at, ok = v[step]; !ok {
				return nil, false
			}
		case *[]any:
			n := slices.Index([]string{"0", "1", "2", "3", "4", "5", "6", "7"}, step)
			if n < 0 || n >= len(*v) {
				return nil, false
			}
			at = (*v)[n]
		default:
			return nil, false
		}
	}
	return at, true
}

func (m *model) parent(pointer string) (any, string, bool) {
	cut := strings.LastIndexByte(pointer, '/')
	if cut < 0 {
		return nil, "", false
	}
	v, ok := m.get(pointer[:cut])
	return v, pointer[cut+1:], ok
}

func (m *model) add(pointer string, value any) bool {
	if pointer == "" {
		m.root = value
		return true
	}
	parent, last, ok := m.parent(pointer)
	if !ok {
		return false
	}
	switch v := parent.(type) {
	case map[string]any:
		v[last] = value
		return true
	case *[]any:
		n := slices.Index([]string{"0", "1", "2", "3", "4", "5", "6", "7"}, last)
		if last == "-" {
			n = len(*v)
		}
		if n < 0 || n > len(*v) {
			return false
		}
		*v = slices.Insert(*v, n, value)
		return true
	}
	return false
}

func (m *model) remove(pointer string) (any, bool) {
	old, ok := m.get(pointer)
	parent, last, found := m.parent(pointer)
	if !ok || !found {
		return nil, false
	}
	switch v := parent.(type) {
	case map[string]any:
		delete(v, last)
	case *[]any:
		n := slices.Index([]string{"0", "1", "2", "3", "4", "5", "6", "7"}, last)
		*v = slices.Delete(*v, n, n+1)
	}
	return old, true
}

// plain makes the model's lists, which are pointers, into JSON's.
func plain(v any) any {
	switch v := v.(type) {
	case map[string]any:
		c := map[string]any{}
		for k, x := range v {
			c[k] = plain(x)
		}
		return c
	case *[]any:
		c := make([]any, len(*v))
		for i, x := range *v {
			c[i] = plain(x)
		}
		return c
	}
	return v
}

// spaced writes JSON with white space by chance, which encoding/json would not.
func spaced(t *rapid.T, v any) string {
	gap := func() string { return rapid.SampledFrom([]string{"", "", "", " ", "\n  "}).Draw(t, "gap") }
	switch v := v.(type) {
	case map[string]any:
		var parts []string
		for _, name := range slices.Sorted(func(yield func(string) bool) {
			for k := range v {
				if !yield(k) {
					return
				}
			}
		}) {
			parts = append(parts, fmt.Sprintf("%s%q%s:%s%s%s", gap(), name, gap(), gap(), spaced(t, v[name]), gap()))
		}
		return "{" + strings.Join(parts, ",") + "}"
	case *[]any:
		var parts []string
		for _, x := range *v {
			parts = append(parts, gap()+spaced(t, x)+gap())
		}
		return "[" + strings.Join(parts, ",") + gap() + "]"
	case json.Number:
		return v.String()
	}
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func values(depth int) *rapid.Generator[any] {
	return rapid.Custom(func(t *rapid.T) any {
		most := 5
		if depth == 0 {
			most = 3
		}
		switch rapid.IntRange(0, most).Draw(t, "kind") {
		case 0:
			return json.Number(rapid.SampledFrom([]string{"1", "1.0", "1.00", "-0", "9007199254740993", "1e3"}).Draw(t, "number"))
		case 1:
			return rapid.SampledFrom([]string{"", "x", "\"/~", "é"}).Draw(t, "text")
		case 2:
			return true
		case 3:
			return nil
		case 4:
			list := rapid.SliceOfN(values(depth-1), 0, 3).Draw(t, "list")
			return &list
		}
		return rapid.MapOfN(rapid.SampledFrom([]string{"a", "b", "c"}), values(depth-1), 0, 3).Draw(t, "object")
	})
}

// A patch gives what the RFC's words give on decoded JSON, or nothing where those do.
func TestPatchIsTheRFC(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		start := rapid.MapOfN(rapid.SampledFrom([]string{"a", "b", "c"}), values(2), 0, 3).Draw(t, "start")
		m := &model{root: copyOf(start)}
		pointer := func(name string) string {
			steps := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c", "0", "1", "-"}), 1, 3).Draw(t, name)
			return "/" + strings.Join(steps, "/")
		}
		var patch []string
		good := true
		for range rapid.IntRange(1, 4).Draw(t, "operations") {
			op := map[string]any{"op": rapid.SampledFrom([]string{"add", "add", "remove", "replace", "move", "copy", "test"}).Draw(t, "op"), "path": pointer("path")}
			switch op["op"] {
			case "move", "copy":
				op["from"] = pointer("from")
			case "add", "replace", "test":
				op["value"] = values(1).Draw(t, "value")
			}
			patch = append(patch, spaced(t, op))
			good = good && m.apply(func() map[string]any { c := copyOf(op).(map[string]any); return c }())
		}
		body, text := spaced(t, start), "["+strings.Join(patch, ",")+"]"
		got, err := fhirjson.Patch([]byte(body), []byte(text))
		if (err == nil) != good {
			t.Fatalf("%s with %s: got %s, %v; want success %v", body, text, got, err, good)
		}
		if err != nil {
			return
		}
		d := json.NewDecoder(bytes.NewReader(got))
		d.UseNumber()
		var read any
		if err := d.Decode(&read); err != nil || !reflect.DeepEqual(read, plain(m.root)) {
			t.Fatalf("%s with %s: got %s, %v; want %v", body, text, got, err, plain(m.root))
		}
	})
}

// What is not touched keeps its bytes: adding and taking away again changes nothing, and
// every other member stands as it stood.
func TestPatchKeepsBytes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		body := spaced(t, rapid.MapOfN(rapid.SampledFrom([]string{"a", "b", "c"}), values(2), 1, 3).Draw(t, "body"))
		got, err := fhirjson.Patch([]byte(body), []byte(`[{"op":"add","path":"/new","value":[1.00]},{"op":"remove","path":"/new"}]`))
		if err != nil || string(got) != body {
			t.Fatalf("%s became %s, %v", body, got, err)
		}
		grown, err := fhirjson.Patch([]byte(body), []byte(`[{"op":"add","path":"/new","value":[ 1.00 ]}]`))
		end := strings.TrimRight(strings.TrimSuffix(body, "}"), " \n")
		if err != nil || string(grown) != end+`,"new":[ 1.00 ]`+body[len(end):] {
			t.Fatalf("%s became %s, %v", body, grown, err)
		}
	})
}

// No patch and no resource does more than to be refused.
func FuzzPatch(f *testing.F) {
	f.Add([]byte(`{"resourceType":"Patient","name":[{"family":"x"}]}`), []byte(`[{"op":"add","path":"/name/0/given","value":["y"]},{"op":"move","from":"/name","path":"/x~1y"}]`))
	f.Add([]byte(`{"a":[1.0,{}]}`), []byte(`[{"op":"test","path":"/a/0","value":1.0},{"op":"remove","path":"/a/1"},{"op":"copy","from":"","path":"/a/-"}]`))
	f.Fuzz(func(t *testing.T, body, patch []byte) {
		got, err := fhirjson.Patch(body, patch)
		if err != nil {
			var refused *fhirjson.PatchError
			var fault *fhirjson.Error
			if !errors.As(err, &refused) && !errors.As(err, &fault) {
				t.Fatalf("an error of another kind: %v", err)
			}
			return
		}
		if json.Valid(body) && !json.Valid(got) {
			t.Fatalf("%q with %q gave %q", body, patch, got)
		}
	})
}
