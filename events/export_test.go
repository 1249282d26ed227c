package events

var (
	AppendTime = appendTime
	ParseTime  = parseTime
)

const TimeLayout = timeLayout

// NewSmallKeyring is NewKeyring with room for few of the keys that are kept elsewhere.
func NewSmallKeyring(practice Key, most int) *Keyring {
	r := NewKeyring(practice)
	r.found.most, r.seals.most = most, most
	return r
}
