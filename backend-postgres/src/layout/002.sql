-- What clients call resources of a store that has no place for it: a directory.
CREATE TABLE external (
  tenant text COLLATE "C" NOT NULL,
  client text COLLATE "C" NOT NULL,
  id     text COLLATE "C" NOT NULL,
  value  text COLLATE "C" NOT NULL,
  PRIMARY KEY (tenant, client, id)
);
CREATE INDEX external_value ON external (tenant, client, value, id);
CREATE INDEX external_id ON external (tenant, id);
