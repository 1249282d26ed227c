-- How far the keys of the server were read: the last one's place among them, and when
-- the server stored it, in nanoseconds since 1970; 0: they were not.
ALTER TABLE store ADD COLUMN keys_read   INTEGER NOT NULL DEFAULT 0;
ALTER TABLE store ADD COLUMN keys_stored INTEGER NOT NULL DEFAULT 0;
