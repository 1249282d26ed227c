-- What records are found by, made of the live heads by the table in package fhirsearch.
-- It may be behind: what is written in a large batch is indexed later, in steps of its own.

-- Identifiers and birth dates stand among the values now.
DROP TABLE term;

-- A record up to this key has its values, unless it stands in unindexed.
ALTER TABLE store ADD COLUMN indexed INTEGER NOT NULL DEFAULT 0;
-- Version of the table of parameters; with another one the values are made anew.
ALTER TABLE store ADD COLUMN indexed_by INTEGER NOT NULL DEFAULT 0;

-- A place and enough of a value to find candidates by; see fhirsearch.Keys.
CREATE TABLE found_by (
  key    BLOB    NOT NULL,
  record INTEGER NOT NULL,
  PRIMARY KEY (key, record)
) STRICT, WITHOUT ROWID;

-- The values of a record, head by head: they decide, and say which keys it has.
CREATE TABLE value (
  record INTEGER PRIMARY KEY,
  label  TEXT    NOT NULL,                     -- as in record
  packed BLOB    NOT NULL
) STRICT;

CREATE TABLE unindexed (
  record INTEGER PRIMARY KEY
) STRICT;
