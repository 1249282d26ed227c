-- Records are found by a short number made of their name. The names themselves, forty
-- bytes in no order, made the largest index of all, and the one that a first read
-- touched everywhere.
ALTER TABLE record ADD COLUMN name INTEGER NOT NULL DEFAULT 0; -- shortName of type and id: two may share one
UPDATE record SET name = carelog_short_name(type, id);

DROP INDEX record_name;
CREATE INDEX record_name ON record (name);

-- A dossier has few records: which of them are of a type is seen when they are read.
DROP INDEX record_dossier;
CREATE INDEX record_dossier ON record (dossier);

-- The types that are asked for as a whole, at every log-in and for every status.
CREATE INDEX record_device  ON record (id) WHERE type = 'Device';
CREATE INDEX record_patient ON record (id) WHERE type = 'Patient';
