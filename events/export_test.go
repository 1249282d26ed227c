package events

var (
	AppendTime = appendTime
	ParseTime  = parseTime
)

const TimeLayout = timeLayout
