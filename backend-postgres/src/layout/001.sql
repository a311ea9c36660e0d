-- Texts are compared byte by byte, as the server itself compares them: every column says so. Every key begins with the
-- tenant, so that it can be the distribution column. Times are milliseconds since the Unix epoch.
CREATE TABLE layout (steps bigint NOT NULL);
INSERT INTO layout VALUES (0);

-- Resources: bounded attributes as canonical JSON text, which is sent as it stands.
CREATE TABLE resource (
  tenant   text COLLATE "C" NOT NULL,
  kind     text COLLATE "C" NOT NULL,
  id       text COLLATE "C" NOT NULL,
  version  bigint NOT NULL,
  created  bigint NOT NULL,
  modified bigint NOT NULL,
  label    text COLLATE "C",
  document text COLLATE "C" NOT NULL,
  CONSTRAINT resource_key PRIMARY KEY (tenant, kind, id)
) WITH (fillfactor = 80);
CREATE INDEX resource_modified ON resource (tenant, kind, modified, id);

-- Attributes without bound: one row a value. What a link shows is read from its other end.
CREATE TABLE link (
  tenant      text COLLATE "C" NOT NULL,
  holder      text COLLATE "C" NOT NULL,
  attr        text COLLATE "C" NOT NULL,
  target      text COLLATE "C" NOT NULL,
  holder_kind text COLLATE "C" NOT NULL,
  target_kind text COLLATE "C" NOT NULL,
  CONSTRAINT link_key PRIMARY KEY (tenant, holder, attr, target)
);
CREATE INDEX link_target ON link (tenant, target, attr, holder_kind, holder, target_kind);

-- Unique values. A value unique in the whole server stands under the tenant '' and the kind ''.
CREATE TABLE claim (
  tenant text COLLATE "C" NOT NULL,
  kind   text COLLATE "C" NOT NULL,
  attr   text COLLATE "C" NOT NULL,
  token  text COLLATE "C" NOT NULL,
  owner  text COLLATE "C" NOT NULL,
  holder text COLLATE "C" NOT NULL,
  CONSTRAINT claim_key PRIMARY KEY (tenant, kind, attr, token) INCLUDE (owner, holder)
);
CREATE INDEX claim_holder ON claim (owner, holder);
CREATE INDEX claim_order ON claim (tenant, kind, attr, holder, token);
CREATE INDEX claim_long ON claim (tenant, kind, attr) WHERE octet_length(token) > 256;

-- Values of indexed attributes that need not be unique, folded by their attribute's rule.
CREATE TABLE term (
  tenant text COLLATE "C" NOT NULL,
  kind   text COLLATE "C" NOT NULL,
  attr   text COLLATE "C" NOT NULL,
  token  text COLLATE "C" NOT NULL,
  holder text COLLATE "C" NOT NULL,
  CONSTRAINT term_key PRIMARY KEY (tenant, kind, attr, token, holder)
);
CREATE INDEX term_order ON term (tenant, kind, attr, holder, token);
CREATE INDEX term_long ON term (tenant, kind, attr) WHERE octet_length(token) > 256;

-- Counts: of resources (attr ''), of those that lack a value of an indexed attribute, and of writes that moved index rows
-- (attr '*'). Each session counts in rows of
-- its own, so that none waits for another; the sum is exact.
CREATE TABLE tally (
  tenant text COLLATE "C" NOT NULL,
  kind   text COLLATE "C" NOT NULL,
  attr   text COLLATE "C" NOT NULL,
  slot   bigint NOT NULL,
  n      bigint NOT NULL,
  CONSTRAINT tally_key PRIMARY KEY (tenant, kind, attr, slot)
) WITH (fillfactor = 20);

-- The types of a tenant, with a number that moves when their indexes do.
CREATE TABLE catalogue (
  tenant     text COLLATE "C" NOT NULL,
  kind       text COLLATE "C" NOT NULL,
  generation bigint NOT NULL,
  CONSTRAINT catalogue_key PRIMARY KEY (tenant, kind)
);

-- The indexed attributes. via: term, claim or global; state: 0 to be built, 1 built. `path` is the JSON array of keys
-- that leads to the values; `rule` how they are folded.
CREATE TABLE indexed (
  tenant text COLLATE "C" NOT NULL,
  kind   text COLLATE "C" NOT NULL,
  attr   text COLLATE "C" NOT NULL,
  via    text NOT NULL,
  path   text NOT NULL,
  rule   text NOT NULL,
  single boolean NOT NULL,
  state  bigint NOT NULL,
  CONSTRAINT indexed_key PRIMARY KEY (tenant, kind, attr)
);

CREATE TABLE secret (
  tenant text COLLATE "C" NOT NULL,
  holder text COLLATE "C" NOT NULL,
  attr   text COLLATE "C" NOT NULL,
  hash   text NOT NULL,
  CONSTRAINT secret_key PRIMARY KEY (tenant, holder, attr)
);

-- The change log. The upper bits of a position are the number of the transaction that wrote the line, so that positions
-- rise in the order in which transactions settle. `lead` is added to that number: it makes up for a cluster whose own
-- numbers are behind those of the lines, as after a restore from a dump.
CREATE TABLE change (
  tenant   text COLLATE "C" NOT NULL,
  position bigint NOT NULL,
  record   text NOT NULL,
  CONSTRAINT change_key PRIMARY KEY (tenant, position)
);
CREATE INDEX change_position ON change (position);
CREATE TABLE epoch (lead bigint NOT NULL);
INSERT INTO epoch VALUES (0);
CREATE TABLE consumer (
  name text COLLATE "C" CONSTRAINT consumer_key PRIMARY KEY,
  upto bigint NOT NULL
);

-- What is not a resource.
CREATE TABLE tenant (
  id       text COLLATE "C" CONSTRAINT tenant_key PRIMARY KEY,
  disabled boolean NOT NULL,
  created  bigint NOT NULL,
  settings text NOT NULL
);
CREATE TABLE credential (
  digest    bytea CONSTRAINT credential_key PRIMARY KEY,
  tenant    text COLLATE "C" NOT NULL,
  name      text COLLATE "C" NOT NULL,
  rights    text NOT NULL,
  profile   text,
  subject   text,
  created   bigint NOT NULL,
  expires   bigint,
  last_used bigint
);
CREATE INDEX credential_name ON credential (tenant, name, created);
CREATE TABLE note (
  name  text COLLATE "C" CONSTRAINT note_key PRIMARY KEY,
  value bytea NOT NULL
);

-- A number that moves with every change of a tenant or a credential, but for the time of its last use: what was read of
-- them holds as long as it stands. Other servers are told, and ask for it as well.
CREATE TABLE generation (n bigint NOT NULL);
INSERT INTO generation VALUES (1);
CREATE FUNCTION scim_control() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE generation SET n = n + 1;
  PERFORM pg_notify('scim_control', '');
  RETURN NULL;
END $$;
CREATE TRIGGER tenant_moves AFTER INSERT OR UPDATE OR DELETE ON tenant
  FOR EACH STATEMENT EXECUTE FUNCTION scim_control();
CREATE TRIGGER credential_moves
  AFTER INSERT OR DELETE OR UPDATE OF digest, tenant, name, rights, profile, subject, created, expires ON credential
  FOR EACH STATEMENT EXECUTE FUNCTION scim_control();

-- Ends a statement that finds, while it runs, that it may not stand; `reason` comes back as the name of a constraint.
CREATE FUNCTION scim_refuse(reason text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION USING ERRCODE = 'check_violation', CONSTRAINT = reason, MESSAGE = 'refused: ' || reason;
END $$;
