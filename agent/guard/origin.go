package guard

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
)

// origin refuses whatever did not come from this PC, to this desk, from a page of
// this desk or from no page at all.
func (g *Guard) origin(r *http.Request) *refusal {
	if err := fromLoopback(r.RemoteAddr); err != nil {
		return &refusal{status: http.StatusForbidden, code: "peer", reason: err}
	}
	port, err := localPort(r)
	if err != nil {
		return &refusal{status: http.StatusForbidden, code: "host", reason: err}
	}
	// A name that an attacker lets point at 127.0.0.1 makes the browser believe that we
	// are the attacker's own site; only the Host header tells (DNS rebinding).
	if !ourHost(r.Host, port) {
		return &refusal{status: http.StatusForbidden, code: "host",
			reason: fmt.Errorf("%q is no name of this desk: use 127.0.0.1:%s", clip(r.Host), port), port: port}
	}
	// Two desks on one PC are one site to the browser, and different origins: so
	// "same-site" is refused as well. "none" is a person who typed or opened the address.
	for _, site := range r.Header.Values("Sec-Fetch-Site") {
		if site != "same-origin" && site != "none" {
			return &refusal{status: http.StatusForbidden, code: "origin",
				reason: errors.New("the request was sent by a page of another site: copy the address into the address bar instead")}
		}
	}
	for _, origin := range r.Header.Values("Origin") {
		if origin != "http://"+r.Host {
			return &refusal{status: http.StatusForbidden, code: "origin",
				reason: fmt.Errorf("pages of %q may not speak to this desk", clip(origin))}
		}
	}
	return nil
}

func fromLoopback(remote string) error {
	peer, err := netip.ParseAddrPort(remote)
	if err != nil || !peer.Addr().Unmap().IsLoopback() {
		return errors.New("only programs on this PC may speak to this desk")
	}
	return nil
}

// localPort is the port that the request came in on. The server itself puts it into
// the request, so it is right whichever port the desk was given.
func localPort(r *http.Request) (string, error) {
	addr, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if !ok {
		return "", errors.New("the port of this desk is not known: the guard must stand in an http.Server")
	}
	_, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		return "", fmt.Errorf("read the port of this desk: %w", err)
	}
	return port, nil
}

// ourHost takes a Host header apart itself: a browser leaves out the port only where
// it is 80.
func ourHost(host, port string) bool {
	if port == "80" {
		host = net.JoinHostPort(trimBrackets(host), "80")
	}
	for _, name := range []string{"127.0.0.1", "localhost", "::1"} {
		if host == net.JoinHostPort(name, port) {
			return true
		}
	}
	return false
}

func trimBrackets(host string) string {
	if n := len(host); n > 2 && host[0] == '[' && host[n-1] == ']' {
		return host[1 : n-1]
	}
	return host
}

// clip keeps a quoted value in an answer short.
func clip(s string) string {
	if len(s) > 80 {
		return s[:80] + "…"
	}
	return s
}
