-- Every type that has resources is counted.
INSERT OR IGNORE INTO extent (tenant, kind, n, generation) SELECT tenant, kind, count(*), 0 FROM resource GROUP BY tenant, kind;

-- The resources of a type stand under the number of their attribute `id`: it stands for the tenant and the type.
INSERT OR IGNORE INTO shelf (tenant, kind, attr) SELECT tenant, kind, 'id' FROM extent WHERE tenant <> '';

-- Where an id may stand: it stands once among all types of a tenant.
CREATE INDEX shelf_attr ON shelf (tenant, attr);

-- Resources: bounded attributes as canonical JSON text. `document` stands last: what does not need it does not read it.
-- Times are milliseconds since the Unix epoch. `seq` ties the rows of indexes to theirs. linked: it has links of its own,
-- or had some.
ALTER TABLE resource RENAME TO old_resource;
CREATE TABLE resource (
  seq      INTEGER PRIMARY KEY,
  shelf    INTEGER NOT NULL,
  id       TEXT NOT NULL,
  version  INTEGER NOT NULL,
  created  INTEGER NOT NULL,
  modified INTEGER NOT NULL,
  linked   INTEGER NOT NULL,
  label    TEXT,
  document TEXT NOT NULL,
  UNIQUE (shelf, id)
) STRICT;
INSERT INTO resource (seq, shelf, id, version, created, modified, linked, label, document)
  SELECT r.seq, (SELECT s.number FROM shelf s WHERE s.tenant = r.tenant AND s.kind = r.kind AND s.attr = 'id'),
         r.id, r.version, r.created, r.modified, r.linked, r.label, r.document
  FROM old_resource r ORDER BY r.seq;
DROP TABLE old_resource;
CREATE INDEX resource_modified ON resource (shelf, modified, id);

-- The target first: nearly all rows are of one shelf, and a comparison mostly ends with the first column.
ALTER TABLE link RENAME TO old_link;
CREATE TABLE link (
  target INTEGER NOT NULL,
  shelf  INTEGER NOT NULL,
  holder INTEGER NOT NULL,
  PRIMARY KEY (target, shelf, holder)
) STRICT, WITHOUT ROWID;
INSERT INTO link (target, shelf, holder) SELECT target, shelf, holder FROM old_link ORDER BY target, shelf, holder;
DROP TABLE old_link;
