package broker

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// ValidateURL refuses what can be no address of a broker. Whether there is one is only
// known once it answers.
func ValidateURL(address string) error {
	if err := validateURL(address); err != nil {
		return fmt.Errorf("%s: %w: want nats://host:port", address, err)
	}
	return nil
}

func validateURL(address string) error {
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
