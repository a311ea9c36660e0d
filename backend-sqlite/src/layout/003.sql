-- Links of a holder in bundles: `links` is a JSON array of ["target","type","label"], in ascending order of targets, and n
-- how many they are. A bundle has all targets from `first` on, up to the first of the next bundle. The label is a copy of
-- the target's, kept true by the writer.
CREATE TABLE bundle (
  tenant      TEXT NOT NULL,
  holder      TEXT NOT NULL,
  attr        TEXT NOT NULL,
  first       TEXT NOT NULL,
  holder_kind TEXT NOT NULL,
  n           INTEGER NOT NULL,
  links       TEXT NOT NULL,
  PRIMARY KEY (tenant, holder, attr, first)
) STRICT, WITHOUT ROWID;
INSERT INTO bundle (tenant, holder, attr, first, holder_kind, n, links)
  SELECT tenant, holder, attr, CASE part WHEN 0 THEN '' ELSE min(target) END, holder_kind, count(*),
         '[' || group_concat(json_array(target, target_kind, display), ',' ORDER BY target) || ']'
  FROM (SELECT *, (row_number() OVER (PARTITION BY tenant, holder, attr ORDER BY target) - 1) / 10 AS part FROM link)
  GROUP BY tenant, holder, attr, part;

-- The same links from their far end, a row each.
CREATE TABLE far (
  tenant      TEXT NOT NULL,
  target      TEXT NOT NULL,
  attr        TEXT NOT NULL,
  holder_kind TEXT NOT NULL,
  holder      TEXT NOT NULL,
  target_kind TEXT NOT NULL,
  PRIMARY KEY (tenant, target, attr, holder_kind, holder)
) STRICT, WITHOUT ROWID;
INSERT INTO far SELECT tenant, target, attr, holder_kind, holder, target_kind FROM link
  ORDER BY tenant, target, attr, holder_kind, holder;
DROP TABLE link;
ALTER TABLE far RENAME TO link;
