-- Equal names stand by id: with that, what a search by name does not show is never read.
DROP INDEX record_carrier;
CREATE INDEX record_carrier ON record (carrier, type, label, id) WHERE carrier <> 0;

-- The conflicts of one type, with all that they are listed by.
DROP INDEX record_conflict;
CREATE INDEX record_conflict ON record (type, label, id) WHERE conflict = 1;
