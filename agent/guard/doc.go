// Package guard stands before every door of a desk: the pages, their API, the FHIR
// door and the probes.
//
// It promises that a request that passes came from a program on this PC, spoke to
// us by a loopback name and our own port, was not sent by a page of another origin,
// and carried either the desk's token or a session that a one-time link opened. Only
// /healthz, /readyz and the reading of /fhir/metadata pass without token or session. A refusal has the form of the door
// that it protects: JSON under /api, an OperationOutcome under /fhir, and for people
// a page that says how to get a new link.
//
// It does not promise who the person is: the Carelog-User header names the author of
// a request and is believed, because whoever may pass the guard may write. Nor does it
// protect against another program of the same user on the same PC, which can read the
// token where we keep it.
package guard
