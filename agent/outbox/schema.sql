CREATE TABLE chain (
	one      INTEGER PRIMARY KEY CHECK (one = 1),
	practice TEXT NOT NULL,
	device   TEXT NOT NULL,
	counter  INTEGER NOT NULL, -- of the next event
	previous BLOB    NOT NULL, -- that the next event will name
	offline  INTEGER NOT NULL DEFAULT 0 -- the user chose to work offline
) STRICT;

CREATE TABLE queue (
	id         BLOB PRIMARY KEY,
	counter    INTEGER NOT NULL,
	event      BLOB    NOT NULL, -- the message, as it goes to the broker
	attempts   INTEGER NOT NULL DEFAULT 0,
	last_error TEXT    NOT NULL DEFAULT '',
	set_aside  INTEGER NOT NULL DEFAULT 0 -- refused for good; a stub stands for it in the chain
) STRICT;

CREATE INDEX queue_by_counter ON queue (set_aside, counter);

-- Keys made here for events that were not yet read in the log.
CREATE TABLE keys (
	name    TEXT PRIMARY KEY,
	wrapped BLOB NOT NULL
) STRICT;

-- What a named user gave up: kept for ever.
CREATE TABLE discarded (
	id     BLOB PRIMARY KEY,
	event  BLOB NOT NULL,
	author TEXT NOT NULL,
	time   TEXT NOT NULL,
	reason TEXT NOT NULL
) STRICT;
