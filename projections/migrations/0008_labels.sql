-- With the type and the name by which lists are ordered, the index of carriers is all that a
-- search by name needs of the records that it does not show.
DROP INDEX record_carrier;
CREATE INDEX record_carrier ON record (carrier, type, label) WHERE carrier <> 0;
