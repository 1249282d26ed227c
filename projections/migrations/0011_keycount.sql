-- How many rows wrapped_key has: it is asked at each meeting with the server, and to count them
-- is to read them all.
ALTER TABLE store ADD COLUMN keys_here INTEGER NOT NULL DEFAULT 0;
UPDATE store SET keys_here = (SELECT count(*) FROM wrapped_key);
