package agent

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"strings"
)

// NameFor returns the id that a record gets which is to exist once for what is said of
// it, such as an identifier: the same at every desk of the practice, so that two desks
// that create it at once write the same record and the second is refused; and another
// one for each number. It is keyed by the practice: the broker, which sees ids, must not
// find out by trying whose identifier stands behind one.
func (a *Agent) NameFor(what string, number int) string {
	key, err := hkdf.Key(sha256.New, a.config.Enrolment.PracticeKey, nil, "carelog record name v1", sha256.Size)
	if err != nil {
		panic(err) // the length is a constant within HKDF's bounds
	}
	mac := hmac.New(sha256.New, key)
	mac.Write(binary.AppendUvarint(nil, uint64(number)))
	mac.Write([]byte(what))
	return strings.ToLower(base32.HexEncoding.EncodeToString(mac.Sum(nil)[:15])) // 24 characters, without padding
}
