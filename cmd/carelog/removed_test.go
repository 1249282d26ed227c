package main_test

import (
	"context"
	"maps"
	"path/filepath"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/carelog/carelog/broker"
)

// removeLast takes the last message out of a practice's log, as an operator can who makes
// the stream anew: the one that carelog makes does not let anybody.
func removeLast(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, neg, args, 3, "remove-last FOLDER PRACTICE URL")
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	operator, err := broker.FindOperator(filepath.Join(ts.MkAbs(args[0]), "operator"))
	ts.Check(err)
	access, err := operator.Access(args[1], args[2])
	ts.Check(err)
	conn, err := nats.Connect(args[2], nats.UserJWTAndSeed(access.JWT, access.Seed))
	ts.Check(err)
	defer conn.Close()
	js, err := jetstream.New(conn)
	ts.Check(err)
	stream, err := js.Stream(ctx, "RECORDS")
	ts.Check(err)
	config, last := stream.CachedInfo().Config, stream.CachedInfo().State.LastSeq
	var messages []*nats.Msg
	for sequence := uint64(1); sequence <= last; sequence++ {
		m, err := stream.GetMsg(ctx, sequence)
		ts.Check(err)
		maps.DeleteFunc(m.Header, func(name string, _ []string) bool { return strings.HasPrefix(name, "Nats-") })
		messages = append(messages, &nats.Msg{Subject: m.Subject, Header: m.Header, Data: m.Data})
	}
	ts.Check(js.DeleteStream(ctx, "RECORDS"))
	config.DenyDelete = false
	stream, err = js.CreateStream(ctx, config)
	ts.Check(err)
	for _, m := range messages {
		_, err := js.PublishMsg(ctx, m)
		ts.Check(err)
	}
	ts.Check(stream.DeleteMsg(ctx, last))
}
