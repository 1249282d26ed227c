package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/oklog/ulid/v2"

	"github.com/carelog/carelog/agent/enrolment"
	"github.com/carelog/carelog/broker"
)

type deviceCommand struct {
	Enrol  deviceEnrolCommand  `cmd:"" help:"Make the enrolment of a new device."`
	Revoke deviceRevokeCommand `cmd:"" help:"Shut a device out of the broker."`
}

// deviceEnrolCommand makes the file that a new desk starts with.
type deviceEnrolCommand struct {
	Name   string `arg:"" help:"Name of the device, for people."`
	Sheet  string `help:"Recovery sheet of the practice; - reads it from the standard input." required:"" placeholder:"FILE"`
	Out    string `help:"File for the enrolment. It is a secret: carry it to the device and delete it elsewhere." required:"" placeholder:"FILE" type:"path"`
	Device string `help:"Id of the device; made from chance where it is not given." placeholder:"ID"`
}

// Run makes the enrolment.
func (c *deviceEnrolCommand) Run(env *environment) error {
	in := env.stdin
	if c.Sheet != "-" {
		f, err := os.Open(c.Sheet)
		if err != nil {
			return fmt.Errorf("read the recovery sheet: %w", err)
		}
		defer f.Close()
		in = f
	}
	sheet, err := enrolment.ParseSheet(in)
	if err != nil {
		return usage(err)
	}
	if c.Device == "" {
		c.Device = strings.ToLower(ulid.Make().String())
	}
	e, err := sheet.Enrol(c.Device, c.Name)
	if err != nil {
		return err
	}
	if err := e.Save(c.Out); err != nil {
		return err
	}
	fmt.Fprintf(env.stdout, "device %s (%s) of practice %s enrolled: %s\n", c.Device, c.Name, sheet.Practice, c.Out)
	return nil
}

// deviceRevokeCommand takes a device's access away at the broker.
type deviceRevokeCommand struct {
	Enrolment string `help:"The device's enrolment, or its data folder's." required:"" placeholder:"FILE" type:"path"`
	Data      string `help:"Folder of the broker." required:"" placeholder:"DIR" type:"path"`
}

// Run revokes the device's log-in.
func (c *deviceRevokeCommand) Run(env *environment) error {
	e, err := enrolment.Load(c.Enrolment)
	if err != nil {
		return err
	}
	user, err := e.User()
	if err != nil {
		return err
	}
	operator, err := broker.OpenOperator(operatorFolder(c.Data))
	if err != nil {
		return err
	}
	if err := operator.Revoke(env.ctx, e.Practice, user); err != nil {
		return err
	}
	fmt.Fprintf(env.stdout, "device %s of practice %s is shut out of the broker\n", e.Device, e.Practice)
	return nil
}
