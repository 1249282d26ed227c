package main_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	carelog "github.com/carelog/carelog/cmd/carelog"
)

// A broker that finds something amiss once goes on, since it may have looked while a stream
// was being made; one that finds it again and again ends, and says what it is.
func TestBrokerEndsWhereItStaysSick(t *testing.T) {
	full := errors.New("the disk is full")
	for name, c := range map[string]struct {
		looks []error // the last one again and again
		after int     // looks it ends; 0: with its context
	}{
		"well":                    {[]error{nil}, 0},
		"sick":                    {[]error{full}, 3},
		"sick in between":         {[]error{full, full, nil, full, full, nil}, 0},
		"sick after a sick spell": {[]error{full, full, nil, full}, 6},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				looks := 0
				err := carelog.WhileHealthy(ctx, func() error {
					looks++
					if looks == 20 {
						cancel()
					}
					return c.looks[min(looks, len(c.looks))-1]
				})
				if c.after == 0 && err != nil {
					t.Errorf("after %d looks: %v: want that it goes on", looks, err)
				}
				if c.after > 0 && (!errors.Is(err, full) || looks != c.after) {
					t.Errorf("after %d looks: %v: want its end after %d", looks, err, c.after)
				}
			})
		})
	}
}
