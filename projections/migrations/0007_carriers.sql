-- Whose words they are that a search by name finds: an event, which has them too, is a large
-- row of a large table.
CREATE INDEX record_carrier ON record (carrier) WHERE carrier <> 0;
CREATE INDEX head_carrier   ON head (carrier)   WHERE carrier <> 0;
