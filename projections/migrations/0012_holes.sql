-- How many numbers of a device's chain, before its end, no event here has that the device
-- signed: the server has lost them, or they were not read yet.
ALTER TABLE device ADD COLUMN holes INTEGER NOT NULL DEFAULT 0;
UPDATE device SET holes = counter - (SELECT count(DISTINCT e.counter) FROM event e WHERE e.device = device.key
  AND e.arrival NOT IN (SELECT arrival FROM event WHERE doubt = 'signature' AND doubt <> ''));
