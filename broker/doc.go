// Package broker keeps the log of a practice: on a NATS server that it embeds, or
// on one that exists, and is the way of a device to it.
//
// There are three sides. Start runs the embedded server. Operator, Provision and
// EraseKeys are for whoever runs a server: accounts, streams, and the one thing
// that is ever removed. Connect is for a device: a Log to append to and to read.
//
// It promises, of a Log:
//
//   - What Append, AppendAfter, AppendAtEnd and AppendBatch return without an error is on the
//     server's disk, once. An error says which of three things is true: it was not
//     stored (events.ErrOffline, events.ErrFull, *events.StaleError, events.ErrNotAtEnd), it will never be
//     (*events.RefusedError), or nobody knows yet (events.ErrUnknownOutcome). It is
//     never guessed, and nothing is sent a second time before a read has shown that
//     the first one is not there. A batch is stored as a whole or not at all.
//   - Read gives every message that the server has, in order, over lost connections
//     and restarts, until the server turns out to have another log.
//   - State, Get, Key, and all that an append reads back come from the stream's
//     leader. A replica that lags is never asked whether something is there.
//   - PutObject replaces an object whole or not at all, and Object gives what was put or
//     an error. A lease is held by one device at a time, by the broker's clock; who is
//     slow may believe it still holds one, so what must not be done twice checks the
//     lease's token.
//   - Connect does not wait for the network; Close waits for its goroutines.
//
// It promises, of the embedded server: one process per folder, a sync to disk
// before every acknowledgement, and recovery after a kill. Of the accounts: a device
// can add to its own practice's log and read it, and can change, empty or remove
// nothing there, whatever it sends. KEYS is written once; the operator may erase from
// it. ATTACHMENTS and LOOKS are only ever added to, LOOKS by each device under its own name. SNAPSHOTS is any device's to
// replace and to empty: it can be made again.
//
// It does not promise that an event is in the log once for ever: the same event
// given to Append again after two minutes, by a caller who has not read the log in
// between, is there twice. It checks no signature and opens no body: messages are
// what package events makes of them, and whoever reads decides. One server is one
// disk: what is safe from the loss of the disk is what the devices have.
//
// Package memlog is the same log in memory, with faults on command; logtest the
// suite that both must pass; brokertest a real broker for the tests of others.
package broker
