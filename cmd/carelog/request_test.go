package main_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// doors is how the tests speak to desks: it follows no redirect, and keeps no
// connection that would outlive a desk.
var doors = &http.Client{
	Timeout:       time.Minute,
	Transport:     &http.Transport{DisableKeepAlives: true, ExpectContinueTimeout: 5 * time.Second},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

const requestUsage = "http [-header 'NAME: VALUE'] METHOD NAME/PATH|URL STATUS [FILE]"

func request(ts *testscript.TestScript, neg bool, args []string) {
	header := http.Header{}
	for len(args) > 1 && args[0] == "-header" {
		name, value, ok := strings.Cut(args[1], ":")
		if !ok {
			ts.Fatalf("usage: %s", requestUsage)
		}
		header.Set(name, strings.TrimSpace(value))
		args = args[2:]
	}
	want(ts, neg, args, 3, requestUsage)
	status, err := strconv.Atoi(args[2])
	ts.Check(err)
	var body io.Reader
	if len(args) > 3 {
		body = strings.NewReader(ts.ReadFile(args[3]))
	}
	r, err := http.NewRequest(args[0], args[1], body)
	ts.Check(err)
	if name, path, _ := strings.Cut(args[1], "/"); name != "http:" {
		r.URL, err = url.Parse(ts.Getenv(name+"_url") + "/" + path)
		ts.Check(err)
		r.Header.Set("Authorization", "Bearer "+ts.Getenv(name+"_token"))
	}
	r.Header.Set("Content-Type", "application/fhir+json")
	r.Header.Set("Expect", "100-continue") // a body that is refused unread is not sent
	for name := range header {
		if r.Header.Set(name, header.Get(name)); header.Get(name) == "" {
			r.Header.Del(name)
		}
	}
	r.Host = header.Get("Host")
	answer, err := doors.Do(r)
	ts.Check(err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	ts.Check(err)
	ts.Stdout().Write(text)
	ts.Check(answer.Header.Write(ts.Stderr()))
	if answer.StatusCode != status {
		ts.Fatalf("%s %s answers %s, want %d\n%s", args[0], args[1], answer.Status, status, text)
	}
}

func jsonWord(ts *testscript.TestScript, neg bool, args []string) {
	const usage = "json PATH VARIABLE [FILE], json PATH == VALUE [FILE]"
	want(ts, neg, args, 2, usage)
	path, variable, file := args[0], args[1], args[2:]
	var wanted *string
	if variable == "==" {
		want(ts, neg, args, 3, usage)
		wanted, file = &args[2], args[3:]
	}
	text := ""
	if len(file) > 0 {
		text = ts.ReadFile(file[0])
	} else {
		text = ts.ReadFile("stdout")
	}
	got, err := jsonAt([]byte(text), path)
	if err != nil {
		ts.Fatalf("%v\n%s", err, text)
	}
	switch {
	case wanted == nil:
		ts.Setenv(variable, got)
	case got != *wanted:
		ts.Fatalf("%s is %s, want %s\n%s", path, got, *wanted, text)
	}
}

// jsonAt returns the value at a path like "heads.0.event": a text as it is, anything
// else in its JSON form. The length of a list is at "heads.length".
func jsonAt(text []byte, path string) (string, error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return "", fmt.Errorf("this is no JSON: %w", err)
	}
	for step := range strings.SplitSeq(path, ".") {
		switch v := value.(type) {
		case map[string]any:
			inner, ok := v[step]
			if !ok {
				return "", fmt.Errorf("%s: there is no %s", path, step)
			}
			value = inner
		case []any:
			if step == "length" {
				return strconv.Itoa(len(v)), nil
			}
			n, err := strconv.Atoi(step)
			if err != nil || n < 0 || n >= len(v) {
				return "", fmt.Errorf("%s: there is no %s in a list of %d", path, step, len(v))
			}
			value = v[n]
		default:
			return "", fmt.Errorf("%s: there is nothing within %v", path, v)
		}
	}
	switch v := value.(type) {
	case string:
		return v, nil
	case json.Number:
		return v.String(), nil
	case nil:
		return "null", nil
	}
	out, err := json.Marshal(value)
	return string(out), errors.Join(err)
}
