package main

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"

	"github.com/carelog/carelog/broker"
)

// checkBrokers refuses what can be no address of a broker.
func checkBrokers(flag string, addresses []string) error {
	for _, address := range addresses {
		if err := broker.ValidateURL(address); err != nil {
			return usage(fmt.Errorf("--%s %w", flag, err))
		}
	}
	return nil
}

// checkWeb refuses what can be no address of a desk or of a probe.
func checkWeb(address string) error {
	u, err := url.Parse(address)
	switch {
	case err != nil:
		return errors.New("it is no URL")
	case u.Scheme != "http" && u.Scheme != "https":
		return errors.New("it does not begin with http://")
	case u.Host == "":
		return errors.New("it names no host")
	}
	return nil
}

// otherPort is the advice where an address is in use; a demo gives its own.
const otherPort = "choose another port with --listen"

// listen listens at the address that --listen gives, for what is named. What is no address
// is wrong usage; one that is in use may be free the next time.
func listen(what, address string) (net.Listener, error) {
	_, port, err := net.SplitHostPort(address)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return nil, usage(fmt.Errorf("--listen %s: want address:port", address))
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, codedError{exitForeign, fmt.Errorf("%w: is another %s running? %s", err, what, otherPort)}
	}
	return l, nil
}
