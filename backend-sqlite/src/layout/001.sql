-- Resources: bounded attributes as canonical JSON text. `document` stands last: what does not need it does not read it.
-- Times are milliseconds since the Unix epoch. `seq` ties the rows of substring indexes to theirs. linked: it has links
-- of its own, or had some.
CREATE TABLE resource (
  seq      INTEGER PRIMARY KEY,
  tenant   TEXT NOT NULL,
  kind     TEXT NOT NULL,
  id       TEXT NOT NULL,
  version  INTEGER NOT NULL,
  created  INTEGER NOT NULL,
  modified INTEGER NOT NULL,
  linked   INTEGER NOT NULL,
  label    TEXT,
  document TEXT NOT NULL,
  UNIQUE (tenant, kind, id)
) STRICT;
CREATE INDEX resource_modified ON resource (tenant, kind, modified, id);

-- Attributes without bound: one row a value. `display` is a copy of the target's label, kept true by the writer.
CREATE TABLE link (
  tenant      TEXT NOT NULL,
  holder      TEXT NOT NULL,
  attr        TEXT NOT NULL,
  target      TEXT NOT NULL,
  holder_kind TEXT NOT NULL,
  target_kind TEXT NOT NULL,
  display     TEXT,
  PRIMARY KEY (tenant, holder, attr, target)
) STRICT, WITHOUT ROWID;
CREATE INDEX link_target ON link (tenant, target, attr, holder_kind, holder, target_kind);

-- Unique values. A value unique in the whole server stands under the tenant '' and the kind ''.
CREATE TABLE claim (
  tenant TEXT NOT NULL,
  kind   TEXT NOT NULL,
  attr   TEXT NOT NULL,
  token  TEXT NOT NULL,
  owner  TEXT NOT NULL,
  holder TEXT NOT NULL,
  PRIMARY KEY (tenant, kind, attr, token)
) STRICT, WITHOUT ROWID;
CREATE INDEX claim_holder ON claim (owner, holder);
CREATE INDEX claim_long ON claim (tenant, kind, attr) WHERE length(token) > 256;

-- Values of indexed attributes that need not be unique, folded by their attribute's rule.
CREATE TABLE term (
  tenant TEXT NOT NULL,
  kind   TEXT NOT NULL,
  attr   TEXT NOT NULL,
  token  TEXT NOT NULL,
  holder TEXT NOT NULL,
  PRIMARY KEY (tenant, kind, attr, token, holder)
) STRICT, WITHOUT ROWID;
CREATE INDEX term_long ON term (tenant, kind, attr) WHERE length(token) > 256;

-- How many resources there are, and a number that moves when their indexes do. ordered: do their numbers rise with
-- their ids? Then a substring index gives its finds in list order.
CREATE TABLE extent (
  tenant     TEXT NOT NULL,
  kind       TEXT NOT NULL,
  n          INTEGER NOT NULL,
  generation INTEGER NOT NULL,
  ordered    INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (tenant, kind)
) STRICT, WITHOUT ROWID;

-- The indexed attributes. via: term, claim or global; state: 0 to be built, 1 built, 2 no longer kept; n: rows in it.
-- `path` is the JSON array of keys that leads to the values; `rule` how they are folded.
CREATE TABLE indexed (
  tenant TEXT NOT NULL,
  kind   TEXT NOT NULL,
  attr   TEXT NOT NULL,
  via    TEXT NOT NULL,
  path   TEXT NOT NULL,
  rule   TEXT NOT NULL,
  single INTEGER NOT NULL,
  search INTEGER NOT NULL,
  state  INTEGER NOT NULL,
  n      INTEGER NOT NULL,
  PRIMARY KEY (tenant, kind, attr)
) STRICT, WITHOUT ROWID;

-- Substring indexes: table `gram_{number}` holds these attributes (a JSON array) of these resources.
CREATE TABLE search (
  number INTEGER PRIMARY KEY,
  tenant TEXT NOT NULL,
  kind   TEXT NOT NULL,
  attrs  TEXT NOT NULL,
  state  INTEGER NOT NULL
) STRICT;
CREATE INDEX search_kind ON search (tenant, kind);

CREATE TABLE secret (
  tenant TEXT NOT NULL,
  holder TEXT NOT NULL,
  attr   TEXT NOT NULL,
  hash   TEXT NOT NULL,
  PRIMARY KEY (tenant, holder, attr)
) STRICT, WITHOUT ROWID;

-- The change log. Its ids never come twice, also when the newest lines are trimmed.
CREATE TABLE change (
  id     INTEGER PRIMARY KEY AUTOINCREMENT,
  tenant TEXT NOT NULL,
  record TEXT NOT NULL
) STRICT;
CREATE TABLE consumer (
  name TEXT PRIMARY KEY,
  upto INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What is not a resource.
CREATE TABLE tenant (
  id       TEXT PRIMARY KEY,
  disabled INTEGER NOT NULL,
  created  INTEGER NOT NULL,
  settings TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE credential (
  digest    BLOB PRIMARY KEY,
  tenant    TEXT NOT NULL,
  name      TEXT NOT NULL,
  rights    TEXT NOT NULL,
  profile   TEXT,
  subject   TEXT,
  created   INTEGER NOT NULL,
  expires   INTEGER,
  last_used INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX credential_name ON credential (tenant, name, created);
CREATE TABLE note (
  name  TEXT PRIMARY KEY,
  value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- A number that moves with every change of a tenant or a credential: what was read of them holds as long as it stands.
CREATE TABLE generation (n INTEGER NOT NULL) STRICT;
INSERT INTO generation VALUES (1);
CREATE TRIGGER tenant_insert AFTER INSERT ON tenant BEGIN UPDATE generation SET n = n + 1; END;
CREATE TRIGGER tenant_update AFTER UPDATE ON tenant BEGIN UPDATE generation SET n = n + 1; END;
CREATE TRIGGER tenant_delete AFTER DELETE ON tenant BEGIN UPDATE generation SET n = n + 1; END;
CREATE TRIGGER credential_insert AFTER INSERT ON credential BEGIN UPDATE generation SET n = n + 1; END;
CREATE TRIGGER credential_update AFTER UPDATE ON credential BEGIN UPDATE generation SET n = n + 1; END;
CREATE TRIGGER credential_delete AFTER DELETE ON credential BEGIN UPDATE generation SET n = n + 1; END;
