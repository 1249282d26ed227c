package fhirjson_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections/fhirjson"
	"github.com/carelog/carelog/projections/fhirjson/structure"
)

func nested(depth int) string {
	return `{"resourceType":"Basic","x":` + strings.Repeat("[", depth-1) + strings.Repeat("]", depth-1) + `}`
}

func manyNames(last string) string {
	var b strings.Builder
	b.WriteString(`{"resourceType":"Basic"`)
	for c := 'a'; c <= 'z'; c++ {
		b.WriteString(`,"` + string(c) + `":1`)
	}
	return b.String() + `,"` + last + `":1}`
}

func TestCheckAccepts(t *testing.T) {
	for _, body := range []string{
		`{"resourceType":"Basic"}`,
		" \t\r\n{ \"resourceType\" : \"Basic\" , \"id\" : \"a\" } \n",
		`{"resourceType":"Basic","a":[1,-0,0.10,1e5,1.5E-3,null,true,false,{},[]]}`,
		`{"resourceType":"Basic","a":"\ud83d\ude00 \u00e9 \/ \\ \" \b\f\n\r\t","b":"😀"}`,
		`{"resourceType":"Basic","a":{"x":1},"b":{"x":1}}`, // the same name in two objects
		`{"resourceType":"Basic","meta":{"tag":[{"system":"s","code":"c"}]}}`,
		nested(fhirjson.MaxDepth),
		manyNames("zz"),
	} {
		if _, err := fhirjson.Check([]byte(body)); err != nil {
			t.Errorf("%s: %v", body, err)
		}
	}
	head, err := fhirjson.Check([]byte(`{"\u0069d":"p-\u0031","resourceType":"Patient"}`))
	if want := (fhirjson.Head{ResourceType: "Patient", ID: "p-1"}); err != nil || head != want {
		t.Errorf("got %v, %v, want %v", head, err, want)
	}
}

