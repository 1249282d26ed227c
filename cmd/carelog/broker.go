package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

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

// brokerMemory is the memory, in bytes, from which on a broker collects its garbage more
// often, where GOMEMLIMIT names no other: nats-server leaves up to 8 MiB behind for each file
// that it removes an older snapshot from. It is the limit of the service files in deploy.
const brokerMemory = 1 << 30

// Run runs the broker until it is told to stop.
func (c *brokerCommand) Run(env *environment) error {
	if c.Port == 0 { // which a ServerConfig takes for the usual one, and others for any
		return usage(fmt.Errorf("--port 0: want 1 to 65535, or %d for any free one", broker.AnyPort))
	}
	config := broker.ServerConfig{Data: c.Data, Host: c.Host, Port: c.Port, MonitorPort: c.Monitor, Logger: env.log}
	if err := config.Validate(); err != nil {
		return usage(err)
	}
	if err := ownFolder(c.Data, ofBroker); err != nil {
		return err
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(brokerMemory)
	}
	server, err := broker.Start(env.ctx, config)
	if err != nil {
		return err
	}
	defer server.Close()
	operator, err := broker.OpenOperator(operatorFolder(c.Data))
	if err != nil {
		return err
	}
	err = operator.ProvisionAll(env.ctx, server.URL(), c.Replicas, server.OutOfService()...)
	if drift := (*broker.DriftError)(nil); errors.As(err, &drift) {
		env.log.Error("a practice's streams are not as they should be: until they are set right nothing is made for it; it goes on with what it has, and so do the other practices",
			slog.Bool("deletes", drift.Deletes()), slog.Any("error", err))
	} else if err != nil {
		return err
	}
	if c.JSON {
		if err := printJSON(env.stdout, map[string]any{"url": server.URL()}); err != nil {
			return err
		}
	} else {
		fmt.Fprintf(env.stdout, "broker ready at %s\n", server.URL())
	}
	sick := whileHealthy(env.ctx, server.Healthy)
	env.log.Info("stopping")
	return errors.Join(sick, server.Close())
}

// How often the broker looks at itself, and how often in a row it must find something
// amiss: a stream that is being made has its folder before nats-server knows it, and is
// taken for one that could not be recovered.
const (
	healthEvery = 2 * time.Second
	sickLooks   = 3
)

// whileHealthy waits until ctx ends, or the broker is of no use any more. A stream that
// could not be written once, as on a full disk, takes nothing more until the broker is
// started again, also where there is room: ending lets the system start it anew.
func whileHealthy(ctx context.Context, look func() error) error {
	tick := time.NewTicker(healthEvery)
	defer tick.Stop()
	for sick := 0; ; {
		select {
		case <-tick.C:
			err := look()
			if err == nil {
				sick = 0
			} else if sick++; sick == sickLooks {
				return fmt.Errorf("the broker cannot go on: %w: make room on its disk if it is full, then start it again", err)
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// operatorFolder is where the broker's data folder keeps its own keys and the accounts.
func operatorFolder(data string) string { return filepath.Join(data, "operator") }

// findOperator opens the operator of a folder with which a broker has run. flag is the one
// that names the folder.
func findOperator(flag, data string) (*broker.Operator, error) {
	operator, err := broker.FindOperator(operatorFolder(data))
	var none *broker.NoOperatorError
	if errors.As(err, &none) {
		return nil, usage(fmt.Errorf("--%s %s: no broker has run with this folder (%w): give the one that its broker was started with", flag, data, err))
	}
	return operator, err
}

// provisionRunning makes the streams of a practice where the broker answers, and lets its
// devices use all of them.
func provisionRunning(ctx context.Context, o *broker.Operator, practice, url string, replicas int) error {
	if err := o.UpdatePractice(ctx, practice); err != nil {
		return err
	}
	access, err := o.Access(practice, url)
	if err != nil {
		return err
	}
	if err = broker.Provision(ctx, access, practice, replicas); errors.Is(err, broker.ErrNotLetIn) {
		err = fmt.Errorf("%w: the broker at %s was started with another folder than this one (give --data that one), or it takes accounts from a resolver that was not given those of this folder", err, url)
	}
	return err
}
