package broker

import (
	"encoding/base64"
	"strconv"

	"github.com/carelog/carelog/events"
)

// The streams of a practice, within its own account. Their names are part of the
// permissions of every device, so they do not change.
const (
	streamRecords     = "RECORDS"
	streamTrail       = "TRAIL"
	bucketKeys        = "KEYS"
	streamKeys        = "KV_" + bucketKeys
	bucketSnapshots   = "SNAPSHOTS"
	streamSnapshots   = "OBJ_" + bucketSnapshots
	streamAttachments = "ATTACHMENTS"
	streamLooks       = "LOOKS"

	objectChunks      = "$O." + bucketSnapshots + ".C." // of one upload
	objectNames       = "$O." + bucketSnapshots + ".M."
	objectAny         = "$O." + bucketSnapshots + ".*.*"
	keySubject        = "$KV." + bucketKeys + "."
	trailSubject      = "carelogtrail."
	attachmentSubject = "carelogattachment."
	looksSubject      = "careloglooks."
	identityKey       = "carelog-identity" // in the metadata of RECORDS
	inboxPrefix       = "_INBOX."
)

// The two names of JetStream's API: the server's own, and the one under which the
// devices' account imports the few requests that they may make.
const (
	apiPrefix     = "$JS.API."
	desksPrefix   = "carelogapi."
	desksAPIToken = "carelogapi"
)

// positionSubject carries the signed positions of one device; "*" stands for all.
func positionSubject(practice, device string) string {
	return trailSubject + practice + ".position." + device
}

// looksOf carries the looks of one device; "*" stands for all.
func looksOf(practice, device string) string { return looksSubject + practice + "." + device }

// wrappedKeySubject carries one wrapped key.
func wrappedKeySubject(k events.WrappedKey) string { return keySubject + k.Name() }

// leaseSubject carries one lease; "*" stands for all.
func leaseSubject(practice, name string) string { return trailSubject + practice + ".lease." + name }

// objectSubject carries what announces an object.
func objectSubject(name string) string {
	return objectNames + base64.URLEncoding.EncodeToString([]byte(name))
}

// pieceSubjects is what the subjects of all pieces of an attachment begin with.
func pieceSubjects(practice, name string) string {
	return attachmentSubject + practice + "." + name + "."
}

// pieceSubject carries one piece.
func pieceSubject(practice, name string, number int) string {
	return pieceSubjects(practice, name) + strconv.Itoa(number)
}
