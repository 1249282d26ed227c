package broker

import (
	"strconv"
	"strings"

	"github.com/nats-io/jwt/v2"

	"github.com/carelog/carelog/events"
)

// A practice has two accounts on the broker, because permissions alone do not hold.
//
// The server checks what a user publishes, but not the subject to which the answer
// shall go. A device that may pull from a consumer could name
// $JS.API.STREAM.DELETE.RECORDS as the place for the answer, and the server would
// send there, in its own name, the empty message "nothing to pull": the log would
// be gone (seen on nats-server 2.15.2; a test holds it). So the devices live in an
// account without streams, which imports the few requests they may make; an answer
// goes back into that account, where no such subject leads anywhere.

// service is one thing that the account of the devices imports.
type service struct {
	subject string
	stream  bool // has many answers
}

// services lists all that a device can ask for: add to the log, the keys, the
// attachments, its own looks, its own place in the trail and the leases; read these. Of the object store it can do all but
// change or remove the stream: what stands there can be made again. What is not listed does not exist for it: above
// all every request that makes, changes, empties or removes a stream, or takes a
// message out of one. device is one name, or "*" for the whole account.
//
// Only whole tokens can be wild, so the names of a device's consumers cannot be
// held to a prefix: they are random instead, and no device can list them.
func services(practice, device string) []service {
	records, keys, positions := events.Subjects(practice), keySubject+"*.*", positionSubject(practice, "*")
	list := []service{
		{subject: records}, {subject: keys}, {subject: positionSubject(practice, device)},
		{subject: leaseSubject(practice, "*")}, {subject: pieceSubjects(practice, "*") + "*"}, {subject: looksOf(practice, device)}, {subject: objectChunks + "*"}, {subject: objectNames + "*"},
		{subject: apiPrefix + "STREAM.INFO." + streamRecords}, {subject: apiPrefix + "STREAM.INFO." + streamKeys},
		{subject: apiPrefix + "STREAM.INFO." + streamAttachments}, {subject: apiPrefix + "STREAM.MSG.GET." + streamAttachments},
		{subject: apiPrefix + "STREAM.INFO." + streamLooks}, {subject: apiPrefix + "STREAM.MSG.GET." + streamLooks},
		{subject: apiPrefix + "STREAM.INFO." + streamSnapshots}, {subject: apiPrefix + "STREAM.PURGE." + streamSnapshots},
	}
	for _, read := range []struct{ stream, subject string }{
		{streamRecords, records},
		{streamKeys, keys}, {streamTrail, positions},
		{streamSnapshots, objectChunks + "*"}, {streamSnapshots, objectNames + "*"},
	} {
		list = append(list,
			service{subject: apiPrefix + "CONSUMER.CREATE." + read.stream + ".*." + read.subject})
	}
	for _, stream := range []string{streamRecords, streamKeys, streamTrail, streamSnapshots} {
		list = append(list,
			service{subject: apiPrefix + "STREAM.MSG.GET." + stream},
			service{subject: apiPrefix + "CONSUMER.MSG.NEXT." + stream + ".*", stream: true},
			service{subject: apiPrefix + "CONSUMER.DELETE." + stream + ".*"},
		)
	}
	return list
}

// dataClaims describes the account with a practice's streams. No device is a user of it.
func dataClaims(public, practice string) *jwt.AccountClaims {
	claims := jwt.NewAccountClaims(public)
	claims.Name = practice
	claims.Limits.JetStreamLimits = jwt.JetStreamLimits{
		MemoryStorage: jwt.NoLimit, // consumers are kept in memory
		DiskStorage:   jwt.NoLimit,
		Streams:       16,
		Consumer:      jwt.NoLimit,
	}
	for _, s := range services(practice, "*") {
		export := &jwt.Export{Name: s.subject, Subject: jwt.Subject(s.subject), Type: jwt.Service, ResponseType: jwt.ResponseTypeSingleton}
		if s.stream {
			export.ResponseType = jwt.ResponseTypeStream
		}
		claims.Exports.Add(export)
	}
	return claims
}

// desksClaims describes the account in which a practice's devices are users.
func desksClaims(public, data string, p AddPractice) *jwt.AccountClaims {
	claims := jwt.NewAccountClaims(public)
	claims.Name = p.ID + " desks"
	for _, s := range services(p.ID, "*") {
		imported := &jwt.Import{Name: s.subject, Subject: jwt.Subject(s.subject), Account: data, Type: jwt.Service}
		if here := local(s.subject); here != s.subject {
			imported.LocalSubject = jwt.RenamingSubject(numbered(here))
		}
		claims.Imports.Add(imported)
	}
	claims.SigningKeys.AddScopedSigner(deviceScope(p.ID, p.SigningKey))
	return claims
}

// deviceRole names the scopes that are carelog's own, among those of the operator.
const deviceRole = "device"

// deviceScope is what a user can do whose JWT the practice's signing key signed.
// It stands in the account, which only the operator signs: whoever steals the
// signing key can enrol devices, and cannot give them more than this.
func deviceScope(practice, signingKey string) *jwt.UserScope {
	const device = "{{name()}}" // of the user, put in by the server
	s := jwt.NewUserScope()
	s.Key = signingKey
	s.Role = deviceRole
	s.Description = "a device of practice " + practice
	for _, service := range services(practice, device) {
		s.Template.Permissions.Pub.Allow.Add(local(service.subject))
	}
	s.Template.Permissions.Sub.Allow.Add(inboxPrefix + device + ".>")
	// From desk to desk within their account: no stream is there to keep it.
	s.Template.Permissions.Pub.Allow.Add(openedSubject(practice, device))
	s.Template.Permissions.Sub.Allow.Add(openedSubject(practice, "*"))
	s.Template.AllowedConnectionTypes.Add(jwt.ConnectionTypeStandard, jwt.ConnectionTypeWebsocket)
	return s
}

// local is the name of a service in the account of the devices. JetStream's API
// needs another one there, since the server gives every account its own API.
func local(subject string) string {
	if rest, ok := strings.CutPrefix(subject, apiPrefix); ok {
		return desksPrefix + rest
	}
	return subject
}

// numbered writes the wildcards of a subject as the server wants them in a mapping.
func numbered(subject string) string {
	tokens := strings.Split(subject, ".")
	n := 0
	for i, token := range tokens {
		if token == "*" {
			n++
			tokens[i] = "$" + strconv.Itoa(n)
		}
	}
	return strings.Join(tokens, ".")
}
