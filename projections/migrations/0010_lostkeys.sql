-- How many keys the server had lost or erased when all that are here were there; -1: that was
-- not compared yet.
ALTER TABLE store ADD COLUMN keys_gone INTEGER NOT NULL DEFAULT -1;

-- The keys that were erased from the server for good: they are never given back.
CREATE TABLE erased_key (
  patient TEXT NOT NULL,
  id      BLOB NOT NULL,
  PRIMARY KEY (patient, id)
) STRICT, WITHOUT ROWID;
