-- The numbers of records' names have tables of their own. They come in no order, so in one
-- index of all every new record is on another page, and a first read wrote each page of it
-- again and again. Those that come many at once stand in named_lately, which is small, and
-- are moved into named together, in order.
CREATE TABLE named (
  name   INTEGER NOT NULL,                     -- shortName of a record's type and id: two may share one
  record INTEGER NOT NULL,
  PRIMARY KEY (name, record)
) STRICT, WITHOUT ROWID;

CREATE TABLE named_lately (
  name   INTEGER NOT NULL,
  record INTEGER NOT NULL,
  PRIMARY KEY (name, record)
) STRICT, WITHOUT ROWID;

INSERT INTO named (name, record) SELECT name, key FROM record ORDER BY name, key;
DROP INDEX record_name;
ALTER TABLE record DROP COLUMN name;
