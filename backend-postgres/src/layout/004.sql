-- Links of which a holder has few, in order of their holders: those of a page are found in one way through it. Members are left
-- out, for there are many, and they are never looked for so.
CREATE INDEX link_single ON link (tenant, attr, holder, target, target_kind) WHERE attr <> 'members';
