package main

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// checkBrokers refuses what can be no address of a broker. Whether there is one is
// only known once it answers.
func checkBrokers(flag string, addresses []string) error {
	for _, address := range addresses {
		if err := checkBroker(address); err != nil {
			return usage(fmt.Errorf("--%s %s: %w: want nats://host:port", flag, address, err))
		}
	}
	return nil
}

func checkBroker(address string) error {
	if !strings.Contains(address, "://") {
		address = "nats://" + address // as the broker's own client has it
	}
	u, err := url.Parse(address)
	if err != nil {
		return errors.New("it is no URL")
	}
	switch u.Scheme {
	case "nats", "tls", "ws", "wss":
	default:
		return fmt.Errorf("no broker speaks %s", u.Scheme)
	}
	if u.Hostname() == "" {
		return errors.New("it names no host")
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return fmt.Errorf("%s is no port", port)
		}
	}
	return nil
}
