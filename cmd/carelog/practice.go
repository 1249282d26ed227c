package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/carelog/carelog/agent/enrolment"
	"github.com/carelog/carelog/broker"
	"github.com/carelog/carelog/events"
)

type practiceCommand struct {
	Add       practiceAddCommand       `cmd:"" help:"Make a practice's account and streams, and its recovery sheet."`
	Provision practiceProvisionCommand `cmd:"" help:"Make the streams of a practice that has its account, or say in what they differ."`
}

// practiceProvisionCommand makes what practice add could not make.
type practiceProvisionCommand struct {
	Practice string `arg:"" help:"Id of the practice."`
	Data     string `help:"Folder of the broker." required:"" placeholder:"DIR" type:"path"`
	URL      string `help:"Where the broker is." default:"nats://127.0.0.1:4222" name:"url"`
	Replicas int    `help:"Copies of the log, in a cluster, at least." default:"1"`
}

// Run makes the streams; those that are there as they should be are left alone.
func (c *practiceProvisionCommand) Run(env *environment) error {
	if err := checkBrokers("url", []string{c.URL}); err != nil {
		return err
	}
	operator, err := findOperator("data", c.Data)
	if err != nil {
		return err
	}
	if err := provisionRunning(env.ctx, operator, c.Practice, c.URL, c.Replicas); err != nil {
		return err
	}
	_, err = fmt.Fprintf(env.stdout, "the streams of practice %s are there\n", c.Practice)
	return err
}

// practiceAddCommand lets a practice in.
type practiceAddCommand struct {
	Practice string   `arg:"" help:"Id of the practice: letters, digits and hyphens."`
	Name     string   `help:"Name of the practice, for people."`
	Data     string   `help:"Folder of the broker." required:"" placeholder:"DIR" type:"path"`
	URL      []string `help:"Where devices reach the broker." default:"nats://127.0.0.1:4222" name:"url"`
	Sheet    string   `help:"File for the recovery sheet: print it, then delete it." required:"" placeholder:"FILE" type:"path"`
	Running  bool     `help:"Make the streams now on the running broker; else they are made when it starts." default:"true" negatable:""`
	Replicas int      `help:"Copies of the log, in a cluster, at least." default:"1"`
}

// Run makes the account, the sheet and, where the broker runs, the streams.
func (c *practiceAddCommand) Run(env *environment) error {
	if err := events.ValidateName("practice", c.Practice); err != nil {
		return usage(err)
	}
	if err := checkBrokers("url", c.URL); err != nil {
		return err
	}
	secret := enrolment.NewSecret()
	signing, err := secret.AccountKey()
	if err != nil {
		return err
	}
	public, err := signing.PublicKey()
	if err != nil {
		return err
	}
	operator, err := c.operator()
	if err != nil {
		return err
	}
	if err := c.add(env, operator, secret, public); err != nil {
		return err
	}
	if c.Running {
		if err := c.provision(env, operator); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintf(env.stdout, "practice %s added; its recovery sheet is %s\n", c.Practice, c.Sheet)
	return err
}

// add writes the sheet and makes the account, in this order: an account whose secret nobody
// has is of no use, and stands in the way of another. A sheet without an account is removed.
func (c *practiceAddCommand) add(env *environment, operator *broker.Operator, secret enrolment.Secret, public string) error {
	written := false
	_, err := operator.AddPractice(env.ctx, broker.AddPractice{ID: c.Practice, SigningKey: public, Before: func(account string) error {
		var text bytes.Buffer
		sheet := enrolment.Sheet{Practice: c.Practice, Name: c.Name, Account: account, URLs: c.URL, Secret: secret}
		if _, err := sheet.WriteTo(&text); err != nil {
			return err
		}
		if err := enrolment.WriteSecret(c.Sheet, text.Bytes()); err != nil {
			return fmt.Errorf("write the recovery sheet: %w", err)
		}
		written = true
		return nil
	}})
	if err == nil || !written {
		return err
	}
	if _, failed := operator.Account(c.Practice); !errors.Is(failed, fs.ErrNotExist) {
		return fmt.Errorf("the practice may have its account: keep the sheet %s, and run carelog practice provision: %w", c.Sheet, err)
	}
	return errors.Join(err, os.Remove(c.Sheet))
}

// provision makes the streams on the broker that runs.
func (c *practiceAddCommand) provision(env *environment, operator *broker.Operator) error {
	err := provisionRunning(env.ctx, operator, c.Practice, c.URL[0], c.Replicas)
	if errors.Is(err, broker.ErrNotLetIn) {
		return fmt.Errorf("the practice has its account and the sheet %s here, but not its streams: %w. With another folder add it anew and delete this sheet; else run carelog practice provision when the resolver has the accounts", c.Sheet, err)
	}
	if err != nil {
		return fmt.Errorf("the practice has its account and sheet, but not its streams (run carelog practice provision, or restart our own broker): %w", err)
	}
	return nil
}

// operator is that of the broker that runs; only for one that does not yet is it made.
func (c *practiceAddCommand) operator() (*broker.Operator, error) {
	if !c.Running {
		return broker.OpenOperator(operatorFolder(c.Data))
	}
	operator, err := findOperator("data", c.Data)
	var none *broker.NoOperatorError
	if errors.As(err, &none) {
		err = fmt.Errorf("%w; or say --no-running, where a broker will be started with this one", err)
	}
	return operator, err
}