func TestCheckRefuses(t *testing.T) {
	for name, row := range map[string]struct {
		body, path, reason string
		line               int
	}{
		"nothing":            {"", "", "one JSON object", 1},
		"an array":           {"[]", "", "one JSON object", 1},
		"byte order mark":    {"\xEF\xBB\xBF{}", "", "byte order mark", 1},
		"trailing data":      {"{\"resourceType\":\"Basic\"}\n{}", "", "follows", 2},
		"trailing comma":     {`{"resourceType":"Basic",}`, "Basic", "name in quotes", 1},
		"cut short":          {`{"resourceType":"Basic","a":`, "Basic.a", "too early", 1},
		"cut in a string":    {`{"resourceType":"Basic","a":"x`, "Basic.a", "does not end", 1},
		"cut in an escape":   {`{"resourceType":"Basic","a":"\`, "Basic.a", "escape", 1},
		"invalid UTF-8":      {"{\"resourceType\":\"Patient\",\"name\":[{\n\"family\":\"a\xff\"}]}", "Patient.name[0].family", "UTF-8", 2},
		"overlong UTF-8":     {"{\"resourceType\":\"Basic\",\"a\":\"\xc0\x80\"}", "Basic.a", "UTF-8", 1},
		"surrogate in UTF-8": {"{\"resourceType\":\"Basic\",\"a\":\"\xed\xa0\x80\"}", "Basic.a", "UTF-8", 1},
		"high surrogate":     {`{"resourceType":"Basic","a":"\ud83d"}`, "Basic.a", "surrogate", 1},
		"two high":           {`{"resourceType":"Basic","a":"\ud83d\ud83d"}`, "Basic.a", "surrogate", 1},
		"low surrogate":      {`{"resourceType":"Basic","a":"\ude00"}`, "Basic.a", "surrogate", 1},
		"control character":  {"{\"resourceType\":\"Basic\",\"a\":\"\x01\"}", "Basic.a", "control", 1},
		"duplicate name":     {`{"resourceType":"AllergyIntolerance","code":{"text":"nuts","text":"none"}}`, "AllergyIntolerance.code.text", "twice", 1},
		"escaped duplicate":  {`{"resourceType":"Basic","id":"a","\u0069d":"b"}`, "Basic.id", "twice", 1},
		"duplicate of many":  {manyNames("q"), "Basic.q", "twice", 1},
		"escaped, of many":   {manyNames(`\u0071`), "Basic.q", "twice", 1},
		"too deep":           {nested(fhirjson.MaxDepth + 1), "Basic.x" + strings.Repeat("[0]", fhirjson.MaxDepth-1), "deep", 1},
		"leading zero":       {`{"resourceType":"Basic","a":01}`, "Basic.a", "number", 1},
		"bare point":         {`{"resourceType":"Basic","a":1.}`, "Basic.a", "point", 1},
		"bare exponent":      {`{"resourceType":"Basic","a":1e}`, "Basic.a", "exponent", 1},
		"plus":               {`{"resourceType":"Basic","a":+1}`, "Basic.a", "JSON value", 1},
		"NaN":                {`{"resourceType":"Basic","a":NaN}`, "Basic.a", "JSON value", 1},
		"comment":            {`{"resourceType":"Basic"/**/}`, "Basic", "want ','", 1},
		"no type":            {`{"id":"a"}`, "resourceType", "missing", 1},
		"type no string":     {`{"resourceType":1}`, "resourceType", "resource type", 1},
		"type no name":       {`{"resourceType":"../x"}`, "resourceType", "resource type", 1},
		"id no string":       {`{"resourceType":"Basic","id":1}`, "id", "string", 1},
		"meta no object":     {`{"resourceType":"Basic","meta":[]}`, "meta", "object", 1},
		"tag no array":       {`{"resourceType":"Basic","meta":{"tag":{}}}`, "meta.tag", "array", 1},
		"too many values":    {`{"resourceType":"Basic","a":[` + strings.Repeat("1,", fhirjson.MaxValues) + `1]}`, "Basic.a", "values", 1},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := fhirjson.Check([]byte(row.body))
			var e *fhirjson.Error
			if !errors.As(err, &e) {
				t.Fatalf("got %v, want an *Error", err)
			}
			if i := strings.LastIndexByte(e.Path, '['); name == "too many values" && i > 0 {
				e.Path = e.Path[:i] // which one it was does not matter
			}
			if e.Path != row.path || !strings.Contains(e.Reason, row.reason) || e.Line != row.line {
				t.Errorf("got path %q, line %d, %q; want path %q, line %d, …%s…", e.Path, e.Line, e.Reason, row.path, row.line, row.reason)
			}
			if _, err := fhirjson.Prepare([]byte(row.body), "x"); err == nil {
				t.Error("Prepare accepts it")
			}
			if got := fhirjson.Stamp([]byte(row.body), "v", events.ID{}.Time()); string(got) != row.body {
				t.Error("Stamp changes it")
			}
		})
	}
	_, err := fhirjson.Check(make([]byte, events.MaxPlain+1))
	if e := (*fhirjson.Error)(nil); !errors.As(err, &e) || !e.TooLarge {
		t.Errorf("got %v, want too large", err)
	}
}

// FuzzCheck: whatever the input, nothing panics, and the readers agree on it.
func FuzzCheck(f *testing.F) {
	for _, seed := range []string{
		patient, `{"resourceType":"Basic","meta":{"tag":[]}}`, `{"resourceType":"Basic","a":"\ud83d\ude00"}`, "{", `{"a":1,"\u0061":2}`, "[[[[",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		_, err := fhirjson.Check(body)
		_, digestErr := fhirjson.Digest(body)
		_, indexErr := fhirjson.IndexOf(body)
		_, _ = fhirjson.PatientOf(body, structure.IsType)
		_, _ = fhirjson.DeviceOf(body)
		fhirjson.Compare(body, body, nil)
		if err == nil && (digestErr != nil || indexErr != nil) {
			t.Errorf("checked, but %v, %v", digestErr, indexErr)
		}
		if kept, prepareErr := fhirjson.Prepare(body, "x"); (prepareErr == nil) != (err == nil) {
			t.Errorf("Check says %v, Prepare %v", err, prepareErr)
		} else if err == nil {
			if head, err := fhirjson.Check(kept); err != nil || head.ID != "x" {
				t.Errorf("Prepare made %q: %v", kept, err)
			}
		}
	})
}
