package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/oklog/ulid/v2"

	"github.com/carelog/carelog/agent/enrolment"
	"github.com/carelog/carelog/broker"
)

type deviceCommand struct {
	Enrol  deviceEnrolCommand  `cmd:"" help:"Make the enrolment of a new device."`
	List   deviceListCommand   `cmd:"" help:"List the desks of the practice."`
	Revoke deviceRevokeCommand `cmd:"" help:"Shut a device out."`
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
		return usage(err)
	}
	if err := e.Save(c.Out); err != nil {
		return err
	}
	fmt.Fprintf(env.stdout, "device %s (%s) of practice %s enrolled: %s\n", c.Device, c.Name, sheet.Practice, c.Out)
	// It is enrolled also where nobody can be asked for the names of the others.
	others, met, err := namesakes(env.ctx, e)
	if err == nil && len(others) > 0 {
		fmt.Fprintf(env.stderr, "carelog: there is a device of this name already (%s), and nobody will tell the two apart by it: enrol with another name and delete %s, or revoke the other one if this takes its place\n",
			strings.Join(others, ", "), c.Out)
	}
	if files := lyingBeside(c.Out, e, met); len(files) > 0 {
		fmt.Fprintf(env.stderr, "carelog: a device of this name was enrolled already (%s): start only one of them and delete the other file, or delete %s and enrol with another name\n",
			strings.Join(files, "; "), c.Out)
	}
	return nil
}

// deviceListCommand lists the desks of the practice.
type deviceListCommand struct {
	deskFlags `embed:""`
	JSON      bool `help:"Print what /api/devices says." name:"json"`
}

// Run prints them.
func (c *deviceListCommand) Run(env *environment) error {
	d, err := c.connect()
	if err != nil {
		return err
	}
	var raw json.RawMessage
	if err := d.get(env.ctx, "/api/devices", &raw); err != nil {
		return err
	}
	if c.JSON {
		return printJSON(env.stdout, raw)
	}
	var answer struct {
		Devices []struct {
			ID, Name string
			Active   bool
		}
	}
	if err := json.Unmarshal(raw, &answer); err != nil {
		return fmt.Errorf("read the desk's answer: %w", err)
	}
	t := tabwriter.NewWriter(env.stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "DEVICE\tNAME\tSTATE")
	for _, device := range answer.Devices {
		state := "active"
		if !device.Active {
			state = "revoked"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\n", device.ID, device.Name, state)
	}
	return t.Flush()
}

// deviceRevokeCommand shuts a device out.
type deviceRevokeCommand struct {
	deskFlags  `embed:""`
	Device     string `arg:"" help:"Id of the device; see device list."`
	Unknown    bool   `help:"No PC of the practice has connected with this id: its enrolment was never used, or what stands in the log in its name waits for a certificate that will not come."`
	BrokerData string `help:"Folder of the broker, where this is its machine: its log-in ends as well." placeholder:"DIR" type:"path"`
}

// Run revokes the device in the log and, where it can, at the broker.
func (c *deviceRevokeCommand) Run(env *environment) error {
	if c.Unknown {
		return c.revokeName(env)
	}
	var operator *broker.Operator
	if c.BrokerData != "" { // before anything is done that cannot be undone
		var err error
		if operator, err = findOperator("broker-data", c.BrokerData); err != nil {
			return err
		}
	}
	d, err := c.connect()
	if err != nil {
		return err
	}
	var answer struct{ Login string }
	if err := d.post(env.ctx, "/api/devices/"+url.PathEscape(c.Device)+"/revoke", nil, &answer); err != nil {
		return err
	}
	fmt.Fprintf(env.stdout, "what device %s signs from now on does not count\n", c.Device)
	if operator == nil {
		return nil
	}
	var s struct{ Practice string }
	if err := d.get(env.ctx, "/api/status", &s); err != nil {
		return err
	}
	if err := operator.Revoke(env.ctx, s.Practice, answer.Login); err != nil {
		return err
	}
	_, err = fmt.Fprintln(env.stdout, "the broker lets it in no more")
	return err
}

// revokeName shuts out a name that no PC has. No log-in belongs to it.
func (c *deviceRevokeCommand) revokeName(env *environment) error {
	if c.BrokerData != "" {
		return usage(errors.New("a name that no PC has never logged in: leave out --broker-data"))
	}
	d, err := c.connect()
	if err != nil {
		return err
	}
	var answer struct{}
	if err := d.post(env.ctx, "/api/devices/"+url.PathEscape(c.Device)+"/revoke?unknown=true", nil, &answer); err != nil {
		return err
	}
	_, err = fmt.Fprintf(env.stdout, "what is signed in the name of %s does not count, and nothing in it is waited for\n", c.Device)
	return err
}
