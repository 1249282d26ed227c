package bench

import "fmt"

// aim is what a figure is to reach; the zero value of a bound is none.
type aim struct {
	from     int     // events: a smaller log has no aim
	ours     float64 // at most, in the figure's unit
	most     float64 // ratio
	least    float64 // ratio
	fast     float64 // at least, in the figure's unit
	headline string  // what it is a figure of, for people
}

var aims = map[string]aim{
	"offline":                  {most: 1.5, headline: "A change written offline"},
	"offline-shown":            {headline: "The same, until the desk shows it"},
	"online":                   {most: 1.5, headline: "A change written online"},
	"online-single":            {headline: "The same"},
	"live-p50":                 {ours: 6, headline: "A change from desk to desk, median"},
	"live-p99":                 {headline: "The same, 99th percentile"},
	"heads-apply":              {ours: 1000, headline: "Versions of one record, applied"},
	"heads-list":               {ours: 1000, headline: "Versions of one record, listed"},
	"heads-resolve":            {ours: 1000, headline: "Versions of one record, settled"},
	"reconnect":                {most: 1.5, headline: "Reconnect with queued events, until all are synced"},
	"reconnect-green":          {headline: "The same, until the light is green"},
	"reconnect-single":         {headline: "Reconnect, until all are synced"},
	"replay":                   {least: 0.6, headline: "First sync by reading the whole log"},
	"replay-cost":              {most: 1.2, from: 10 * baseSize, headline: "What an event of it costs, against a smaller log"},
	"dossier":                  {ours: 1000, headline: "First dossier on a new device, the rest still coming"},
	"search-name":              {ours: 5, headline: "Search by name, 99th percentile"},
	"search-identifier":        {ours: 5, headline: "Search by identifier, 99th percentile"},
	"search-patient-code":      {ours: 5, headline: "Search by patient and code, 99th percentile"},
	"search-date":              {ours: 5, headline: "Search by date, 99th percentile"},
	"door-search-name":         {ours: 5, headline: "Search at the FHIR door by name, 99th percentile"},
	"door-search-identifier":   {ours: 5, headline: "Search at the FHIR door by identifier, 99th percentile"},
	"door-search-patient-code": {ours: 5, headline: "Search at the FHIR door by patient and code, 99th percentile"},
	"door-search-date":         {ours: 5, headline: "Search at the FHIR door by date, 99th percentile"},
	"door-create":              {most: 1.5, headline: "A create at the FHIR door, online"},
	"door-create-single":       {headline: "The same"},
	"door-create-desk":         {headline: "The same"},
	"door-create-http":         {headline: "The same"},
	"door-transaction":         {ours: 50, headline: "A transaction of 100 creates"},
	"door-read":                {ours: 0.2, headline: "A read at the FHIR door"},
	"door-everything":          {fast: 50, headline: "$everything of a large dossier"},
	"door-clients":             {headline: "64 clients at once"},
	"conflicts":                {ours: 1000, headline: "All conflicts of the practice, listed"},
	"conflicts-page":           {ours: 5, headline: "A page of the conflicts of one type, 99th percentile"},
	"search-values":            {headline: "Values to search by, for each event read"},
	"disk-broker":              {headline: "Disk of the broker"},
	"disk-desk":                {headline: "Disk of a desk"},
	"disk-snapshot":            {headline: "Disk of the broker, for each snapshot"},
	"memory-broker":            {headline: "Memory of the broker, high-water"},
	"memory-desk":              {headline: "Memory of a desk, high-water"},
	"memory-making":            {headline: "Memory of the broker while snapshots are made, high-water"},
	"busy-p50":                 {headline: "Desk to desk beside a first sync, median"},
	"busy-p99":                 {headline: "The same, 99th percentile"},
	"snapshot":                 {most: 2, from: baseSize, headline: "First sync from a snapshot"},
	"snapshot-plain":           {headline: "The same"},
	"login-start":              {headline: "A desk's start, until it is connected"},
	"login":                    {ours: 10, headline: "Log-in with nothing new"},
	"login-news":               {ours: 300, headline: "Log-in with news"},
}

// Headline says in words what the figure is of.
func (f Figure) Headline() string { return aims[f.Name].headline }

// Aim says what the figure is to reach, and whether it does; empty where it has no aim.
func (f Figure) Aim() (text string, met bool) {
	a := aims[f.Name]
	switch {
	case f.N < a.from:
		return "", false
	case a.ours > 0:
		return fmt.Sprintf("%v %s or less", a.ours, f.Unit), f.Ours <= a.ours
	case a.most > 0:
		return fmt.Sprintf("ratio %v or less", a.most), f.Ratio <= a.most
	case a.fast > 0:
		return fmt.Sprintf("%v %s or more", a.fast, f.Unit), f.Ours >= a.fast
	case a.least > 0:
		return fmt.Sprintf("ratio %v or more", a.least), f.Ratio >= a.least
	}
	return "", false
}
