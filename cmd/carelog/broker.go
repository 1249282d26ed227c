package main

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/carelog/carelog/broker"
)

// brokerCommand runs the broker.
type brokerCommand struct {
	Data     string `help:"Folder of the broker." required:"" placeholder:"DIR" type:"path"`
	Host     string `help:"Address to listen on." default:"127.0.0.1"`
	Port     int    `help:"Port to listen on; -1 for any free one." default:"4222"`
	Monitor  int    `help:"Port of the broker's own monitoring, on the same address; 0 for none." default:"0"`
	Replicas int    `help:"Copies of each log, in a cluster." default:"1" hidden:""`
	JSON     bool   `help:"Print one line of JSON when the broker is ready." name:"json"`
}

// Run runs the broker until it is told to stop.
func (c *brokerCommand) Run(env *environment) error {
	server, err := broker.Start(env.ctx, broker.ServerConfig{
		Data: c.Data, Host: c.Host, Port: c.Port, MonitorPort: c.Monitor, Logger: env.log,
	})
	if err != nil {
		return err
	}
	defer server.Close()
	operator, err := broker.OpenOperator(operatorFolder(c.Data))
	if err != nil {
		return err
	}
	if err := operator.ProvisionAll(env.ctx, server.URL(), c.Replicas); err != nil {
		return err
	}
	if c.JSON {
		if err := printJSON(env.stdout, map[string]any{"url": server.URL()}); err != nil {
			return err
		}
	} else {
		fmt.Fprintf(env.stdout, "broker ready at %s\n", server.URL())
	}
	<-env.ctx.Done()
	env.log.Info("stopping")
	return server.Close()
}

// operatorFolder is where the broker's data folder keeps its own keys and the accounts.
func operatorFolder(data string) string { return filepath.Join(data, "operator") }

// provisionRunning makes the streams of a practice where the broker answers.
func provisionRunning(ctx context.Context, o *broker.Operator, practice, url string, replicas int) error {
	access, err := o.Access(practice, url)
	if err != nil {
		return err
	}
	return broker.Provision(ctx, access, practice, replicas)
}
