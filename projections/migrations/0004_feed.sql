-- Numbers of arrival belong to one file. Whoever follows them must be told where
-- another file took its place, or where a crash may have let numbers be given again.
ALTER TABLE store ADD COLUMN feed  TEXT    NOT NULL DEFAULT '';  -- names the numbering
ALTER TABLE store ADD COLUMN began INTEGER NOT NULL DEFAULT 0;   -- when it took another's place: nothing came here before

-- The event that a notice is of, by its arrival; 0 where it was taken out.
ALTER TABLE notice ADD COLUMN of_event INTEGER NOT NULL DEFAULT 0;
UPDATE notice SET of_event = ifnull((SELECT arrival FROM event WHERE event.id = notice.event), 0) WHERE removed = 0;
CREATE INDEX notice_event ON notice (of_event);
