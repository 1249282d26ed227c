-- The local copy of the log and what is made of it. Everything but event, stray,
-- repeat, wrapped_key, notice and store is derived: Check makes it anew and compares.
--
-- Places in the log: above 0 as it is in the log, 0 queued in this device's outbox,
-- below 0 where it was before the server was distrusted. Times: arrived and time in
-- milliseconds, stored in nanoseconds, since 1970 in UTC.

CREATE TABLE store (
  one      INTEGER PRIMARY KEY CHECK (one = 1),
  practice TEXT    NOT NULL,
  stream   TEXT    NOT NULL DEFAULT '',        -- identity of the stream that was read
  sequence INTEGER NOT NULL DEFAULT 0,         -- position
  hash     BLOB    NOT NULL DEFAULT x'',
  arrival  INTEGER NOT NULL DEFAULT 0,         -- last number given to something that came
  arrived  INTEGER NOT NULL DEFAULT 0,         -- and when
  clean    INTEGER NOT NULL DEFAULT 1          -- closed in order; else checked when opened
) STRICT;

-- An event, with all that its message is made of. Its subject is store.practice and
-- its dossier; its source the practice and its device.
CREATE TABLE event (
  arrival      INTEGER PRIMARY KEY,
  id           BLOB    NOT NULL,
  record       INTEGER NOT NULL,
  dossier      INTEGER NOT NULL,
  device       INTEGER NOT NULL,
  counter      INTEGER NOT NULL,               -- of the device's chain
  sequence     INTEGER NOT NULL,
  stored       INTEGER NOT NULL,
  hash         BLOB    NOT NULL,               -- of the log, after this event
  arrived      INTEGER NOT NULL,
  doubt        TEXT    NOT NULL,
  reason       TEXT    NOT NULL,
  type         TEXT    NOT NULL,
  time         INTEGER NOT NULL,
  author       TEXT    NOT NULL,
  parents      BLOB    NOT NULL,               -- ids of 16 bytes, one after the other
  previous     BLOB    NOT NULL,
  replaces     BLOB    NOT NULL,
  content_type TEXT    NOT NULL,
  extra        TEXT    NOT NULL,               -- attributes of a newer version, a line each
  signature    BLOB    NOT NULL,
  sealed       BLOB    NOT NULL
) STRICT;
CREATE UNIQUE INDEX event_id ON event (id);
CREATE INDEX event_record    ON event (record);
CREATE INDEX event_chain     ON event (device, counter);
CREATE INDEX event_sequence  ON event (sequence) WHERE sequence <> 0;
CREATE INDEX event_queued    ON event (arrival)  WHERE sequence = 0;
CREATE INDEX event_doubt     ON event (doubt)    WHERE doubt <> '';

-- A message of the log that has no row in event: it is none, or its id is taken.
CREATE TABLE stray (
  key         INTEGER PRIMARY KEY,
  fingerprint BLOB    NOT NULL UNIQUE,
  kind        TEXT    NOT NULL,                -- broken or twin
  id          BLOB,                            -- of a twin
  sequence    INTEGER NOT NULL,
  stored      INTEGER NOT NULL,
  hash        BLOB    NOT NULL,
  doubt       TEXT    NOT NULL,
  reason      TEXT    NOT NULL,
  subject     TEXT    NOT NULL,
  header      BLOB    NOT NULL,
  data        BLOB    NOT NULL
) STRICT;
CREATE INDEX stray_id       ON stray (id) WHERE id IS NOT NULL;
CREATE INDEX stray_sequence ON stray (sequence);

-- Further places in the log of a message that has one already.
CREATE TABLE repeat (
  sequence    INTEGER PRIMARY KEY,
  stored      INTEGER NOT NULL,
  hash        BLOB    NOT NULL,
  fingerprint BLOB    NOT NULL,
  id          BLOB                             -- null where the message is no event
) STRICT;

