-- Numbers of attributes: under these their values stand in `claim` and `term`. None is ever given twice. What is unique
-- in the whole server stands under the tenant '' and the kind ''.
CREATE TABLE shelf (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  tenant TEXT NOT NULL,
  kind   TEXT NOT NULL,
  attr   TEXT NOT NULL,
  UNIQUE (tenant, kind, attr)
) STRICT;
INSERT INTO shelf (tenant, kind, attr)
  SELECT tenant, kind, attr FROM indexed WHERE via <> 'global'
  UNION SELECT '', '', attr FROM indexed WHERE via = 'global'
  UNION SELECT tenant, kind, attr FROM claim;

-- Unique values, and the number of the resource that has each.
ALTER TABLE claim RENAME TO old_claim;
CREATE TABLE claim (
  shelf INTEGER NOT NULL,
  token TEXT NOT NULL,
  seq   INTEGER NOT NULL,
  PRIMARY KEY (shelf, token)
) STRICT, WITHOUT ROWID;
INSERT INTO claim SELECT s.number, c.token, r.seq
  FROM shelf s
  CROSS JOIN old_claim c ON c.tenant = s.tenant AND c.kind = s.kind AND c.attr = s.attr
  CROSS JOIN extent e ON e.tenant = c.owner AND c.kind IN (e.kind, '')
  CROSS JOIN resource r ON r.tenant = e.tenant AND r.kind = e.kind AND r.id = c.holder
  ORDER BY s.number, c.token;
DROP TABLE old_claim;
CREATE INDEX claim_seq ON claim (seq);
CREATE INDEX claim_long ON claim (shelf) WHERE length(token) > 256;

-- Values of indexed attributes that need not be unique, folded by their attribute's rule.
ALTER TABLE term RENAME TO old_term;
CREATE TABLE term (
  shelf INTEGER NOT NULL,
  token TEXT NOT NULL,
  seq   INTEGER NOT NULL,
  PRIMARY KEY (shelf, token, seq)
) STRICT, WITHOUT ROWID;
INSERT INTO term SELECT s.number, t.token, r.seq
  FROM shelf s
  CROSS JOIN old_term t ON t.tenant = s.tenant AND t.kind = s.kind AND t.attr = s.attr
  CROSS JOIN resource r ON r.tenant = t.tenant AND r.kind = t.kind AND r.id = t.holder
  ORDER BY s.number, t.token, r.seq;
DROP TABLE old_term;
CREATE INDEX term_long ON term (shelf) WHERE length(token) > 256;
