package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/carelog/carelog/agent/hub/hubsim"
)

// hubCommand runs a hub to try things with.
type hubCommand struct {
	Listen  string        `help:"Address to listen on." default:"127.0.0.1:7900"`
	Mode    string        `help:"How it answers: well, or one of its failures; POST /switch changes it." enum:"well,360,365,500,fault,timeout,timeout-but-stored,complete-with-errors" default:"well"`
	Latency time.Duration `help:"How long it takes for each answer."`
	Data    string        `help:"File in which it keeps what it holds; without it, all is forgotten at its end." placeholder:"FILE" type:"path"`
	Schemas string        `help:"Folder with hubservices_protocol-3_5.xsd, to hold requests against with xmllint." placeholder:"DIR" type:"existingdir"`
	JSON    bool          `help:"Print one line of JSON when it is ready." name:"json"`
}

// Run runs the simulator until it is interrupted. It trusts everybody, so it is reached from
// this PC only unless --listen says otherwise.
func (c *hubCommand) Run(env *environment) error {
	schema, err := c.schema()
	if err != nil {
		return usage(err)
	}
	h := hubsim.New(hubsim.Config{Schema: schema})
	if c.Data != "" {
		if h, err = hubsim.Open(hubsim.Config{Schema: schema}, c.Data); err != nil {
			return err
		}
	}
	if err := h.Set(hubsim.Switch{Mode: hubsim.Mode(c.Mode), Latency: c.Latency}); err != nil {
		return usage(err)
	}
	line, err := listen("hub", c.Listen)
	if err != nil {
		return err
	}
	url := "http://" + line.Addr().String() + "/"
	// What is held up on purpose ends with the server and not before.
	held, release := context.WithCancel(context.Background())
	defer release()
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, BaseContext: func(net.Listener) context.Context { return held }}
	done := make(chan error, 1)
	go func() { done <- server.Serve(line) }()
	if c.JSON {
		err = printJSON(env.stdout, map[string]any{"url": url, "pid": os.Getpid()})
	} else {
		_, err = fmt.Fprintf(env.stdout, "a hub to try things with, which trusts everybody, is at %s\n", url)
	}
	if err == nil {
		select {
		case err = <-done:
			return fmt.Errorf("serve the hub: %w", err)
		case <-env.ctx.Done():
		}
	}
	release()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	err = errors.Join(err, server.Shutdown(ctx))
	<-done
	return err
}

// schema is what requests are held against; nil where no folder is given.
func (c *hubCommand) schema() (func([]byte) error, error) {
	if c.Schemas == "" {
		return nil, nil
	}
	file := filepath.Join(c.Schemas, "hubservices_protocol-3_5.xsd")
	if _, err := os.Stat(file); err != nil {
		return nil, fmt.Errorf("--schemas: %w", err)
	}
	xmllint, err := exec.LookPath("xmllint")
	if err != nil {
		return nil, fmt.Errorf("--schemas needs xmllint, of libxml2-utils: %w", err)
	}
	return func(payload []byte) error {
		cmd := exec.Command(xmllint, "--noout", "--nonet", "--schema", file, "-")
		cmd.Stdin = bytes.NewReader(payload)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("the request does not follow the schema: %w: %.2000s", err, out)
		}
		return nil
	}, nil
}
