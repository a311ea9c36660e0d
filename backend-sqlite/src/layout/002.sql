-- What clients call resources of a store that has no place for it: a directory.
CREATE TABLE external (
  tenant TEXT NOT NULL,
  client TEXT NOT NULL,
  id     TEXT NOT NULL,
  value  TEXT NOT NULL,
  PRIMARY KEY (tenant, client, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX external_value ON external (tenant, client, value, id);
CREATE INDEX external_id ON external (tenant, id);
