package main

// Main is main, for the test binary that stands in for carelog.
var Main = main

var (
	WhileHealthy = whileHealthy
	ServeUntil   = serveUntil
	HeardOut     = heardOut
	Tame         = tame
	NewServer    = newServer
)

// MaxHeaderTime is how long a desk lets the header of a request take.
const MaxHeaderTime = maxHeaderTime
