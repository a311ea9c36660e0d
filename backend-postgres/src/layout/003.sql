-- What the server shall believe of columns that are looked up by value, whatever it sees: statements are planned once for
-- all values, and a tenant with a single group must not make it believe that every group has all members. Negative: distinct
-- values as a part of the rows. Counts from the next ANALYZE on.
ALTER TABLE resource ALTER id SET (n_distinct = -1);
ALTER TABLE link ALTER holder SET (n_distinct = -0.1), ALTER target SET (n_distinct = -0.5);
ALTER TABLE claim ALTER token SET (n_distinct = -1), ALTER holder SET (n_distinct = -0.5);
ALTER TABLE term ALTER token SET (n_distinct = -0.5), ALTER holder SET (n_distinct = -0.2);
ALTER TABLE secret ALTER holder SET (n_distinct = -1);
