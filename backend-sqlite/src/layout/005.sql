-- Links from their far end, a row each: the attribute has a number, as those of values have.
INSERT OR IGNORE INTO shelf (tenant, kind, attr) SELECT DISTINCT tenant, holder_kind, attr FROM link;
ALTER TABLE link RENAME TO old_link;
CREATE TABLE link (
  shelf       INTEGER NOT NULL,
  target      TEXT NOT NULL,
  holder      TEXT NOT NULL,
  target_kind TEXT NOT NULL,
  PRIMARY KEY (shelf, target, holder)
) STRICT, WITHOUT ROWID;
INSERT INTO link SELECT s.number, l.target, l.holder, l.target_kind
  FROM old_link l
  CROSS JOIN shelf s ON s.tenant = l.tenant AND s.kind = l.holder_kind AND s.attr = l.attr
  ORDER BY s.number, l.target, l.holder;
DROP TABLE old_link;
