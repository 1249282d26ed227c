package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
)

// deskFlags say which running desk a command talks to.
type deskFlags struct {
	Agent string `help:"URL of the desk; by default that of the data folder." placeholder:"URL"`
	Token string `help:"Token of the desk; by default that of the data folder." env:"CARELOG_TOKEN" placeholder:"TOKEN"`
	Data  string `help:"Data folder of the desk." placeholder:"DIR" type:"path"`
	User  string `help:"Practitioner id in whose name the change is made." placeholder:"ID"`
}

// desk is a client of a running desk.
type desk struct {
	url, token, user string
	http             *http.Client
}

// which are the flags that name the same desk to another command, for a shell. The token is none to be shown.
func (f deskFlags) which() (flags string) {
	for _, flag := range []struct{ name, value string }{{"--agent", f.Agent}, {"--data", f.Data}} {
		switch {
		case flag.value == "":
		case strings.ContainsFunc(flag.value, func(r rune) bool { return strings.ContainsRune(" \t\"'$`\\&;|<>()*?[]#~!", r) }):
			flags += " " + flag.name + " '" + strings.ReplaceAll(flag.value, "'", `'\''`) + "'"
		default:
			flags += " " + flag.name + " " + flag.value
		}
	}
	return flags
}

// connect finds the desk.
func (f deskFlags) connect() (*desk, error) {
	d := &desk{url: strings.TrimSuffix(f.Agent, "/"), token: f.Token, user: f.User, http: httpClient()}
	if f.Data == "" && (d.url == "" || d.token == "") {
		return nil, usage(errors.New("which desk? give --data DIR, or --agent URL and the variable CARELOG_TOKEN"))
	}
	if d.url != "" {
		if err := checkWeb(d.url); err != nil {
			return nil, usage(fmt.Errorf("--agent %s: %w: want http://127.0.0.1:port", f.Agent, err))
		}
	}
	for _, own := range []struct {
		value *string
		file  string
	}{{&d.url, addressFile}, {&d.token, tokenFile}} {
		if *own.value != "" {
			continue
		}
		text, err := os.ReadFile(filepath.Join(f.Data, own.file))
		if err != nil {
			return nil, codedError{exitUnreachable, fmt.Errorf("%s is not the data folder of a desk that ever ran: %w", f.Data, err)}
		}
		*own.value = strings.TrimSpace(string(text))
	}
	return d, nil
}

// answerError is an answer of the desk that is no success.
type answerError struct {
	status int
	text   string
}

func (e *answerError) Error() string { return e.text }

// get asks the desk and reads its JSON answer into value.
func (d *desk) get(ctx context.Context, path string, value any) error {
	return d.do(ctx, http.MethodGet, path, nil, value)
}

// post tells the desk, with a body unless that is nil, and reads its JSON answer into
// value unless that is nil.
func (d *desk) post(ctx context.Context, path string, body, value any) error {
	if body == nil {
		return d.do(ctx, http.MethodPost, path, nil, value)
	}
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	return d.do(ctx, http.MethodPost, path, bytes.NewReader(text), value)
}

func (d *desk) do(ctx context.Context, method, path string, body io.Reader, value any) error {
	answer, err := d.send(ctx, method, path, "application/json", body)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if value == nil {
		_, err := io.Copy(io.Discard, answer.Body)
		return err
	}
	if err := json.NewDecoder(answer.Body).Decode(value); err != nil {
		return fmt.Errorf("read the desk's answer: %w", err)
	}
	return nil
}

// print writes what the desk answers, as it stands.
func (d *desk) print(ctx context.Context, to io.Writer, path, contentType string) error {
	answer, err := d.send(ctx, http.MethodGet, path, contentType, nil)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	_, err = io.Copy(to, answer.Body)
	return err
}

// send makes a request; an answer that is no success is an error.
func (d *desk) send(ctx context.Context, method, path, contentType string, body io.Reader) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, method, d.url+path, body)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", contentType)
	return d.roundTrip(ctx, r)
}

// roundTrip sends a request that is whole but for who sends it.
func (d *desk) roundTrip(ctx context.Context, r *http.Request) (*http.Response, error) {
	r.Header.Set("Authorization", "Bearer "+d.token)
	if d.user != "" {
		r.Header.Set("Carelog-User", d.user)
	}
	answer, err := d.http.Do(r)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, codedError{exitUnreachable, fmt.Errorf("the desk at %s does not answer: is it running? (%w)", d.url, err)}
	}
	if answer.StatusCode < 300 {
		return answer, nil
	}
	defer answer.Body.Close()
	return nil, refusalOf(answer)
}

// refusalOf turns an answer of the desk into an error with an exit code.
func refusalOf(answer *http.Response) error {
	text, _ := io.ReadAll(io.LimitReader(answer.Body, 64<<10))
	var said struct {
		Error struct{ Text string }
		Issue []struct{ Diagnostics string } // of an OperationOutcome
	}
	e := &answerError{status: answer.StatusCode, text: strings.TrimSpace(string(text))}
	if json.Unmarshal(text, &said) == nil {
		if said.Error.Text != "" {
			e.text = said.Error.Text
		} else if len(said.Issue) > 0 {
			e.text = said.Issue[0].Diagnostics
		}
	}
	switch answer.StatusCode {
	case http.StatusPreconditionFailed, http.StatusConflict:
		return codedError{exitConflict, e}
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusServiceUnavailable:
		return codedError{exitUnreachable, e}
	}
	return e
}

// printJSON writes one value on one line.
func printJSON(w io.Writer, value any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(value)
}
