-- What waits for the server, in the order of the device's chain.
CREATE TABLE queue (
	counter     INTEGER PRIMARY KEY, -- in the chain
	id          BLOB    NOT NULL,
	fingerprint BLOB    NOT NULL, -- of the event, as the log will have it
	attempts    INTEGER NOT NULL DEFAULT 0,
	last_error  TEXT    NOT NULL DEFAULT '',
	together    BLOB    NOT NULL DEFAULT x'', -- id of the first event of the transaction that it is a part of
	message     BLOB    NOT NULL -- as it goes to the broker, framed
) STRICT;

-- What the server refused for good; a stub stands for it in the queue and in the chain.
CREATE TABLE aside (
	id          BLOB    PRIMARY KEY,
	counter     INTEGER NOT NULL,
	fingerprint BLOB    NOT NULL,
	attempts    INTEGER NOT NULL,
	reason      TEXT    NOT NULL,
	together    BLOB    NOT NULL DEFAULT x'',
	message     BLOB    NOT NULL
) STRICT;