-- A record as it stands. With two or more heads they stand in head; a single one is
-- the version shown.
CREATE TABLE record (
  key      INTEGER PRIMARY KEY,
  type     TEXT    NOT NULL,
  id       TEXT    NOT NULL,
  heads    INTEGER NOT NULL,                   -- 0: none of its events is a version
  waiting  INTEGER NOT NULL,                   -- rows in waiting
  shown    INTEGER NOT NULL,                   -- arrival of the head shown
  shown_id BLOB    NOT NULL,
  dossier  INTEGER NOT NULL,                   -- of the head shown
  deleted  INTEGER NOT NULL,
  conflict INTEGER NOT NULL,
  label    TEXT    NOT NULL,                   -- folded name, to sort by
  carrier  INTEGER NOT NULL,                   -- key in term and words of a single head; 0: none
  terms    BLOB    NOT NULL                    -- digest of what stands there
) STRICT;
CREATE UNIQUE INDEX record_name ON record (type, id);
CREATE INDEX record_dossier     ON record (dossier, type);
CREATE INDEX record_conflict    ON record (key) WHERE conflict = 1;

CREATE TABLE head (
  record  INTEGER NOT NULL,
  id      BLOB    NOT NULL,
  event   INTEGER NOT NULL,
  class   INTEGER NOT NULL,                    -- 0 readable, 1 unreadable, 2 deletion
  place   INTEGER NOT NULL,                    -- confirmed, unconfirmed, queued
  content BLOB    NOT NULL,                    -- equal for equal content
  dossier INTEGER NOT NULL,
  label   TEXT    NOT NULL,
  carrier INTEGER NOT NULL,
  terms   BLOB    NOT NULL,
  PRIMARY KEY (record, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX head_order   ON head (record, class, place, id);
CREATE INDEX head_content ON head (record, content);
CREATE INDEX head_dossier ON head (dossier);

-- Parents that a version names and that are no version of its record here (yet).
CREATE TABLE waiting (
  record INTEGER NOT NULL,
  parent BLOB    NOT NULL,
  PRIMARY KEY (record, parent)
) STRICT, WITHOUT ROWID;

CREATE TABLE dossier (
  key      INTEGER PRIMARY KEY,
  patient  TEXT    NOT NULL UNIQUE,
  sequence INTEGER NOT NULL                    -- highest confirmed one on its subject
) STRICT;

CREATE TABLE device (
  key     INTEGER PRIMARY KEY,
  id      TEXT    NOT NULL UNIQUE,
  counter INTEGER NOT NULL,                    -- end of its chain
  link    BLOB    NOT NULL
) STRICT;

CREATE TABLE fork (
  device  INTEGER NOT NULL,
  counter INTEGER NOT NULL,
  PRIMARY KEY (device, counter)
) STRICT, WITHOUT ROWID;

-- What every head can be found by: the carrier is the arrival of the version that
-- brought the words in; later ones with the same words take it over.
CREATE TABLE term (
  kind    TEXT    NOT NULL,                    -- identifier or birthdate
  value   TEXT    NOT NULL,
  system  TEXT    NOT NULL,
  carrier INTEGER NOT NULL,
  PRIMARY KEY (kind, value, system, carrier)
) STRICT, WITHOUT ROWID;
CREATE INDEX term_carrier ON term (carrier);

-- The words are folded before they come here.
CREATE VIRTUAL TABLE words USING fts5 (family, given, name, other, tokenize = 'unicode61 remove_diacritics 0');

CREATE TABLE wrapped_key (
  patient TEXT NOT NULL,
  id      BLOB NOT NULL,
  wrapped BLOB NOT NULL,
  PRIMARY KEY (patient, id)
) STRICT, WITHOUT ROWID;

-- Changes of what had come before: a verdict that got better, an event taken out.
CREATE TABLE notice (
  arrival INTEGER PRIMARY KEY,
  arrived INTEGER NOT NULL,
  type    TEXT    NOT NULL,
  id      TEXT    NOT NULL,
  patient TEXT    NOT NULL,
  event   BLOB    NOT NULL,
  what    TEXT    NOT NULL,                    -- type of the event
  device  TEXT    NOT NULL,
  author  TEXT    NOT NULL,
  removed INTEGER NOT NULL
) STRICT;
