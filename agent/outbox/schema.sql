CREATE TABLE chain (
	one      INTEGER PRIMARY KEY CHECK (one = 1),
	practice TEXT NOT NULL,
	device   TEXT NOT NULL,
	counter  INTEGER NOT NULL, -- of the next event, unless the last in the queue has this one or a higher
	previous BLOB    NOT NULL, -- that it will name
	offline  INTEGER NOT NULL DEFAULT 0 -- the user chose to work offline
) STRICT;

-- Keys made here for events that were not yet read in the log, and those that the server refused.
CREATE TABLE keys (
	name    TEXT PRIMARY KEY,
	wrapped BLOB NOT NULL,
	refused TEXT NOT NULL DEFAULT '' -- why the server did not take it
) STRICT;

-- What a named user gave up: kept for ever, in the form in which it was given up. A
-- message that begins with { is JSON of schema 1, any other is framed.
CREATE TABLE discarded (
	id     BLOB PRIMARY KEY,
	event  BLOB NOT NULL,
	author TEXT NOT NULL,
	time   TEXT NOT NULL,
	reason TEXT NOT NULL
) STRICT;
