-- Links from their far end by the numbers of both: `target` and `holder` are `resource.seq`. A number has one type, so none
-- is named beside it.
ALTER TABLE link RENAME TO old_link;
CREATE TABLE link (
  shelf  INTEGER NOT NULL,
  target INTEGER NOT NULL,
  holder INTEGER NOT NULL,
  PRIMARY KEY (shelf, target, holder)
) STRICT, WITHOUT ROWID;
INSERT INTO link SELECT l.shelf, t.seq, h.seq
  FROM old_link l
  CROSS JOIN shelf s ON s.number = l.shelf
  CROSS JOIN resource t ON t.tenant = s.tenant AND t.kind = l.target_kind AND t.id = l.target
  CROSS JOIN resource h ON h.tenant = s.tenant AND h.kind = s.kind AND h.id = l.holder
  ORDER BY l.shelf, t.seq, h.seq;
DROP TABLE old_link;
